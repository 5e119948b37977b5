"""scores.segment_moves: one row per as-of date and two segments: who went from one to the other.

Of the week that ends on the date, those who stayed among them. Its rows add up to everybody who was
in a segment on either day. Dates a week apart share no move; dates next to each other do.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.spark.scores.account_segments import COMPARED_DAYS
from jobs.table import Events, Input, window

NOWHERE = "none"  # in no segment: has come since, is gone, or is near none

SCHEMA = """
    as_of_date date not null comment 'day at the end of the week',
    previous_as_of_date date not null comment 'day at its beginning',
    from_segment_code string not null comment 'name then; none: was in no segment',
    to_segment_code string not null comment 'name now; none: is in no segment',
    from_segment_id bigint comment 'segment then; null: none',
    to_segment_id bigint comment 'segment now; null: none',
    accounts bigint not null comment 'customers who went that way, or stayed',
    moved_by_refit bigint not null
        comment 'of them, whom only a new version of the segments moved: they did nothing'
"""
OF_A_ROW = (
    *("as_of_date", "previous_as_of_date", "from_segment_code", "to_segment_code"),
    *("from_segment_id", "to_segment_id"),
)


def gone(segments: DataFrame) -> DataFrame:
    """A row for each account that had a segment as a week began, and has no row at its end."""
    weeks = segments.select("as_of_date", "previous_as_of_date").distinct()
    then = segments.select(
        "account_id",
        F.col("as_of_date").alias("previous_as_of_date"),
        F.col("segment_id").alias("from_segment_id"),
        F.col("segment_code").alias("from_segment_code"),
    )
    of_week = then.join(F.broadcast(weeks), on="previous_as_of_date", how="inner")
    now = segments.select("account_id", "as_of_date")
    return of_week.join(now, on=["account_id", "as_of_date"], how="left_anti").withColumns(
        {
            "to_segment_id": F.lit(None).cast("bigint"),
            "to_segment_code": F.lit(None).cast("string"),
            "moved_by": F.lit(None).cast("string"),
        }
    )


def make(segments: DataFrame) -> DataFrame:
    here = segments.where("previous_as_of_date is not null").withColumnsRenamed(
        {
            "previous_segment_id": "from_segment_id",
            "previous_segment_code": "from_segment_code",
            "segment_id": "to_segment_id",
            "segment_code": "to_segment_code",
        }
    )
    each = ("account_id", *OF_A_ROW, "moved_by")
    return (
        here.select(*each)
        .union(gone(segments).select(*each))
        .where("from_segment_id is not null or to_segment_id is not null")
        .fillna(NOWHERE, ["from_segment_code", "to_segment_code"])
        .groupBy(*OF_A_ROW)
        .agg(
            F.count("*").alias("accounts"),
            F.count_if(F.col("moved_by") == "refit").alias("moved_by_refit"),
        )
    )


TABLE = Events(
    "scores.segment_moves",
    SCHEMA,
    key=("as_of_date", "from_segment_code", "to_segment_code"),
    slice="as_of_date",
    inputs=(
        Input(
            "scores.account_segments",
            touches=window(before=0, after=COMPARED_DAYS[0], on="as_of_date"),
        ),
    ),
    make=make,
)
