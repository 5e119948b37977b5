"""History as known: versions of rows and of sums, each with the days on which it was believed."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.columns import content, oldest_first
from jobs.table import FOREVER


def versions(rows: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """One row per key and version, the first to say it; `_replaced_at`: when the next one came.

    Null where none did. A version sent again word by word is no new one.
    """
    in_time = Window.partitionBy(*key).orderBy(*oldest_first())
    is_copy = F.col("_content") == F.lag("_content").over(in_time)
    return (
        rows.withColumn("_content", content(rows))
        .withColumn("_is_copy", F.coalesce(is_copy, F.lit(False)))
        .where("not _is_copy")
        .withColumn("_replaced_at", F.lead("_known_at").over(in_time))
        .drop("_content", "_is_copy")
    )


def every_version(current: DataFrame, superseded: DataFrame) -> DataFrame:
    """What is believed and what was believed before, each with its `superseded_date`."""
    return current.withColumn("superseded_date", F.lit(FOREVER)).unionByName(superseded)


def moves(versions: DataFrame, of: tuple[str, ...], *amounts: str) -> DataFrame:
    """Amounts as they come and go: rows (of, moved_date, amounts), negative where superseded."""
    gone = versions.where(F.col("superseded_date") < F.lit(FOREVER))
    return versions.select(*of, F.col("known_date").alias("moved_date"), *amounts).unionByName(
        gone.select(
            *of,
            F.col("superseded_date").alias("moved_date"),
            *[F.negative(F.col(amount)).alias(amount) for amount in amounts],
        )
    )


def believed(moved: DataFrame, of: tuple[str, ...], *amounts: str) -> DataFrame:
    """The sums of moves, in time: rows (of, known_date, superseded_date, amounts).

    A period begins with the first move, and with each that changes a sum.
    """
    in_time = Window.partitionBy(*of).orderBy("moved_date")
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    is_change = " or ".join(f"{amount} <> 0" for amount in amounts)
    return (
        moved.groupBy(*of, "moved_date")
        .agg(*[F.sum(amount).alias(amount) for amount in amounts])
        .withColumn("_place", F.row_number().over(in_time))
        .where(f"_place = 1 or {is_change}")
        .select(
            *of,
            F.col("moved_date").alias("known_date"),
            F.coalesce(F.lead("moved_date").over(in_time), F.lit(FOREVER)).alias("superseded_date"),
            *[F.sum(amount).over(so_far).alias(amount) for amount in amounts],
        )
    )
