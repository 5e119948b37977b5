"""Bronze's shared make: files of landed batches as rows of strings, each with its place.

Files are read by Arrow inside Spark's Python workers (mapInArrow), not by Spark's CSV reader: a cut
gzip, a missing column, a foreign encoding must name its file and leave the other files alone, and
Spark's reader fails the whole job or fills with null.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.connect.session import SparkSession

from jobs import received
from jobs.delimited import NotRead
from jobs.dialect import PLAIN, Dialect, from_told
from jobs.landing import Manifest, unpacked
from jobs.settings import settings
from jobs.table import Column, Landed, columns

BATCH_ROWS = 50_000
# What a fault does: all rows of the file are refused, one row is, or it is only told.
FILE, ROW, NOTE = "file", "row", "note"
# The reason code of a file that drifted from its table; any other fault of a file is `unreadable`.
DRIFTED: dict[type[Exception], str] = {
    received.MissingColumn: "missing column",
    received.RetypedColumn: "retyped column",
}


def read(spark: SparkSession, which: Landed, manifests: Sequence[Manifest]) -> DataFrame:
    """One row per landed row: our columns as strings, `_fault` and `_received`, and where it lies.

    Shapes: columns(which.schema) as string; _extra string (null: none); _fault string (null: none);
    _received string (only for rows that could not be cut into columns); file int (see `places`),
    _row_number.
    """
    wanted = columns(which.schema)
    files = _files(which, manifests)
    listed = spark.createDataFrame(files, _FILES)
    # a few files a task: enough to keep the cores busy, not one Python start a file
    tasks = min(max(len(files), 1), 4 * settings().spark_cores)
    strings = "".join(f"{c.name} string, " for c in wanted)
    return listed.repartitionByRange(tasks, "file").mapInArrow(
        _reader(wanted),
        f"{strings}_extra string, _fault string, _received string, file int, _row_number bigint",
    )


def places(spark: SparkSession, which: Landed, manifests: Sequence[Manifest]) -> DataFrame:
    """What a file's number stands for: its batch's columns and its own path; to broadcast.

    Apart from the rows: staged beside each of twenty million they cost more than the rows' own.
    """
    return spark.createDataFrame(_files(which, manifests), _FILES).selectExpr(
        "file",
        "batch_id as _batch_id",
        "cast(known_at as timestamp) as _known_at",
        "mode as _mode",
        "source_file as _source_file",
        "written_as as _written_as",
    )


def dialects(manifests: Iterable[Manifest]) -> list[Dialect]:
    """The ways in which values are written; a file's `_written_as` is its place here."""
    found: list[Dialect] = []
    for manifest in manifests:
        if manifest.dialect.of_values() not in found:
            found.append(manifest.dialect.of_values())
    return found or [PLAIN]


_FILES = """file int, path string, bytes bigint, sha256 string, format string, encoding string,
    dialect string, columns string, constants string, may_lack string, batch_id string,
    known_at string, mode string, source_file string, written_as int"""


def _files(which: Landed, manifests: Sequence[Manifest]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    ways = dialects(manifests)
    for m in manifests:
        may_lack = [column for column, day in which.since.items() if m.known_at[:10] < day]
        for file in m.files:
            found.append(
                (
                    len(found),
                    str(m.folder / file.name),
                    file.bytes,
                    file.sha256,
                    m.format,
                    m.dialect.encoding,
                    json.dumps(m.dialect.told()),
                    json.dumps(dict(m.columns)),
                    json.dumps(dict(m.constants)),
                    json.dumps(may_lack),
                    m.batch_id,
                    m.known_at,
                    m.mode,
                    m.source_file(file),
                    ways.index(m.dialect.of_values()),
                )
            )
    return found


def _reader(
    wanted: Sequence[Column],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read_files(listed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in listed:
            for told in batch.to_pylist():
                yield from _rows(told, wanted)

    return read_files


def _rows(told: dict[str, Any], wanted: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """A file's rows; where it cannot be read, one row that says so, and nothing of it."""
    schema = _out_schema(wanted)
    try:
        found = received.read(
            _bytes(told),
            told["format"],
            from_told(told["encoding"], json.loads(told["dialect"])),
            json.loads(told["columns"]),
            wanted,
            json.loads(told["may_lack"]),
            json.loads(told["constants"]),
        )
    except (OSError, EOFError, ValueError, LookupError, zlib.error, pa.ArrowException) as error:
        text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        why = DRIFTED.get(type(error), "unreadable")
        about = json.dumps({"file": told["source_file"], "error": text})
        yield _only(schema, f"{FILE}({why})", about, told)
        return
    if found.new:
        about = json.dumps({"columns": found.new})
        yield _only(schema, f"{NOTE}(extra column)", about, told)
    size = found.table.num_rows
    arrays: list[Any] = [*found.table.columns, found.faults, pa.nulls(size, pa.string())]
    arrays.append(pa.repeat(pa.scalar(told["file"], pa.int32()), size))
    arrays.append(pa.array(found.numbers, pa.int64()))
    yield from pa.Table.from_arrays(arrays, schema=schema).to_batches(max_chunksize=BATCH_ROWS)
    for number, text in found.uncut:
        yield _only(schema, f"{ROW}(columns)", json.dumps({"row": text}), told, number)


def _bytes(told: dict[str, Any]) -> bytes:
    data = Path(told["path"]).read_bytes()
    if len(data) != told["bytes"]:
        raise NotRead(f"{len(data)} bytes, {told['bytes']} when it was landed")
    if hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise NotRead("other bytes than when it was landed")
    return unpacked(told["path"], data)


def _only(
    schema: pa.Schema, fault: str, about: str, told: dict[str, Any], number: int = 0
) -> pa.RecordBatch:
    row = {"_fault": fault, "_received": about, "file": told["file"], "_row_number": number}
    return pa.RecordBatch.from_pylist([row], schema=schema)


def _out_schema(wanted: Sequence[Column]) -> pa.Schema:
    names = [*[c.name for c in wanted], "_extra", "_fault", "_received"]
    fields: list[Any] = [pa.field(name, pa.string()) for name in names]
    return pa.schema([*fields, ("file", pa.int32()), ("_row_number", pa.int64())])
