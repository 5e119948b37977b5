"""features.interactions: one row per account, product, business date and period of belief.

The lines of the public protocol: known product of a merchandise department, quantity and sales
above zero. Summed over the rows as known at a day, `orders` are the distinct (account, order,
product) that recommenders count.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.history import every_version
from jobs.table import Events, Input

SCHEMA = """
    account_id string not null comment 'customer',
    product_id string not null comment 'article',
    business_date date not null comment 'day at the shop',
    known_date date not null comment 'business day by whose closing the lines were known as this',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    orders int not null comment 'orders that contain the product',
    units bigint not null comment 'pieces',
    sales_usd decimal(12,2) not null comment 'USD that the shop receives',
    product_type string comment 'lowest level of the range, as listed then; null: none given',
    department string not null comment 'highest level of the range, as listed then'
"""

KEY = ("account_id", "product_id", "business_date", "known_date", "superseded_date")


def bought(order_lines: DataFrame) -> DataFrame:
    """Lines that say something about a customer's taste."""
    return order_lines.where(
        "account_id is not null and is_product_known and is_merchandise"
        " and quantity > 0 and sales_usd > 0"
    )


def make(order_lines: DataFrame, superseded: DataFrame) -> DataFrame:
    # (order, product) is the lines' key: a line of a product is an order of it
    return (
        every_version(order_lines, superseded)
        .transform(bought)
        .groupBy(*KEY)
        .agg(
            F.count("*").cast("int").alias("orders"),
            F.coalesce(F.sum("units"), F.lit(0)).cast("bigint").alias("units"),
            F.sum("sales_usd").cast("decimal(12,2)").alias("sales_usd"),
            F.max("product_type").alias("product_type"),
            F.max("department").alias("department"),
        )
        .select(*KEY, "orders", "units", "sales_usd", "product_type", "department")
    )


TABLE = Events(
    "features.interactions",
    SCHEMA,
    key=KEY,
    slice="business_date",
    inputs=(Input("silver.order_lines"), Input("silver.order_lines_superseded")),
    make=make,
)
