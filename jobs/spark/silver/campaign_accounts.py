"""silver.campaign_accounts: one row per customer that a campaign addressed."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest, oldest_first
from jobs.spark.customers import of_customer
from jobs.table import Entities, Input, everything

SCHEMA = """
    campaign_id string not null comment 'campaign',
    account_id string not null comment 'customer addressed; of several accounts the survivor',
    known_at timestamp not null comment 'UTC; when the first drop that says so was complete'
"""


def make(addressed: DataFrame, identities: DataFrame) -> DataFrame:
    of_customers = of_customer(addressed, identities).drop("source_account_id")
    return newest(of_customers, ("campaign_id", "account_id"), oldest_first()).select(
        "campaign_id",
        "account_id",
        F.col("_known_at").alias("known_at"),
        "_duplicates",
        "_superseded",
    )


TABLE = Entities(
    "silver.campaign_accounts",
    SCHEMA,
    key=("campaign_id", "account_id"),
    unit=("campaign_id",),
    inputs=(
        Input("bronze.campaign_accounts"),
        Input("silver.account_identities", touches=everything),
    ),
    make=make,
)
