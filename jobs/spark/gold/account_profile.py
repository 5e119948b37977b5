"""gold.account_profile: one row per customer: who they are and how they have bought so far.

No name, no address, and nothing that changes by itself from day to day: ages ("days since …") are
in the as-of tables, features.account_features and scores.crm_outbox.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.customers import customers
from jobs.table import Entities, Input

FAVOURITES = 3  # departments named, by spend

SCHEMA = """
    account_id string not null comment 'customer, as the CRM calls it',
    is_in_crm boolean not null comment 'false: buys, but is not (or no longer) in the CRM',
    is_contactable boolean not null comment 'false: objects to marketing, or is not in the CRM',
    objected_date date comment 'day at the CRM on which that was said; null: not said, or not told',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'as in the CRM',
    marital_status string comment 'as in the CRM',
    household_size string comment 'persons',
    household_composition string comment 'as in the CRM',
    kids_count string comment 'children',
    first_order_date date comment 'business date; null = never bought',
    last_order_date date comment 'business date; null = never bought',
    orders int not null comment 'orders so far',
    order_days int not null comment 'business dates with an order',
    days_between_orders double comment 'days, mean gap between order days; null below two of them',
    spend_usd decimal(12,2) not null comment 'USD that the shops received, all departments',
    fuel_spend_usd decimal(12,2) not null comment 'USD, of it fuel',
    discount_share double comment 'all discounts / shelf price, 0 to 1; null = no spend',
    favourite_departments array<string> not null comment 'up to 3 departments, most spend first',
    campaigns_received int not null comment 'campaigns that addressed the customer',
    campaigns_answered int not null comment 'of any campaign: a coupon of it was redeemed',
    coupons_redeemed int not null comment 'coupons'
"""

WHO = (
    "age_band",
    "income_band",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_composition",
    "kids_count",
)


def purchases(account_days: DataFrame) -> DataFrame:
    """Sums over an account's days. Shelf price = sales + loyalty + match, paid = sales - coupon."""
    off = "loyalty_discount_usd + coupon_discount_usd + coupon_match_discount_usd"
    shelf = "sales_usd + loyalty_discount_usd + coupon_match_discount_usd"
    first, last = F.min("business_date"), F.max("business_date")
    order_days = F.countDistinct("business_date")
    gap = F.datediff(last, first) / F.nullif(order_days - 1, F.lit(0))
    return account_days.groupBy("account_id").agg(
        first.alias("first_order_date"),
        last.alias("last_order_date"),
        F.sum("orders").alias("orders"),
        order_days.alias("order_days"),
        F.round(gap, 2).alias("days_between_orders"),
        F.sum("sales_usd").alias("spend_usd"),
        F.sum("fuel_sales_usd").alias("fuel_spend_usd"),
        F.round(F.expr(f"sum({off}) / nullif(sum({shelf}), 0)").cast("double"), 4).alias(
            "discount_share"
        ),
    )


def favourites(account_days: DataFrame) -> DataFrame:
    most_first = Window.partitionBy("account_id").orderBy(F.desc("spend"), "department")
    ranked = (
        account_days.select("account_id", F.inline("departments"))
        .where("department is not null")
        .groupBy("account_id", "department")
        .agg(F.sum("sales_usd").alias("spend"))
        .where("spend > 0")
        .withColumn("place", F.row_number().over(most_first))
        .where(F.col("place") <= FAVOURITES)
    )
    in_order = F.array_sort(F.collect_list(F.struct("place", "department")))
    return ranked.groupBy("account_id").agg(
        in_order.getField("department").alias("favourite_departments")
    )


def make(
    account_days: DataFrame,
    accounts: DataFrame,
    campaign_accounts: DataFrame,
    redemptions: DataFrame,
    identities: DataFrame,
) -> DataFrame:
    received = campaign_accounts.groupBy("account_id").agg(
        F.countDistinct("campaign_id").alias("campaigns_received")
    )
    answered = redemptions.groupBy("account_id").agg(
        F.countDistinct("campaign_id").alias("campaigns_answered"),
        F.count("*").alias("coupons_redeemed"),
    )

    def number(name: str, kind: str = "int") -> Column:
        return F.coalesce(name, F.lit(0)).cast(kind).alias(name)

    return (
        customers(accounts, identities)
        .withColumn("is_in_crm", F.lit(True))
        .join(purchases(account_days), on="account_id", how="full")
        .join(favourites(account_days), on="account_id", how="left")
        .join(received, on="account_id", how="left")
        .join(answered, on="account_id", how="left")
        .select(
            "account_id",
            F.coalesce("is_in_crm", F.lit(False)).alias("is_in_crm"),
            F.coalesce("is_contactable", F.lit(False)).alias("is_contactable"),
            "objected_date",
            *WHO,
            "first_order_date",
            "last_order_date",
            number("orders"),
            number("order_days"),
            "days_between_orders",
            number("spend_usd", "decimal(12,2)"),
            number("fuel_spend_usd", "decimal(12,2)"),
            "discount_share",
            F.coalesce("favourite_departments", F.array().cast("array<string>")).alias(
                "favourite_departments"
            ),
            number("campaigns_received"),
            number("campaigns_answered"),
            number("coupons_redeemed"),
        )
    )


TABLE = Entities(
    "gold.account_profile",
    SCHEMA,
    key=("account_id",),
    inputs=(
        Input("gold.account_days"),
        Input("silver.accounts"),
        Input("silver.campaign_accounts"),
        Input("silver.redemptions"),
        Input("silver.account_identities"),
    ),
    make=make,
)
