"""silver.opportunities: one row per opportunity that the CRM has now, the customer resolved.

The newest snapshot says which there are, what changed after it lies over it. One that was deleted,
or put aside while it was open, is not here; those won and lost are.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.columns import newest
from jobs.spark.customers import of_customer
from jobs.spark.silver.accounts import PLACE, newest_first
from jobs.table import Entities, Input, everything

SCHEMA = """
    opportunity_id string not null comment 'number that the CRM itself gives it',
    account_id string comment 'customer; of several accounts the survivor; null: no customer yet',
    status string not null comment 'open, won or lost',
    stage string comment 'where it stands, in the words of the CRM',
    expected_amount decimal(18,4) comment 'in currency_code, if it is won; 0: nobody said',
    currency_code string comment 'ISO 4217, such as USD',
    probability_pct double comment '0 to 100, as the CRM or a salesperson says',
    expected_close_date date comment 'day on which a salesperson expects it to be won',
    opened_at timestamp comment 'UTC by the clock of the CRM; when it was written down',
    closed_at timestamp comment 'UTC by the clock of the CRM; when it was won or lost',
    changed_at timestamp not null comment 'UTC by the clock of the CRM; last write, by whomever'
"""


def since_newest_snapshot(told: DataFrame) -> DataFrame:
    """Rows of the newest snapshot of each system and of what came after it; all where there never
    was one: a system's snapshot says nothing of what another one has."""
    place = F.struct(*PLACE)
    by_system = told.withColumn("_system", F.substring_index("_batch_id", "/", 1))
    snapshots = by_system.where("_mode = 'snapshot'")
    begins = snapshots.groupBy("_system").agg(F.max(place).alias("_begins"))
    is_since = F.col("_begins").isNull() | (place >= F.col("_begins"))
    return (
        by_system.join(F.broadcast(begins), on="_system", how="left")
        .where(is_since)
        .drop("_system", "_begins")
    )


def make(opportunities: DataFrame, identities: DataFrame) -> DataFrame:
    is_there = F.col("is_active") | (F.col("status") != "open")
    told = since_newest_snapshot(opportunities)
    return (
        newest(told, ("opportunity_id",), newest_first())
        .where(is_there)
        .transform(of_customer, identities)
        .select(
            "opportunity_id",
            "account_id",
            "status",
            "stage",
            "expected_amount",
            "currency_code",
            "probability_pct",
            "expected_close_date",
            "opened_at",
            "closed_at",
            "changed_at",
            "_duplicates",
            "_superseded",
        )
    )


TABLE = Entities(
    "silver.opportunities",
    SCHEMA,
    key=("opportunity_id",),
    inputs=(
        # one is deleted by what a snapshot does not say
        Input("bronze.opportunities", touches=everything),
        Input("silver.account_identities", touches=everything),
    ),
    make=make,
)
