"""silver.account_history: one row per customer and period in which the CRM said the same of them.

A period ends when an attribute changes, or when the customer is missing in a snapshot. Of several
snapshots of one day the last counts.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import newest, newest_first
from jobs.spark.silver.order_lines import at_shop
from jobs.table import Entities, Input, everything

ATTRIBUTES = (
    "age_band",
    "income_band",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_composition",
    "kids_count",
)

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    valid_from date not null comment 'day at the shop of the first snapshot that says this',
    valid_to date comment 'day of the first snapshot that no longer does; null: still so',
    known_at timestamp not null comment 'UTC; when the first snapshot was complete',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'Homeowner, Renter and their Probable kinds',
    marital_status string comment 'Married or Unmarried',
    household_size string comment 'persons, 5+ is the last band',
    household_composition string comment 'such as 2 Adults No Kids',
    kids_count string comment 'children, 3+ is the last band'
"""


def snapshots(accounts: DataFrame) -> DataFrame:
    """One row per day with a snapshot: the last batch of the day, and the day of the next one."""
    # one partition for all, named so that Spark does not warn: a row per day, a few hundred
    by_day = Window.partitionBy(F.lit(0)).orderBy("day")
    last = F.max_by("_batch_id", F.struct("_known_at", "_batch_id"))
    return (
        accounts.select(F.to_date(at_shop("_known_at")).alias("day"), "_known_at", "_batch_id")
        .distinct()
        .groupBy("day")
        .agg(last.alias("_batch_id"))
        .withColumns(
            {"number": F.row_number().over(by_day), "next_day": F.lead("day").over(by_day)}
        )
    )


def make(accounts: DataFrame) -> DataFrame:
    in_time = Window.partitionBy("account_id").orderBy("number")
    attributes = F.struct(*ATTRIBUTES)
    follows = F.col("number") == F.lag("number").over(in_time) + 1
    same = follows & attributes.eqNullSafe(F.lag(attributes).over(in_time))
    told = newest(
        accounts.join(F.broadcast(snapshots(accounts)), on="_batch_id", how="inner"),
        ("account_id", "day"),
        newest_first(),
    )
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        told.withColumn("is_new", F.when(F.coalesce(same, F.lit(False)), 0).otherwise(1))
        .withColumn("period", F.sum("is_new").over(so_far))
        .groupBy("account_id", "period")
        .agg(
            F.min("day").alias("valid_from"),
            F.max_by("next_day", "number").alias("valid_to"),
            F.min("_known_at").alias("known_at"),
            *(F.first(name).alias(name) for name in ATTRIBUTES),
        )
        .select("account_id", "valid_from", "valid_to", "known_at", *ATTRIBUTES)
    )


TABLE = Entities(
    "silver.account_history",
    SCHEMA,
    key=("account_id", "valid_from"),
    unit=("account_id",),
    # a period is ended by what a snapshot does not say
    inputs=(Input("bronze.accounts", touches=everything),),
    make=make,
)
