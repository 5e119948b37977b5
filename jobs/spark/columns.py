"""Steps that several tables share."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def newest(rows: DataFrame, key: tuple[str, ...], order: list[Column]) -> DataFrame:
    """One row per key, the first by `order`; what was dropped is counted on the row that stays.

    `_duplicates` counts exact copies (all columns alike but where the row came from) and
    `_superseded` the older versions; `build` sums both into ops.builds.
    """
    content = [c for c in rows.columns if not c.startswith("_")]
    first = Window.partitionBy(*key).orderBy(*order)
    whole = Window.partitionBy(*key)
    return (
        rows.withColumn("_content", F.xxhash64(*content))
        .withColumn("_rank", F.row_number().over(first))
        .withColumn("_rows", F.count(F.lit(1)).over(whole))
        .withColumn("_versions", F.size(F.collect_set("_content").over(whole)))
        .where("_rank = 1")
        .withColumn("_superseded", (F.col("_versions") - 1).cast("bigint"))
        .withColumn("_duplicates", F.col("_rows") - F.col("_versions"))
        .drop("_content", "_rank", "_rows", "_versions")
    )
