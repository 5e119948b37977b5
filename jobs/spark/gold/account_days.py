"""gold.account_days: one row per account and business date: what it bought, as believed today.

The base of the profile: what it knows of a customer comes from here, not from lines. What was
believed of a day before is in features.account_days.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.table import Events, Input

SCHEMA = """
    account_id string not null comment 'customer, as the CRM calls it',
    business_date date not null comment 'day at the shop',
    first_known_date date not null comment 'business day by whose closing a line of it was known',
    known_date date not null comment 'business day by whose closing all of it was known as it is',
    orders int not null comment 'orders',
    lines int not null comment 'order lines, zero lines included',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives, all departments',
    merchandise_sales_usd decimal(12,2) not null comment 'USD, of it departments that sell goods',
    fuel_sales_usd decimal(12,2) not null comment 'USD, of it lines measured in gallons',
    loyalty_discount_usd decimal(12,2) not null comment 'USD given by the loyalty card, positive',
    coupon_discount_usd decimal(12,2) not null comment 'USD of makers coupons, positive',
    coupon_match_discount_usd decimal(12,2) not null comment 'USD that the shop adds, positive',
    departments array<struct<department:string,sales_usd:decimal(12,2)>> not null
        comment 'USD by department, sorted by name; null name = product unknown'
"""

AMOUNTS = (
    "sales_usd",
    "merchandise_sales_usd",
    "fuel_sales_usd",
    "loyalty_discount_usd",
    "coupon_discount_usd",
    "coupon_match_discount_usd",
)
KNOWN = ("first_known_date", "known_date")
DAY = ("account_id", "business_date")


def by_department(lines: DataFrame) -> DataFrame:
    """First step of the sum: few rows are left, and the orders are kept as a set."""
    nothing = F.lit(0).cast("decimal(12,2)")
    return (
        lines.withColumn(
            "merchandise_sales_usd", F.when(F.col("is_merchandise"), F.col("sales_usd"))
        )
        .withColumn("fuel_sales_usd", F.when(F.col("fuel_gallons").isNotNull(), F.col("sales_usd")))
        .groupBy(*DAY, "department")
        .agg(
            F.min("known_date").alias("first_known_date"),
            F.max("known_date").alias("known_date"),
            F.count("*").alias("lines"),
            F.collect_set("order_id").alias("order_ids"),
            *[F.coalesce(F.sum(name), nothing).alias(name) for name in AMOUNTS],
        )
    )


def make(order_lines: DataFrame) -> DataFrame:
    department = F.struct("department", F.col("sales_usd").cast("decimal(12,2)").alias("sales_usd"))
    return (
        order_lines.transform(by_department)
        .groupBy(*DAY)
        .agg(
            F.min("first_known_date").alias("first_known_date"),
            F.max("known_date").alias("known_date"),
            F.size(F.array_distinct(F.flatten(F.collect_list("order_ids")))).alias("orders"),
            F.sum("lines").cast("int").alias("lines"),
            *[F.sum(name).cast("decimal(12,2)").alias(name) for name in AMOUNTS],
            F.sort_array(F.collect_list(department)).alias("departments"),
        )
        .select(*DAY, *KNOWN, "orders", "lines", *AMOUNTS, "departments")
    )


TABLE = Events(
    "gold.account_days",
    SCHEMA,
    key=DAY,
    slice="business_date",
    inputs=(Input("silver.order_lines"),),
    make=make,
)
