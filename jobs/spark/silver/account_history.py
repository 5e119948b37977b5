"""silver.account_history: one row per customer, period of one state in the CRM, and belief in it.

Two times: `valid_from` to `valid_to` is when it was so, `known_date` to `superseded_date` when we
took it for true. A period that ends is believed open until then, and closed from then on; what is
landed late of a day long gone supersedes what was believed of it, and what was believed stays.
`as_known` in jobs/table.py asks for what was believed on a day.

A period ends when an attribute changes, or when the CRM has the customer no more (put aside,
merged, missing in a snapshot). Of what is told of one day the last counts.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import closing_date
from jobs.spark.silver.accounts import consent, is_there
from jobs.table import FOREVER, Entities, Input, everything

ATTRIBUTES = (
    "age_band",
    "income_band",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_composition",
    "kids_count",
    "is_contactable",
    "objected_date",
)

SCHEMA = """
    account_id string not null comment 'customer, party.code in the CRM',
    valid_from date not null comment 'first business day by whose closing the CRM said this',
    valid_to date comment 'first business day by whose closing it no longer did; null: still so',
    known_date date not null comment 'business day by whose closing this was known',
    superseded_date date not null
        comment 'business day by whose closing it was believed no more; 9999-12-31: still is',
    age_band string comment 'years, such as 45-54',
    income_band string comment 'thousand USD a year, such as 50-74K',
    home_ownership string comment 'Homeowner, Renter and their Probable kinds',
    marital_status string comment 'Married or Unmarried',
    household_size string comment 'persons, 5+ is the last band',
    household_composition string comment 'such as 2 Adults No Kids',
    kids_count string comment 'children, 3+ is the last band',
    is_contactable boolean not null comment 'false: the customer has objected to marketing',
    objected_date date comment 'day at the CRM on which that was said; null: not said, or not told'
"""


def told(accounts: DataFrame) -> DataFrame:
    """One row per customer and batch that told of them, also by leaving them out of a snapshot.

    Shapes: account_id, day (of which it tells), known_date, arrived (place in the order of coming
    to be known), said (struct of ATTRIBUTES; null: the CRM has them not).
    """
    known_date = F.greatest("as_of_date", closing_date("_known_at"))
    batch = ("_batch_id", "as_of_date", "_known_at")
    place = F.struct("_source_file", "_row_number")
    said = F.when(is_there(), F.struct(*ATTRIBUTES))
    rows = (
        accounts.withColumns(consent())
        .groupBy("account_id", *batch)
        .agg(F.max_by(said, place).alias("said"))
    )
    snapshots = accounts.where("_mode = 'snapshot'").select(*batch).distinct()
    left_out = (
        accounts.select("account_id")
        .distinct()
        .crossJoin(F.broadcast(snapshots))
        .join(rows, on=["account_id", "_batch_id"], how="left_anti")
    )
    return rows.unionByName(left_out, allowMissingColumns=True).select(
        "account_id",
        F.col("as_of_date").alias("day"),
        known_date.alias("known_date"),
        F.struct(known_date.alias("date"), "_known_at", "_batch_id").alias("arrived"),
        "said",
    )


def news(told: DataFrame) -> DataFrame:
    """Without what only repeats: it says the same as the one before it, in both times.

    Most of what snapshots say. Where something came late in between, the repetition counts: it
    ends what the late one says.
    """
    by_day = Window.partitionBy("account_id").orderBy("day", "arrived")
    by_arrival = Window.partitionBy("account_id").orderBy("arrived")
    follows = F.lag("arrived").over(by_day) == F.lag("arrived").over(by_arrival)
    repeats = follows & F.col("said").eqNullSafe(F.lag("said").over(by_day))
    return told.withColumn("repeats", F.coalesce(repeats, F.lit(False))).where("not repeats")


def beliefs(news: DataFrame) -> DataFrame:
    """The news again for each day on which we learned something: all that was known by then.

    Shapes: of `news` without known_date, and known_date, superseded_date of the belief.
    """
    in_time = Window.partitionBy("account_id").orderBy("known_date")
    days = (
        news.select("account_id", "known_date")
        .distinct()
        .withColumn(
            "superseded_date", F.coalesce(F.lead("known_date").over(in_time), F.lit(FOREVER))
        )
    )
    is_known = F.col("learned_date") <= F.col("known_date")
    return (
        news.withColumnRenamed("known_date", "learned_date")
        .join(days, on="account_id", how="inner")
        .where(is_known)
        .drop("learned_date")
    )


def periods(beliefs: DataFrame) -> DataFrame:
    """Within each belief: from a change to the next one, where the CRM has the customer."""
    in_time = Window.partitionBy("account_id", "known_date").orderBy("day", "arrived")
    next_day = F.lead("day").over(in_time)
    is_last_of_day = next_day.isNull() | (next_day != F.col("day"))
    same = F.col("said").eqNullSafe(F.lag("said").over(in_time))
    return (
        beliefs.withColumn("is_last_of_day", is_last_of_day)
        .where("is_last_of_day")
        .withColumn("same", same)
        .where("not same")
        .withColumn("valid_to", F.lead("day").over(in_time))
        .where("said is not null")
        .withColumnRenamed("day", "valid_from")
    )


def as_long_as_believed(periods: DataFrame) -> DataFrame:
    """A period that is the same in one belief after the other is one row."""
    period = ("account_id", "valid_from", "valid_to", "said")
    in_time = Window.partitionBy(*period).orderBy("known_date")
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    goes_on = F.col("known_date") == F.lag("superseded_date").over(in_time)
    return (
        periods.withColumn("begins", F.when(goes_on, 0).otherwise(1))
        .withColumn("belief", F.sum("begins").over(so_far))
        .groupBy(*period, "belief")
        .agg(
            F.min("known_date").alias("known_date"),
            F.max("superseded_date").alias("superseded_date"),
        )
    )


def make(accounts: DataFrame) -> DataFrame:
    return (
        told(accounts)
        .transform(news)
        .transform(beliefs)
        .transform(periods)
        .transform(as_long_as_believed)
        .select(
            "account_id",
            "valid_from",
            "valid_to",
            "known_date",
            "superseded_date",
            *[F.col(f"said.{name}").alias(name) for name in ATTRIBUTES],
        )
    )


TABLE = Entities(
    "silver.account_history",
    SCHEMA,
    key=("account_id", "valid_from", "known_date"),
    unit=("account_id",),
    # a period is ended by what a snapshot does not say
    inputs=(Input("bronze.accounts", touches=everything),),
    make=make,
)
