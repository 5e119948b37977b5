"""silver.former_accounts: one row per customer whom the CRM had and has no more, and why.

Deleted is who is missing in a snapshot: the day is that of the first one without them.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.silver.accounts import PLACE, is_there
from jobs.table import Entities, Input, everything

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    reason string not null comment 'merged (into another one), inactive (put aside) or deleted',
    merged_into string comment 'account_id of the customer that replaced it, maybe merged itself',
    left_date date not null comment 'business day by whose closing the CRM first said so'
"""


def last_told(accounts: DataFrame) -> DataFrame:
    """One row per customer: what was told of them last, and since when they are not there.

    Shapes: account_id, merged_into, is_there, place (of the last row), since_date (null: was there
    in the last row).
    """
    account = Window.partitionBy("account_id")
    place = F.struct(*PLACE)
    was_there = F.max(F.when(is_there(), place)).over(account)
    is_after = was_there.isNull() | (place > was_there)
    return (
        accounts.withColumns({"place": place, "is_after": is_after})
        .groupBy("account_id")
        .agg(
            F.max_by("merged_into", "place").alias("merged_into"),
            F.max("place").alias("place"),
            F.min(F.when(F.col("is_after"), F.col("as_of_date"))).alias("since_date"),
        )
    )


def missing(told: DataFrame, accounts: DataFrame) -> DataFrame:
    """Add `missing_date`: of the first snapshot after the last row, which has no row of theirs."""
    snapshots = (
        accounts.where("_mode = 'snapshot'")
        .select(F.struct(*PLACE).alias("snapshot"))
        .distinct()
        .select("snapshot", F.col("snapshot.as_of_date").alias("snapshot_date"))
    )
    is_later = F.col("snapshot") > F.col("place")
    return (
        told.join(F.broadcast(snapshots), on=is_later, how="left")
        .groupBy("account_id", "merged_into", "since_date")
        .agg(F.min("snapshot_date").alias("missing_date"))
    )


def make(accounts: DataFrame) -> DataFrame:
    reason = (
        F.when(F.col("merged_into").isNotNull(), "merged")
        .when(F.col("missing_date").isNotNull(), "deleted")
        .otherwise("inactive")
    )
    return (
        last_told(accounts)
        .transform(missing, accounts)
        .where("since_date is not null or missing_date is not null")
        .select(
            "account_id",
            reason.alias("reason"),
            "merged_into",
            F.coalesce("since_date", "missing_date").alias("left_date"),
        )
    )


TABLE = Entities(
    "silver.former_accounts",
    SCHEMA,
    key=("account_id",),
    # an account is deleted by what a snapshot does not say
    inputs=(Input("bronze.accounts", touches=everything),),
    make=make,
)
