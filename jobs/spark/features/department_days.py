"""features.department_days: one row per department, business date and period of belief: its sales.

Nearly always a day has one row. A late or corrected line, or a product that the ERP moves to
another department, ends it by the closing of the day on which that became known, and begins
another.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.gold.daily_sales import UNKNOWN_DEPARTMENT
from jobs.spark.history import believed, every_version, moves
from jobs.table import Events, Input

DAY = ("department", "business_date")

SCHEMA = """
    department string not null comment 'as listed then; UNKNOWN: the ERP did not list the product',
    business_date date not null comment 'day at the shop',
    known_date date not null comment 'business day by whose closing this was known of the day',
    superseded_date date not null comment 'no longer believed by its closing; 9999-12-31: still is',
    sales_usd decimal(12,2) not null comment 'USD that the shops receive, all lines'
"""


def make(order_lines: DataFrame, superseded: DataFrame) -> DataFrame:
    lines = every_version(order_lines, superseded).withColumns(
        {"department": F.coalesce("department", F.lit(UNKNOWN_DEPARTMENT)), "lines": F.lit(1)}
    )
    return (
        moves(lines, DAY, "sales_usd", "lines")
        .transform(believed, DAY, "sales_usd", "lines")
        .where("lines > 0")
        .select(
            *DAY,
            "known_date",
            "superseded_date",
            F.col("sales_usd").cast("decimal(12,2)").alias("sales_usd"),
        )
    )


TABLE = Events(
    "features.department_days",
    SCHEMA,
    key=(*DAY, "known_date"),
    slice="business_date",
    inputs=(Input("silver.order_lines"), Input("silver.order_lines_superseded")),
    make=make,
)
