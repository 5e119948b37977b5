"""gold.product_weeks: one row per product and business week in which it was sold or promoted.

A product that is promoted and sells nothing has a row with zeros: the plan of a week is known
before the week begins, so rows of the coming week are plan only.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.table import Events, Input, same_date

# what a promotion says where the product is not displayed, or not in the mailer
NOT_PLACED = "0"

SCHEMA = """
    product_id string not null comment 'article',
    week_start_date date not null comment 'Monday of the business week',
    department string comment 'null: not sold in this week, or the ERP does not know the product',
    sales_usd decimal(12,2) not null comment 'USD that the shops receive',
    lines int not null comment 'order lines = orders; 0 = promoted only',
    accounts int not null comment 'customers who bought it',
    stores int not null comment 'shops that sold it',
    units bigint not null comment 'pieces; fuel and unknown products count 0',
    plan_known_date date comment 'business day by whose closing the plan was known; null: no plan',
    planned_stores int not null comment 'shops with any promotion planned in this week',
    display_store_share double not null comment 'shops that display it / planned_stores',
    mailer_store_share double not null comment 'shops with it in the mailer / planned_stores',
    promoted_store_share double not null comment 'shops with either / planned_stores, 0 to 1'
"""

KEY = ("product_id", "week_start_date")
PLACES = ("display", "mailer", "promoted")


def sales_by_week(order_lines: DataFrame) -> DataFrame:
    """Sums over lines; (order, product) is the lines' key, so a line is an order here."""
    return order_lines.groupBy(*KEY).agg(
        F.max("department").alias("department"),
        F.sum("sales_usd").alias("sales_usd"),
        F.count("*").alias("lines"),
        F.size(F.collect_set("account_id")).alias("accounts"),
        F.size(F.collect_set("store_id")).alias("stores"),
        F.sum("units").alias("units"),
    )


def plan_by_week(promotions: DataFrame) -> DataFrame:
    """Shops per product and week: a shop counts once, however many of its places show the product.

    Sets of shops were measured at a third of the time of two grouped counts (20.9 million rows).
    """

    def stores(placed: str) -> Column:
        return F.size(F.collect_set(F.expr(f"case when {placed} then store_id end")))

    plan = promotions.groupBy(*KEY).agg(
        stores(f"display_location <> '{NOT_PLACED}'").alias("display_stores"),
        stores(f"mailer_location <> '{NOT_PLACED}'").alias("mailer_stores"),
        stores("true").alias("promoted_stores"),
    )
    planned = promotions.groupBy("week_start_date").agg(
        stores("true").alias("planned_stores"), F.max("known_date").alias("plan_known_date")
    )
    return plan.join(F.broadcast(planned), on="week_start_date", how="inner")


def share(place: str) -> Column:
    """Of the shops with a plan, those that place a product so; 0 where there is no plan."""
    shops = F.col(f"{place}_stores") / F.col("planned_stores")
    return F.coalesce(F.round(shops, 6), F.lit(0.0)).alias(f"{place}_store_share")


def make(order_lines: DataFrame, promotions: DataFrame) -> DataFrame:
    def count(name: str, kind: str = "int") -> Column:
        return F.coalesce(name, F.lit(0)).cast(kind).alias(name)

    return (
        sales_by_week(order_lines)
        .join(plan_by_week(promotions), on=list(KEY), how="full")
        .select(
            *KEY,
            "department",
            count("sales_usd", "decimal(12,2)"),
            count("lines"),
            count("accounts"),
            count("stores"),
            count("units", "bigint"),
            "plan_known_date",
            count("planned_stores"),
            *[share(place) for place in PLACES],
        )
    )


TABLE = Events(
    "gold.product_weeks",
    SCHEMA,
    key=KEY,
    slice="week_start_date",
    grain="week",
    inputs=(
        Input("silver.order_lines", touches=same_date(on="week_start_date")),
        Input("silver.promotions"),
    ),
    make=make,
)
