"""silver.redemptions: one row per coupon that a customer redeemed on a day."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest, oldest_first
from jobs.spark.customers import CUSTOMER, of_customer
from jobs.table import Events, Input, by_key, same_date

KEY = ("account_id", "coupon_upc", "campaign_id", "redemption_date")

SCHEMA = """
    account_id string not null comment 'customer; of several accounts of a person the survivor',
    coupon_upc string not null comment 'bar code of the coupon',
    campaign_id string not null comment 'campaign that handed it out',
    redemption_date date not null comment 'business day of the redemption',
    known_at timestamp not null comment 'UTC; when the first drop that says so was complete'
"""


def make(redemptions: DataFrame, identities: DataFrame) -> DataFrame:
    of_customers = of_customer(redemptions, identities).drop("source_account_id")
    return newest(of_customers, KEY, oldest_first()).select(
        "account_id",
        "coupon_upc",
        "campaign_id",
        "redemption_date",
        F.col("_known_at").alias("known_at"),
        "_duplicates",
        "_superseded",
    )


TABLE = Events(
    "silver.redemptions",
    SCHEMA,
    key=KEY,
    slice="redemption_date",
    inputs=(
        Input("bronze.redemptions", touches=same_date(on="redemption_date")),
        Input(
            "silver.account_identities",
            touches=by_key("account_id", through="bronze.redemptions", reads=CUSTOMER),
        ),
    ),
    make=make,
)
