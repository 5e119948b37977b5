"""Bronze's shared make: files of landed batches as rows of strings, each with its place.

Files are read by Arrow inside Spark's Python workers (mapInArrow), not by Spark's CSV reader: a cut
gzip, a missing column, a foreign encoding must name its file and leave the other files alone, and
Spark's reader fails the whole job or fills with null.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.connect.session import SparkSession

from jobs.landing import Manifest
from jobs.settings import settings
from jobs.table import Landed, columns

BATCH_ROWS = 50_000
# What a fault does: all rows of the file are refused, one row is, or it is only told.
FILE, ROW, NOTE = "file", "row", "note"


def read(spark: SparkSession, which: Landed, manifests: Iterable[Manifest]) -> DataFrame:
    """One row per landed row: our columns as strings, `_fault` and `_received`, and where it lies.

    Shapes: columns(which.schema) as string; _fault string (null: none); _received string (only for
    rows that could not be cut into columns); file int (see `places`), _row_number.
    """
    names = [c.name for c in columns(which.schema)]
    files = _files(manifests)
    listed = spark.createDataFrame(files, _FILES)
    # a few files a task: enough to keep the cores busy, not one Python start a file
    tasks = min(max(len(files), 1), 4 * settings().spark_cores)
    strings = ", ".join(f"{name} string" for name in names)
    return listed.repartitionByRange(tasks, "file").mapInArrow(
        _reader(names), f"{strings}, _fault string, _received string, file int, _row_number bigint"
    )


def places(spark: SparkSession, manifests: Iterable[Manifest]) -> DataFrame:
    """What a file's number stands for: its batch's columns and its own path; to broadcast.

    Apart from the rows: staged beside each of twenty million they cost more than the rows' own.
    """
    return spark.createDataFrame(_files(manifests), _FILES).selectExpr(
        "file",
        "batch_id as _batch_id",
        "cast(known_at as timestamp) as _known_at",
        "mode as _mode",
        "source_file as _source_file",
    )


_FILES = """file int, path string, bytes bigint, sha256 string, format string, encoding string,
    columns string, batch_id string, known_at string, mode string, source_file string"""


def _files(manifests: Iterable[Manifest]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for m in manifests:
        for file in m.files:
            path = m.folder / file.name
            found.append(
                (
                    len(found),
                    str(path),
                    file.bytes,
                    file.sha256,
                    m.format,
                    m.encoding,
                    json.dumps(dict(m.columns)),
                    m.batch_id,
                    m.known_at,
                    m.mode,
                    str(path.relative_to(settings().landing)),
                )
            )
    return found


def _reader(names: list[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read_files(listed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in listed:
            for told in batch.to_pylist():
                yield from _rows(told, names)

    return read_files


def _rows(told: dict[str, Any], names: list[str]) -> Iterator[pa.RecordBatch]:
    """A file's rows; where it cannot be read, one row that says so, and nothing of it."""
    schema = _out_schema(names)
    try:
        data = _bytes(told)
        found = [*(_csv if told["format"] == "csv" else _parquet)(data, told, names, schema)]
    except (OSError, EOFError, ValueError, LookupError, zlib.error, pa.ArrowException) as error:
        text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        received = json.dumps({"file": told["source_file"], "error": text})
        yield _only(schema, f"{FILE}(unreadable)", received, told)
        return
    yield from found


def _bytes(told: dict[str, Any]) -> bytes:
    data = Path(told["path"]).read_bytes()
    if len(data) != told["bytes"]:
        raise ValueError(f"{len(data)} bytes, {told['bytes']} when it was landed")
    if hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise ValueError("other bytes than when it was landed")
    return gzip.decompress(data) if told["path"].endswith(".gz") else data


def _csv(
    data: bytes, told: dict[str, Any], names: list[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    if told["encoding"].lower().replace("-", "") not in ("utf8", "utf8sig"):
        data = data.decode(told["encoding"]).encode()
    header = data.split(b"\n", 1)[0].decode().lstrip("\ufeff").rstrip("\r")
    ours = json.loads(told["columns"])
    given = [c.strip().strip('"') for c in header.split(",")]
    skipped: list[tuple[int, str]] = []

    def keep_for_quarantine(row: csv.InvalidRow) -> Literal["skip"]:
        assert row.number is not None, "Arrow numbers rows when it reads with one thread"
        skipped.append((row.number - 1, row.text))
        return "skip"

    table = csv.read_csv(
        io.BytesIO(data),
        read_options=csv.ReadOptions(use_threads=False),
        parse_options=csv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=keep_for_quarantine
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(given, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    bad = {number for number, _ in skipped}
    numbers = [n for n in range(1, table.num_rows + len(bad) + 1) if n not in bad]
    yield from _shaped(table, numbers, told, ours, names, schema)
    for number, text in skipped:
        yield _only(schema, f"{ROW}(columns)", json.dumps({"row": text}), told, number)


def _parquet(
    data: bytes, told: dict[str, Any], names: list[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    table = pq.read_table(pa.BufferReader(data))
    ours = json.loads(told["columns"])
    yield from _shaped(table, range(1, table.num_rows + 1), told, ours, names, schema)


def _shaped(
    table: pa.Table,
    numbers: Iterable[int],
    told: dict[str, Any],
    ours: dict[str, str],
    names: list[str],
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """Our names, all strings, with the file's number and the row's."""
    table = table.rename_columns([ours.get(c, c) for c in table.column_names])
    if missing := [c for c in names if c not in table.column_names]:
        raise ValueError(f"columns missing: {', '.join(missing)}")
    if extra := [c for c in table.column_names if c not in names]:
        yield _only(schema, f"{NOTE}(extra column)", json.dumps({"columns": extra}), told)
    size = table.num_rows
    arrays: list[Any] = [_text(table[name]) for name in names]
    arrays += [pa.nulls(size, pa.string()), pa.nulls(size, pa.string())]
    arrays += [pa.repeat(pa.scalar(told["file"], pa.int32()), size), pa.array(numbers, pa.int64())]
    yield from pa.Table.from_arrays(arrays, schema=schema).to_batches(max_chunksize=BATCH_ROWS)


def _text(values: Any) -> Any:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
    return values.cast(pa.string())


def _only(
    schema: pa.Schema, fault: str, received: str, told: dict[str, Any], number: int = 0
) -> pa.RecordBatch:
    row = {"_fault": fault, "_received": received, "file": told["file"], "_row_number": number}
    return pa.RecordBatch.from_pylist([row], schema=schema)


def _out_schema(names: list[str]) -> pa.Schema:
    fields: list[Any] = [pa.field(name, pa.string()) for name in [*names, "_fault", "_received"]]
    return pa.schema([*fields, ("file", pa.int32()), ("_row_number", pa.int64())])
