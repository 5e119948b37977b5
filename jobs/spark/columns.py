"""Steps that several tables share."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

PLACE = ("_known_at", "_batch_id", "_source_file", "_row_number")  # of a landed row, in time


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
        first: a column that keeps the smallest value that any copy of the row that stays has.
    """
    content = [c for c in rows.columns if not c.startswith("_")]
    places = [F.isnull(c) for c in content]  # Spark's hash passes over nulls
    best, whole = Window.partitionBy(*key).orderBy(*order), Window.partitionBy(*key)
    ranked = (
        rows.withColumn("_content", F.xxhash64(*content, *places))
        .withColumn("_rank", F.row_number().over(best))
        .withColumn("_rows", F.count(F.lit(1)).over(whole))
        .withColumn("_versions", F.size(F.collect_set("_content").over(whole)))
    )
    if first:
        is_copy = F.col("_content") == F.first("_content").over(best)
        ranked = ranked.withColumn("_copied", F.when(is_copy, F.col(first)))
        ranked = ranked.withColumn(first, F.min("_copied").over(whole)).drop("_copied")
    return (
        ranked.where("_rank = 1")
        .withColumn("_superseded", (F.col("_versions") - 1).cast("bigint"))
        .withColumn("_duplicates", F.col("_rows") - F.col("_versions"))
        .drop("_content", "_rank", "_rows", "_versions")
    )
