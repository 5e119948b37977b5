"""gold.daily_sales: one row per business date, store and department, all lines."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Events, Input

# the key needs a name for lines whose product is not in silver.products
UNKNOWN_DEPARTMENT = "UNKNOWN"

SCHEMA = """
    business_date date not null comment 'day at the shop',
    store_id string not null comment 'shop',
    department string not null comment 'UNKNOWN: the ERP does not know the product',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives',
    lines int not null comment 'order lines, zero lines included',
    orders int not null comment 'orders with a line here; not to be summed over departments',
    units bigint not null comment 'pieces; lines measured in gallons count 0',
    fuel_gallons double not null comment 'US gallons; 0 where pieces are sold',
    loyalty_discount_usd decimal(12,2) not null comment 'USD given by the loyalty card, positive',
    coupon_discount_usd decimal(12,2) not null comment 'USD of makers coupons, positive',
    coupon_match_discount_usd decimal(12,2) not null comment 'USD that the shop adds, positive'
"""

KEY = ("business_date", "store_id", "department")
AMOUNTS = ("loyalty_discount_usd", "coupon_discount_usd", "coupon_match_discount_usd")


def make(order_lines: DataFrame) -> DataFrame:
    department = F.coalesce("department", F.lit(UNKNOWN_DEPARTMENT))
    # thousandths are what the till measures: rounding hides the order in which doubles were added
    gallons = F.round(F.coalesce(F.sum("fuel_gallons"), F.lit(0.0)), 3)
    return (
        order_lines.withColumn("department", department)
        .groupBy(*KEY)
        .agg(
            F.sum("sales_usd").cast("decimal(12,2)").alias("sales_usd"),
            F.count("*").cast("int").alias("lines"),
            F.size(F.collect_set("order_id")).alias("orders"),
            F.coalesce(F.sum("units"), F.lit(0)).cast("bigint").alias("units"),
            gallons.alias("fuel_gallons"),
            *[F.sum(name).cast("decimal(12,2)").alias(name) for name in AMOUNTS],
        )
        .select(*KEY, "sales_usd", "lines", "orders", "units", "fuel_gallons", *AMOUNTS)
    )


TABLE = Events(
    "gold.daily_sales",
    SCHEMA,
    key=KEY,
    slice="business_date",
    inputs=(Input("silver.order_lines"),),
    make=make,
)
