"""Steps that several tables share."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.settings import settings

# a day's drop is complete in the next morning: until noon it still belongs to the day that closed
CLOSING_HOURS = 12

PLACE = ("_known_at", "_batch_id", "_source_file", "_row_number")  # of a landed row, in time


def at_shop(instant: Column | str) -> Column:
    """Clock time at the shop of a UTC instant."""
    return F.from_utc_timestamp(instant, settings().timezone)


def closing_date(instant: Column | str) -> Column:
    """The business day by whose closing it was known what was complete at a UTC instant."""
    return F.to_date(at_shop(instant) - F.expr(f"interval {CLOSING_HOURS} hours"))


def newest_first() -> list[Column]:
    """Landed versions, the one that was known last first; no two rows share a place."""
    return [F.desc(column) for column in PLACE]


def oldest_first() -> list[Column]:
    """Landed versions, the one that was known first first."""
    return [F.asc(column) for column in PLACE]


def newest(
    rows: DataFrame, key: tuple[str, ...], order: list[Column], first: str | None = None
) -> DataFrame:
    """One row per key, the first by `order`; what was dropped is counted on the row that stays.

    `_duplicates` counts exact copies (all columns alike but where the row came from) and
    `_superseded` the older versions; `build` sums both into ops.builds.

    Args:
        first: a column that keeps the smallest value that a copy of the row that stays has, back
            to the version before it: what says the same again after another version is no copy.
    """
    best, whole = Window.partitionBy(*key).orderBy(*order), Window.partitionBy(*key)
    ranked = (
        rows.withColumn("_content", content(rows))
        .withColumn("_rank", F.row_number().over(best))
        .withColumn("_rows", F.count(F.lit(1)).over(whole))
        .withColumn("_versions", F.size(F.collect_set("_content").over(whole)))
    )
    if first:
        is_other = F.col("_content") != F.first("_content").over(best)
        ranked = ranked.withColumn("_is_other", is_other).withColumn(
            "_copied", F.when(~F.bool_or("_is_other").over(best), F.col(first))
        )
        ranked = ranked.withColumn(first, F.min("_copied").over(whole))
        ranked = ranked.drop("_is_other", "_copied")
    return (
        ranked.where("_rank = 1")
        .withColumn("_superseded", (F.col("_versions") - 1).cast("bigint"))
        .withColumn("_duplicates", F.col("_rows") - F.col("_versions"))
        .drop("_content", "_rank", "_rows", "_versions")
    )


def content(rows: DataFrame) -> Column:
    """A number for what a landed row says: all its columns but where it came from."""
    told = [c for c in rows.columns if not c.startswith("_")]
    return F.xxhash64(*told, *[F.isnull(c) for c in told])  # Spark's hash passes over nulls
