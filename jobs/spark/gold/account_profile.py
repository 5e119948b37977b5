"""gold.account_profile: one row per customer: who they are, how they buy, what campaigns did.

No name, no address, and nothing that changes by itself from day to day: ages ("days since …") are
in the as-of tables, features.account_features and scores.crm_outbox. The sums are of everything so
far, as known now; only who bought, or is told of, is made anew.

Nor what is made from this table, and so lies to its right: the whole of a customer, with scores
that hold, next products, next action and last deliveries, is scores.account_360.

A trend needs a day to look back from. A customer's own last order would show who left as they were
before they left, and no two customers over the same weeks; the newest day would make every row anew
every day. So it is the last Sunday of a week that is over, `as_of_date`, the same for all: every
row moves once a week, and the weeks are whole.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.customers import customers
from jobs.spark.purchases import purchases
from jobs.spark.responses import BY_TYPE, responses
from jobs.table import Entities, Input, everything

SCHEMA = f"""
    account_id string not null comment 'customer, as the CRM calls it',
    accounts int not null comment 'accounts that are this customer, its own included',
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
    basket_usd decimal(12,2) comment 'USD an order, mean; null = never bought',
    basket_lines double comment 'lines an order, mean, zero lines included; null = never bought',
    as_of_date date comment 'Sunday to which the weeks below go; null: no week is over yet',
    orders_12_weeks int not null comment 'orders in the 84 days to as_of_date',
    orders_12_weeks_before int not null comment 'orders in the 84 days before those',
    order_trend string comment 'improving, declining: by over a quarter; steady; new; null: none',
    spend_12_weeks_usd decimal(12,2) not null comment 'USD in the 84 days to as_of_date',
    spend_12_weeks_before_usd decimal(12,2) not null comment 'USD in the 84 days before those',
    spend_trend string comment 'as order_trend, of spend; new: first order within these 168 days',
    discount_share double comment 'all discounts / shelf price, 0 to 1; null = no spend',
    discounted_line_share double comment 'lines with a discount / lines sold, 0 to 1; null: none',
    coupon_share double comment 'order days with a maker coupon / order days, 0 to 1; null: none',
    private_label_share double comment 'own label / spend on listed goods, 0 to 1; null: none',
    favourite_departments array<string> not null comment 'up to 3 departments, most spend first',
    favourite_brands array<string> not null comment 'up to 3, as the ERP has them, by spend',
    favourite_manufacturer_ids array<string> not null comment 'up to 3 makers, most spend first',
    favourite_store_ids array<string> not null comment 'up to 3 shops, most orders first',
    favourite_weekdays array<string> not null comment 'up to 3, such as Sunday, most orders first',
    preferred_products array<string> not null
        comment 'up to 5 articles, in most orders first, as a person says them',
    preferred_product_ids array<string> not null comment 'the same articles',
    campaigns_received int not null comment 'campaigns that addressed the customer',
    campaigns_answered int not null comment 'of any campaign: a coupon of it was redeemed',
    campaign_answer_rate double comment 'answered / received, of those received; null: none was',
    coupons_offered int not null comment 'coupons of campaigns received; some were sent fewer',
    coupons_redeemed int not null comment 'coupons of any campaign, each time',
    coupon_use_rate double comment 'coupons offered and redeemed / offered; null: none was',
    campaigns_by_type {BY_TYPE} not null
        comment 'the same of campaigns received, by type; null type: not told'
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
FAVOURITES = (
    *("favourite_departments", "favourite_brands", "favourite_manufacturer_ids"),
    *("favourite_store_ids", "favourite_weekdays", "preferred_products", "preferred_product_ids"),
)


def number(name: str, kind: str = "int") -> Column:
    return F.coalesce(name, F.lit(0)).cast(kind).alias(name)


def usd(name: str) -> Column:
    return number(name, "decimal(12,2)")


def names(name: str, kind: str = "array<string>") -> Column:
    return F.coalesce(name, F.array().cast(kind)).alias(name)


def described(profiles: DataFrame) -> DataFrame:
    """The columns of SCHEMA: what is not there is zero, or empty, or stays unknown."""
    return profiles.select(
        "account_id",
        F.coalesce("accounts", F.lit(1)).alias("accounts"),
        F.coalesce("is_in_crm", F.lit(False)).alias("is_in_crm"),
        F.coalesce("is_contactable", F.lit(False)).alias("is_contactable"),
        "objected_date",
        *WHO,
        "first_order_date",
        "last_order_date",
        number("orders"),
        number("order_days"),
        "days_between_orders",
        usd("spend_usd"),
        usd("fuel_spend_usd"),
        "basket_usd",
        "basket_lines",
        "as_of_date",
        number("orders_12_weeks"),
        number("orders_12_weeks_before"),
        "order_trend",
        usd("spend_12_weeks_usd"),
        usd("spend_12_weeks_before_usd"),
        "spend_trend",
        "discount_share",
        "discounted_line_share",
        "coupon_share",
        "private_label_share",
        *[names(name) for name in FAVOURITES],
        number("campaigns_received"),
        number("campaigns_answered"),
        "campaign_answer_rate",
        number("coupons_offered"),
        number("coupons_redeemed"),
        "coupon_use_rate",
        names("campaigns_by_type", BY_TYPE),
    )


def make(
    account_days: DataFrame,
    closed_weeks: DataFrame,
    habits: DataFrame,
    accounts: DataFrame,
    identities: DataFrame,
    campaign_accounts: DataFrame,
    campaigns: DataFrame,
    coupons: DataFrame,
    redemptions: DataFrame,
) -> DataFrame:
    as_of = closed_weeks.agg(F.max("week_end_date").alias("as_of_date"))
    known = (
        customers(accounts, identities)
        .withColumn("is_in_crm", F.lit(True))
        .join(purchases(account_days, as_of), on="account_id", how="full")
        .join(identities.select("account_id", "accounts"), on="account_id", how="left")
    )
    sent = responses(campaign_accounts, campaigns, coupons, redemptions)
    return (
        known.join(habits, on="account_id", how="left")
        .join(sent, on="account_id", how="left")
        .crossJoin(F.broadcast(as_of))
        .transform(described)
    )


TABLE = Entities(
    "gold.account_profile",
    SCHEMA,
    key=("account_id",),
    inputs=(
        Input("gold.account_days"),
        Input("gold.closed_weeks", touches=everything),
        Input("gold.account_habits"),
        Input("silver.accounts"),
        Input("silver.account_identities"),
        Input("silver.campaign_accounts"),
        Input("silver.campaigns", touches=everything),
        Input("silver.coupons", touches=everything),
        Input("silver.redemptions"),
    ),
    make=make,
)
