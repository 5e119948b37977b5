"""Splits landed rows into those that keep the row rules and those that go to ops.quarantine."""

import datetime as dt
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.dialect import Dialect
from jobs.landing import File, Manifest
from jobs.ops import corrections, extra_columns
from jobs.ops import quarantine as ops
from jobs.quarantine.mends import Address, Mend, mended
from jobs.spark import landed, rules, store, values
from jobs.table import Landed, Log, columns

log = logging.getLogger(__name__)

LOGS = (corrections.TABLE, extra_columns.TABLE, ops.TABLE)  # what a build tells of its batches
BETWEEN = "\x1f"  # reason codes joined in one string: no code contains it
# A text file has no types: where every one of so many rows does not fit, the column is another one.
RETYPED_ROWS = 10


@dataclass
class Batch:
    """What became of the rows of a batch, or of one of its files."""

    landed: int = 0
    refused: int = 0
    mended: int = 0  # refused once, and corrected
    is_snapshot: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  # of whole files: nobody knows their rows

    @property
    def kept(self) -> int:
        return self.landed - self.refused - self.mended

    def add(self, other: "Batch") -> None:
        self.landed += other.landed
        self.refused += other.refused
        self.mended += other.mended
        self.reasons.update(other.reasons)
        self.faults += other.faults

    def count_mended(self) -> None:
        self.landed += 1
        self.mended += 1

    def is_held_back(self, which: Landed) -> bool:
        """Too much of it is bad: what the table holds of the batch stays as it is."""
        if which.is_snapshot_whole and self.is_snapshot and self.refused:
            return True
        allowed = max(which.max_refused_rows, which.max_refused_share * self.landed)
        return bool(self.faults) or self.refused > allowed

    def __str__(self) -> str:
        told = ", ".join(f"{reason} ({n:,})" for reason, n in self.reasons.most_common(3))
        faults = "".join(f"; {fault}" for fault in self.faults[:3])
        return f"{self.refused:,} of {self.landed:,} rows: {told}{faults}"


@dataclass
class _File:
    """A file under judgement."""

    manifest: Manifest
    file: File
    batch: Batch = field(default_factory=Batch)
    samples: dict[str, str] = field(default_factory=dict)  # reason → a row that has it

    def refuse(self, reasons: list[str], received: str) -> int:
        """Count a refused row; returns the rows that it stands for."""
        rows = 1
        if reasons[0].startswith(landed.FILE):
            rows = self.file.rows or 0
            self.batch.faults.append(f"{self.file.name}: {json.loads(received)['error']}")
        self.batch.landed += rows
        self.batch.refused += rows
        for reason in reasons:
            self.batch.reasons[reason] += rows
            self.samples.setdefault(reason, received)
        return rows


def with_mended(
    which: Landed, slices: Collection[Any], manifests: Mapping[str, Manifest]
) -> tuple[Any, ...]:
    """The batches to build, and those whose refused rows their corrections mend, or did so far."""
    now = mended(manifests.values())
    found = {batch for (batch, _, _), mend in now.items() if mend.by in slices}
    mine = f"table_name = '{which.name}' and {lake.one_of('mended_by', map(str, slices))}"
    found |= {row["batch_id"] for row in _stored(corrections.TABLE, mine)}
    return tuple(sorted({*slices, *(found & set(manifests))}, key=str))


def split(
    spark: SparkSession,
    which: Landed,
    manifests: Mapping[str, Manifest],
    slices: Collection[Any],
    run_id: str,
) -> tuple[DataFrame, dict[str, Batch]]:
    """The rows to keep (typed, staged), and each batch's count; the refused ones are written down.

    What ops tells of these batches is replaced: a row that is no longer refused has left it.

    Args:
        manifests: all that is landed.
        slices: batches to read; those that are landed no more leave the quarantine too.
    """
    wanted = [m for name, m in manifests.items() if name in slices]
    places = F.broadcast(landed.places(spark, which, wanted))
    kept = [c.name for c in columns(which.full_schema)]
    ways = landed.dialects(wanted)
    read = landed.read(spark, which, wanted).join(places, on="file", how="inner")
    typed = _typed(read, which, ways)
    judged = typed.transform(_judged, _broken(spark, typed, which, ways), which)
    staged = store.stage(spark, judged, which.name, "candidate")
    # a plain boolean, so that Parquet's statistics skip the files that refuse nothing
    bad = staged.where("_is_refused").select("file", "_row_number", "_reasons", "_received")
    files = [_File(m, f) for m in wanted for f in m.files]
    rows = bad.toArrow().to_pylist()
    told = _told(rows, files, mended(manifests.values()) if rows else {})
    good = staged.where("not _is_refused")
    for number, count in good.groupBy("file").count().collect():
        files[number].batch.landed += count
    for file in files:
        _find_retyped(file, which)
    _write_down(which, told, slices, run_id)
    batches = {m.batch_id: Batch(is_snapshot=m.mode == "snapshot") for m in wanted}
    for file in files:
        batches[file.manifest.batch_id].add(file.batch)
    return good.join(places, on="file", how="inner").select(*kept), batches


def _typed(rows: DataFrame, which: Landed, ways: Sequence[Dialect]) -> DataFrame:
    """Our columns by their types, each with the text that it was read from."""
    own, way = columns(which.schema), F.col("_written_as")
    cast = [values.value(F.col(c.name), c, ways, way).alias(c.name) for c in own]
    texts = [F.col(c.name).alias(f"_text_{c.name}") for c in own]
    place = ["_batch_id", "_known_at", "_mode", "_source_file", "_row_number", "_written_as"]
    return rows.select(*cast, *texts, *place, "_extra", "file", "_fault", "_received")


def _broken(
    spark: SparkSession, typed: DataFrame, which: Landed, ways: Sequence[Dialect]
) -> list[tuple[str, Column]]:
    """(reason code, condition of a row that has it); a condition is never null."""
    found: list[tuple[str, Column]] = []
    for c in columns(which.schema):
        is_given = values.is_given(F.col(f"_text_{c.name}"), ways, F.col("_written_as"))
        found.append((f"type({c.name})", is_given & F.col(c.name).isNull()))
        if not c.nullable:
            found.append((f"not_null({c.name})", ~is_given))
    return found + rules.row_conditions(spark, typed, which)


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
        "_extra",
        "_row_number",
        "file",
        is_refused.alias("_is_refused"),
        F.when(is_refused, F.coalesce(fault, every)).alias("_reasons"),
        F.when(is_refused, received).alias("_received"),
    )


def _told(
    bad: Iterable[dict[str, Any]], files: Sequence[_File], corrected: Mapping[Address, Mend]
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the logs in ops by their log's name, counted in their files.

    A file that cannot be read stands for all rows it was landed with, as far as they are known.
    """
    told: dict[str, list[dict[str, Any]]] = {each.name: [] for each in LOGS}
    for row in bad:
        at, reasons = files[row["file"]], row["_reasons"].split(BETWEEN)
        about: dict[str, Any] = {
            "batch_id": at.manifest.batch_id,
            "known_at": dt.datetime.fromisoformat(at.manifest.known_at),
        }
        if reasons[0].startswith(landed.NOTE):
            names = json.loads(row["_received"])["columns"]
            told[extra_columns.TABLE.name] += [{**about, "column_name": name} for name in names]
            continue
        about["source_file"] = at.manifest.source_file(at.file)
        about["row_number"] = row["_row_number"]
        mend = corrected.get((about["batch_id"], about["source_file"], about["row_number"]))
        about |= {"rules": reasons, "received": row["_received"]}
        if mend:
            at.batch.count_mended()
            told[corrections.TABLE.name].append({**about, "mended_by": mend.by})
        else:
            rows = at.refuse(reasons, row["_received"])
            told[ops.TABLE.name].append({**about, "rows": rows})
    return told


def _find_retyped(at: _File, which: Landed) -> None:
    """Where no value of a column of text fits, the file's column is another one than ours."""
    for c in columns(which.schema):
        reason = f"type({c.name})"
        if at.batch.landed >= RETYPED_ROWS and at.batch.reasons[reason] == at.batch.landed:
            value = json.loads(at.samples[reason]).get(c.name, "")
            at.batch.faults.append(
                f"{at.file.name}: retyped {c.name} (expected {c.type}, found {_kind(value)})"
            )


def _kind(value: str) -> str:
    """What a text looks like; never the text itself, which may be a person's."""
    if re.fullmatch(r"[+-]?[\d.,\s]*\d", value):
        return "numbers of another form"
    return "dates or times" if re.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", value) else "text"


def _write_down(
    which: Landed, told: Mapping[str, list[dict[str, Any]]], slices: Iterable[Any], run_id: str
) -> None:
    """Replace what ops tells of the batches; where there is and was nothing, nothing is written."""
    mine = f"table_name = '{which.name}' and {lake.one_of('batch_id', map(str, slices))}"
    now = dt.datetime.now(dt.UTC)
    for each in LOGS:
        rows = [{**row, "table_name": which.name, "run_id": run_id} for row in told[each.name]]
        stored = _stored(each, mine)
        if each is ops.TABLE:
            first = {(r["source_file"], r["row_number"]): r.get("refused_at") for r in stored}
            for row in rows:
                row["refused_at"] = first.get((row["source_file"], row["row_number"])) or now
        if each is extra_columns.TABLE and rows:
            _tell_new(which, {row["column_name"] for row in rows})
        if rows or stored:
            lake.replace(each, rows, mine)


def _tell_new(which: Landed, names: set[str]) -> None:
    """Log the columns that no batch had before."""
    known = _stored(extra_columns.TABLE, f"table_name = '{which.name}'")
    if new := sorted(names - {row["column_name"] for row in known}):
        log.warning(
            "%s: the files bring %s, which SCHEMA does not have: kept in _extra, see %s",
            which.name,
            ", ".join(new),
            extra_columns.TABLE.name,
        )


def _stored(which: Log, condition: str) -> list[dict[str, Any]]:
    if not lake.exists(which.name):
        return []
    return lake.read(which.name, sql=f"select * from t where {condition}").to_pylist()  # noqa: S608
