"""silver.campaigns: one row per campaign, what the ERP said last."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest, newest_first
from jobs.table import Entities, Input

SCHEMA = """
    campaign_id string not null comment 'campaign',
    campaign_type string not null comment 'Type A (large), Type B or Type C',
    start_date date not null comment 'first day on which its coupons count',
    end_date date not null comment 'last day on which its coupons count',
    known_at timestamp not null comment 'UTC; when the drop that says so was complete'
"""


def make(campaigns: DataFrame) -> DataFrame:
    return newest(campaigns, ("campaign_id",), newest_first()).select(
        "campaign_id",
        "campaign_type",
        "start_date",
        "end_date",
        F.col("_known_at").alias("known_at"),
        "_duplicates",
        "_superseded",
    )


TABLE = Entities(
    "silver.campaigns",
    SCHEMA,
    key=("campaign_id",),
    inputs=(Input("bronze.campaigns"),),
    make=make,
)
