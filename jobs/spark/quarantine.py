"""Splits landed rows into those that keep the row rules and those that go to ops.quarantine."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.landing import Manifest
from jobs.ops import quarantine as ops
from jobs.spark import landed, rules, store
from jobs.table import Landed, columns


@dataclass(frozen=True)
class Counts:
    """Rows of the batches, how many of them were refused, and the commonest reasons."""

    landed: int
    refused: int
    reasons: str


def split(
    spark: SparkSession, which: Landed, wanted: list[Manifest], batches: Iterable[str], run_id: str
) -> tuple[DataFrame, Counts]:
    """The rows to keep (typed, staged); the refused ones are put into ops.quarantine.

    The quarantine of these batches is replaced: a row that is no longer refused has left it.
    """
    typed = _typed(landed.read(spark, which, wanted), which)
    kept = [c.name for c in columns(which.full_schema)]
    judged = (
        typed.withColumn("_rules", _broken(spark, typed, which))
        .withColumn("_is_refused", F.size("_rules") > 0)
        .withColumn("_received", F.when(F.col("_is_refused"), _received(which)))
        .select(*kept, "_is_refused", "_rules", "_received")
    )
    staged = store.stage(spark, judged, which.name, "candidate")
    # a plain boolean, so that Parquet's statistics skip the files that refuse nothing
    bad = staged.where("_is_refused").select(
        "_batch_id", "_source_file", "_row_number", "_rules", "_received", "_known_at"
    )
    entries = _entries(bad.toArrow().to_pylist(), which, wanted, run_id)
    mine = f"table_name = '{which.name}' and {store.in_slices('batch_id', batches)}"
    if entries or lake.exists(ops.TABLE.name):
        lake.replace(ops.TABLE, entries, mine)
    good = staged.where("not _is_refused").select(*kept)
    refused = sum(entry["rows"] for entry in entries)
    told = Counter(reason for entry in entries for reason in entry["rules"])
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in told.most_common(5))
    return good, Counts(good.count() + refused, refused, reasons)


def _typed(rows: DataFrame, which: Landed) -> DataFrame:
    """Our columns by their types, each with the text that it was read from."""
    own = columns(which.schema)
    cast = [F.col(c.name).try_cast(c.type).alias(c.name) for c in own]
    texts = [F.col(c.name).alias(f"_text_{c.name}") for c in own]
    place = ["_batch_id", "_known_at", "_source_file", "_row_number", "_fault", "_received"]
    return rows.select(*cast, *texts, *place)


def _broken(spark: SparkSession, typed: DataFrame, which: Landed) -> Column:
    """The reason codes of a row, null-free; a fault of its file or its shape stands alone."""
    reasons = []
    for c in columns(which.schema):
        text, value = F.col(f"_text_{c.name}"), F.col(c.name)
        reasons.append(F.when(text.isNotNull() & value.isNull(), f"type({c.name})"))
        if not c.nullable:
            reasons.append(F.when(text.isNull(), f"not_null({c.name})"))
    reasons += [F.when(bad, reason) for reason, bad in rules.row_conditions(spark, typed, which)]
    fault = F.col("_fault")
    return F.when(fault.isNotNull(), F.array(fault)).otherwise(F.array_compact(F.array(*reasons)))


def _received(which: Landed) -> Column:
    """The row as it came: what the reader kept of it, else our columns' texts as JSON."""
    texts = [F.col(f"_text_{c.name}").alias(c.name) for c in columns(which.schema)]
    return F.coalesce("_received", F.to_json(F.struct(*texts)))


def _entries(
    bad: list[dict[str, Any]], which: Landed, wanted: list[Manifest], run_id: str
) -> list[dict[str, Any]]:
    """Rows of ops.quarantine. A file that cannot be read stands for all rows it was landed with."""
    rows_of = {
        f"{m.folder.relative_to(m.folder.parents[3])}/{f.name}": f.rows or 0
        for m in wanted
        for f in m.files
    }
    entries = []
    for row in bad:
        reason = row["_rules"][0]
        is_file, is_note = reason.startswith(landed.FILE), reason.startswith(landed.NOTE)
        entries.append(
            {
                "table_name": which.name,
                "batch_id": row["_batch_id"],
                "source_file": row["_source_file"],
                "row_number": row["_row_number"],
                "rules": row["_rules"],
                "received": row["_received"],
                "rows": rows_of[row["_source_file"]] if is_file else 0 if is_note else 1,
                "known_at": row["_known_at"],
                "run_id": run_id,
            }
        )
    return entries
