"""silver.coupons: one row per coupon, product that it counts for, and campaign."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest, oldest_first
from jobs.table import Entities, Input

SCHEMA = """
    coupon_upc string not null comment 'bar code of the coupon',
    product_id string not null comment 'article that the coupon counts for',
    campaign_id string not null comment 'campaign that handed it out',
    known_at timestamp not null comment 'UTC; when the first drop that says so was complete'
"""


def make(coupons: DataFrame) -> DataFrame:
    # the ERP repeats 4% of the rows word by word; nothing is lost with the copies
    return newest(coupons, ("coupon_upc", "product_id", "campaign_id"), oldest_first()).select(
        "coupon_upc",
        "product_id",
        "campaign_id",
        F.col("_known_at").alias("known_at"),
        "_duplicates",
        "_superseded",
    )


TABLE = Entities(
    "silver.coupons",
    SCHEMA,
    key=("coupon_upc", "product_id", "campaign_id"),
    inputs=(Input("bronze.coupons"),),
    make=make,
)
