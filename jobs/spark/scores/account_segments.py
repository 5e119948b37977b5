"""scores.account_segments: one row per account and as-of date: which kind of customer it is.

Who has not ordered in the 52 weeks before has no row. It is compared with the newest answers that
are a week old or a little older. Who is elsewhere now was moved by a refit where the version of now
puts them where it puts them as of a week before, and by what they did themselves where it does not.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.spark.grading import newest_answers
from jobs.table import Events, Input, window

COMPARED_DAYS = (13, 7)  # the answers before are at most, and at least, so much older

SCHEMA = """
    account_id string not null comment 'customer',
    segment_id bigint comment 'the same from week to week; null: near no segment',
    segment_code string comment 'its name, see segments.yaml; null: as segment_id',
    segment_name string comment 'the name as people read it; null: as segment_id',
    segment_name_zh string comment 'the same in Chinese',
    previous_as_of_date date comment 'day that it is compared with; null: nothing was told then',
    previous_segment_id bigint comment 'segment of that day; null: none',
    previous_segment_code string comment 'its name on that day; null: none',
    moved_by string comment 'customer or refit; null: as before, or there is no segment before',
    distance double comment 'to the centre of the segment, standard deviations; null: no segment',
    silhouette double
        comment '-1 to 1, higher: nearer to its own segment than to others; null: no segment',
    model_name string not null comment 'model that answered',
    model_version string not null comment 'its version in the registry',
    feature_version bigint not null comment 'Delta version of the feature table it read',
    as_of_date date not null comment 'last business day that the model may have seen',
    valid_until date not null comment 'last business day on which the segment should be used'
"""


def compared(answers: DataFrame) -> DataFrame:
    """One row per as_of_date that has a day to be compared with, the newest that is old enough."""
    days = answers.select("as_of_date").distinct()
    before = days.withColumnRenamed("as_of_date", "previous_as_of_date")
    age = F.datediff("as_of_date", "previous_as_of_date")
    oldest, newest = COMPARED_DAYS
    return (
        days.crossJoin(before)
        .where(age.between(newest, oldest))
        .groupBy("as_of_date")
        .agg(F.max("previous_as_of_date").alias("previous_as_of_date"))
    )


def moved_by() -> Column:
    is_moved = ~F.col("segment_id").eqNullSafe(F.col("previous_segment_id"))
    is_same_version = F.col("model_version") == F.col("_previous_version")
    is_still = F.col("segment_id").eqNullSafe(F.col("week_before_id"))
    by = F.when(is_same_version | ~is_still, "customer").otherwise("refit")
    return F.when(F.col("_previous_version").isNotNull() & is_moved, by)


def make(landed: DataFrame) -> DataFrame:
    answers = landed.transform(newest_answers, "as_of_date")
    before = answers.select(
        "account_id",
        F.col("as_of_date").alias("previous_as_of_date"),
        F.col("segment_id").alias("previous_segment_id"),
        F.col("segment_code").alias("previous_segment_code"),
        F.col("model_version").alias("_previous_version"),
    )
    both = answers.join(F.broadcast(compared(answers)), on="as_of_date", how="left").join(
        before, on=["account_id", "previous_as_of_date"], how="left"
    )
    return both.select(
        "account_id",
        "segment_id",
        "segment_code",
        "segment_name",
        "segment_name_zh",
        "previous_as_of_date",
        "previous_segment_id",
        "previous_segment_code",
        moved_by().alias("moved_by"),
        "distance",
        "silhouette",
        "model_name",
        "model_version",
        "feature_version",
        "as_of_date",
        "valid_until",
    )


TABLE = Events(
    "scores.account_segments",
    SCHEMA,
    key=("account_id", "as_of_date"),
    slice="as_of_date",
    inputs=(
        Input(
            "bronze.account_segments",
            touches=window(before=0, after=COMPARED_DAYS[0], on="as_of_date"),
        ),
    ),
    make=make,
)
