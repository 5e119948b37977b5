"""Splits landed rows into those that keep the row rules and those that go to ops.quarantine."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.landing import Manifest
from jobs.ops import quarantine as ops
from jobs.spark import landed, rules, store
from jobs.table import Landed, columns

BETWEEN = "\x1f"  # reason codes joined in one string: no code contains it


@dataclass
class Batch:
    """What became of a batch's rows."""

    landed: int = 0
    refused: int = 0
    is_unreadable: bool = False  # a file of it: nobody knows what its rows say
    reasons: Counter[str] = field(default_factory=Counter)

    def is_held_back(self, which: Landed) -> bool:
        """Too much of it is bad: what the table holds of the batch stays as it is."""
        allowed = max(which.max_refused_rows, which.max_refused_share * self.landed)
        return self.is_unreadable or self.refused > allowed

    def __str__(self) -> str:
        told = ", ".join(f"{reason} ({n:,})" for reason, n in self.reasons.most_common(3))
        return f"{self.refused:,} of {self.landed:,} rows: {told}"


def split(
    spark: SparkSession, which: Landed, wanted: Sequence[Manifest], gone: Iterable[str], run_id: str
) -> tuple[DataFrame, dict[str, Batch]]:
    """The rows to keep (typed, staged), and each batch's count; the refused ones are written down.

    The quarantine of these batches is replaced: a row that is no longer refused has left it.

    Args:
        gone: batches that are landed no more; they leave the quarantine too.
    """
    places = F.broadcast(landed.places(spark, wanted))
    kept = [c.name for c in columns(which.full_schema)]
    typed = _typed(landed.read(spark, which, wanted).join(places, on="file", how="inner"), which)
    judged = typed.transform(_judged, _broken(spark, typed, which), which)
    staged = store.stage(spark, judged, which.name, "candidate")
    # a plain boolean, so that Parquet's statistics skip the files that refuse nothing
    bad = staged.where("_is_refused").select("file", "_row_number", "_reasons", "_received")
    batches = {m.batch_id: Batch() for m in wanted}
    entries = _entries(bad.toArrow().to_pylist(), which, wanted, run_id, batches)
    mine = f"table_name = '{which.name}' and {store.in_slices('batch_id', {*batches, *gone})}"
    if entries or lake.exists(ops.TABLE.name):
        lake.replace(ops.TABLE, entries, mine)
    good = staged.where("not _is_refused")
    of_file = [m.batch_id for m in wanted for _ in m.files]
    for number, count in good.groupBy("file").count().collect():
        batches[of_file[number]].landed += count
    return good.join(places, on="file", how="inner").select(*kept), batches


def _typed(rows: DataFrame, which: Landed) -> DataFrame:
    """Our columns by their types, each with the text that it was read from."""
    own = columns(which.schema)
    cast = [F.col(c.name).try_cast(c.type).alias(c.name) for c in own]
    texts = [F.col(c.name).alias(f"_text_{c.name}") for c in own]
    place = ["_batch_id", "_known_at", "_mode", "_source_file", "_row_number"]
    return rows.select(*cast, *texts, *place, "file", "_fault", "_received")


def _broken(spark: SparkSession, typed: DataFrame, which: Landed) -> list[tuple[str, Column]]:
    """(reason code, condition of a row that has it); a condition is never null."""
    found: list[tuple[str, Column]] = []
    for c in columns(which.schema):
        text, value = F.col(f"_text_{c.name}"), F.col(c.name)
        fits = value.isNotNull()
        if form := _form(c.type):
            fits &= text.rlike(form)
        found.append((f"type({c.name})", text.isNotNull() & ~fits))
        if not c.nullable:
            found.append((f"not_null({c.name})", text.isNull()))
    return found + rules.row_conditions(spark, typed, which)


def _form(kind: str) -> str | None:
    """How a value of a type is written, where a cast would take more: 3.999 as 4.00, 2017 as the
    midnight of its first day."""
    if kind == "timestamp":
        return r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}"
    if kind.startswith("decimal("):
        scale = int(kind[8:-1].split(",")[1])
        return rf"^[+-]?\d+(\.\d{{0,{scale}}}0*)?$"
    return None


def _judged(typed: DataFrame, broken: list[tuple[str, Column]], which: Landed) -> DataFrame:
    """Rows with `_is_refused`, and for those that are: why, and the row as it came.

    The reasons are one string: an array's functions run outside generated code, 60 of the 100 CPU
    seconds of twenty million rows. A fault of a file or of a row's shape stands alone.
    """
    fault = F.col("_fault")
    is_refused = reduce(or_, [bad for _, bad in broken], fault.isNotNull())
    every = F.concat_ws(BETWEEN, *[F.when(bad, reason) for reason, bad in broken])
    texts = [F.col(f"_text_{c.name}").alias(c.name) for c in columns(which.schema)]
    received = F.coalesce("_received", F.to_json(F.struct(*texts)))
    return typed.select(
        *[c.name for c in columns(which.schema)],
        "_row_number",
        "file",
        is_refused.alias("_is_refused"),
        F.when(is_refused, F.coalesce(fault, every)).alias("_reasons"),
        F.when(is_refused, received).alias("_received"),
    )


def _entries(
    bad: list[dict[str, Any]],
    which: Landed,
    wanted: Iterable[Manifest],
    run_id: str,
    batches: Mapping[str, Batch],
) -> list[dict[str, Any]]:
    """Rows of ops.quarantine, counted in their batches.

    A file that cannot be read stands for all rows it was landed with, as far as they are known.
    """
    files = [(m, f) for m in wanted for f in m.files]
    entries = []
    for row in bad:
        manifest, file = files[row["file"]]
        reasons = row["_reasons"].split(BETWEEN)
        is_file, is_note = reasons[0].startswith(landed.FILE), reasons[0].startswith(landed.NOTE)
        rows = file.rows or 0 if is_file else 0 if is_note else 1
        batch = batches[manifest.batch_id]
        batch.landed += rows
        batch.refused += rows
        batch.is_unreadable |= is_file
        batch.reasons.update(dict.fromkeys(reasons, rows))
        path = manifest.folder.relative_to(manifest.folder.parents[3])
        entries.append(
            {
                "table_name": which.name,
                "batch_id": manifest.batch_id,
                "source_file": f"{path}/{file.name}",
                "row_number": row["_row_number"],
                "rules": reasons,
                "received": row["_received"],
                "rows": rows,
                "known_at": dt.datetime.fromisoformat(manifest.known_at),
                "run_id": run_id,
            }
        )
    return entries
