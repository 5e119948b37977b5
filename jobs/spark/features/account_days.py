"""features.account_days: one row per account, business date and period of belief: what it bought.

Nearly always a day has one row: all its lines were known by one closing, and no one corrected them.
Summed over the rows as known at a day, the amounts are exactly what was believed then. An order
counts from the first day on which any of its lines was known.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.history import every_version
from jobs.table import FOREVER, Events, Input

AMOUNTS = (
    "sales_usd",
    "winsorised_sales_usd",
    "fuel_sales_usd",
    "loyalty_discount_usd",
    "coupon_discount_usd",
    "coupon_match_discount_usd",
)
DAY = ("account_id", "business_date")
PERIOD = ("known_date", "superseded_date")
LINE = ("order_id", "product_id", "business_date", "known_date")
CUT_USD = "sales_usd - winsorised_sales_usd"

SCHEMA = """
    account_id string not null comment 'customer',
    business_date date not null comment 'day at the shop',
    known_date date not null comment 'business day by whose closing this was known of the day',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    orders int not null comment 'orders',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives, all departments',
    winsorised_sales_usd decimal(12,2) not null comment 'USD, unusual lines cut to what is usual',
    fuel_sales_usd decimal(12,2) not null comment 'USD, of it lines measured in gallons',
    loyalty_discount_usd decimal(12,2) not null comment 'USD given by the loyalty card, positive',
    coupon_discount_usd decimal(12,2) not null comment 'USD of makers coupons, positive',
    coupon_match_discount_usd decimal(12,2) not null comment 'USD that the shop adds, positive'
"""


def told_in_parts(account_days: DataFrame, superseded: DataFrame) -> DataFrame:
    """Days of which lines came late, or were corrected."""
    late = account_days.where("first_known_date < known_date").select(*DAY)
    return late.unionByName(superseded.select(*DAY)).distinct()


def at_once(account_days: DataFrame, in_parts: DataFrame, unusual: DataFrame) -> DataFrame:
    """Days of which all was known by one closing, as gold has them."""
    cut = unusual.groupBy(*DAY).agg(F.sum(F.expr(CUT_USD)).alias("cut_usd"))
    winsorised = F.col("sales_usd") - F.coalesce("cut_usd", F.lit(0))
    return (
        account_days.join(in_parts, on=list(DAY), how="left_anti")
        .join(cut, on=list(DAY), how="left")
        .withColumn("winsorised_sales_usd", winsorised.cast("decimal(12,2)"))
        .select(*DAY, "known_date", F.lit(FOREVER).alias("superseded_date"), "orders", *AMOUNTS)
    )


def part_by_part(lines: DataFrame, unusual: DataFrame) -> DataFrame:
    """Sums over the versions of lines that were believed together, for each such period."""
    in_time = Window.partitionBy(*DAY).orderBy("from_date")
    periods = (
        lines.select(*DAY, F.explode(F.array(*PERIOD)).alias("from_date"))
        .distinct()
        .withColumn("to_date", F.lead("from_date").over(in_time))
        .where("to_date is not null")
    )
    fuel = F.when(F.col("fuel_gallons").isNotNull(), F.col("sales_usd")).otherwise(0)
    return (
        lines.join(
            unusual.select(*LINE, F.expr(CUT_USD).alias("cut_usd")), on=list(LINE), how="left"
        )
        .withColumn("winsorised_sales_usd", F.expr("sales_usd - coalesce(cut_usd, 0)"))
        .withColumn("fuel_sales_usd", fuel)
        .join(periods, on=list(DAY), how="inner")
        .where("known_date <= from_date and superseded_date > from_date")
        .groupBy(*DAY, F.col("from_date").alias("known_date"), "to_date")
        .agg(
            F.countDistinct("order_id").cast("int").alias("orders"),
            *[F.sum(name).cast("decimal(12,2)").alias(name) for name in AMOUNTS],
        )
        .withColumnRenamed("to_date", "superseded_date")
        .select(*DAY, *PERIOD, "orders", *AMOUNTS)
    )


def make(
    account_days: DataFrame, order_lines: DataFrame, superseded: DataFrame, unusual: DataFrame
) -> DataFrame:
    in_parts = told_in_parts(account_days, superseded)
    lines = every_version(order_lines, superseded).join(in_parts, on=list(DAY), how="left_semi")
    return at_once(account_days, in_parts, unusual).unionByName(part_by_part(lines, unusual))


TABLE = Events(
    "features.account_days",
    SCHEMA,
    key=(*DAY, "known_date"),
    slice="business_date",
    inputs=(
        Input("gold.account_days"),
        Input("silver.order_lines"),
        Input("silver.order_lines_superseded"),
        Input("silver.unusual_lines"),
    ),
    make=make,
)
