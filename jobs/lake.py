"""Where a table lies, and how it is read and logged without Spark: Arrow, at a version."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as fs
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from jobs.settings import settings
from jobs.sql import literal
from jobs.table import Log, columns

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class NoSuchTable(Exception):
    """The table has not been created in this lake."""


def location(name: str) -> str:
    """Address of a table: `silver.orders` lies at LAKE_URI/silver/orders."""
    layer, _, short = name.partition(".")
    return f"{settings().lake_uri}/{layer}/{short}"


def storage_options() -> dict[str, str]:
    """What deltalake must be told of a lake on S3; empty for any other place.

    Commits are safe by themselves: it writes the log by conditional requests.
    """
    here = settings()
    if not here.lake_uri.startswith("s3a://"):
        return {}
    told = {"AWS_REGION": here.s3_region, **here.s3_keys()}
    if here.s3_endpoint:
        told["AWS_ENDPOINT_URL"] = here.s3_endpoint
        told["AWS_ALLOW_HTTP"] = str(here.s3_endpoint.startswith("http://")).lower()
    return told


def files(path: str) -> tuple[fs.FileSystem, str]:
    """The file system that a place in the lake lies on, and the place's path there."""
    here = settings()
    if not path.startswith("s3a://"):
        return fs.FileSystem.from_uri(path if "://" in path else Path(path).absolute().as_uri())
    keys, server = here.s3_keys(), urlsplit(here.s3_endpoint)
    system = fs.S3FileSystem(
        access_key=keys.get("AWS_ACCESS_KEY_ID"),
        secret_key=keys.get("AWS_SECRET_ACCESS_KEY"),
        region=here.s3_region,
        endpoint_override=server.netloc or None,
        scheme="http" if server.scheme == "http" else "https",
    )
    return system, path.removeprefix("s3a://")


def remove(path: str) -> None:
    """Remove a folder of the lake with all that is in it; harmless where there is none."""
    system, root = files(path)
    with contextlib.suppress(FileNotFoundError):
        system.delete_dir(root)


def file_names(path: str) -> set[str]:
    """All files below a folder of the lake, by their paths within it."""
    return set(file_sizes(path))


def file_sizes(path: str) -> dict[str, int]:
    """All files below a folder of the lake, by their paths within it, in bytes."""
    system, root = files(path)
    found = system.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return {each.path[len(root) :].lstrip("/"): each.size for each in found if each.is_file}


def opened(name: str, version: int | None = None) -> DeltaTable:
    """The table's handle at a version (null: the newest).

    Raises:
        NoSuchTable: it has not been created.
    """
    try:
        return DeltaTable(location(name), version=version, storage_options=storage_options())
    except TableNotFoundError:
        raise NoSuchTable(
            f"{name} does not exist in {settings().lake_uri}; `make up` creates all tables"
        ) from None


def exists(name: str) -> bool:
    return DeltaTable.is_deltatable(location(name), storage_options())


def version(name: str) -> int:
    """The newest version of a table."""
    return opened(name).version()


def read(name: str, at: int | None = None, sql: str = "select * from t") -> pa.Table:
    """Rows of a table at a version, through `sql` over the name `t` (DataFusion's dialect)."""
    return query(opened(name, at), sql)


def query(table: DeltaTable, sql: str) -> pa.Table:
    """The same of a handle that is open already."""
    return plain(_streamed(table, sql).read_all())


def stream(name: str, at: int | None = None, sql: str = "select * from t") -> pa.RecordBatchReader:
    """The same a batch after another, for what is too much to hold; texts come as views."""
    return _streamed(opened(name, at), sql)


def _streamed(table: DeltaTable, sql: str) -> pa.RecordBatchReader:
    builder = QueryBuilder().register("t", table)
    return pa.RecordBatchReader.from_stream(builder.execute(sql))


def plain(found: pa.Table) -> pa.Table:
    """The same, with texts that are no views: Arrow has no compare kernels for those."""
    return found.cast(pa.schema([f.with_type(_plain(f.type)) for f in found.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return kind


def one_of(column: str, values: Iterable[str]) -> str:
    """SQL (DataFusion's, for `read` and `replace`) that is true where a text is one of `values`."""
    quoted = [literal(value) for value in sorted(values)]
    return f"{column} in ({', '.join(quoted)})" if quoted else "false"


def arrow_schema(schema: str) -> pa.Schema:
    """The Arrow schema of a SCHEMA; decimals and arrays of plain types included."""
    return pa.schema(
        [
            pa.field(c.name, arrow_type(c.type), c.nullable, {"comment": c.comment})
            for c in columns(schema)
        ]
    )


def arrow_type(ddl: str) -> pa.DataType:
    if ddl.startswith("decimal("):
        precision, scale = ddl[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    if ddl.startswith("array<"):
        return pa.list_(arrow_type(ddl[6:-1]))
    if ddl.startswith("map<"):
        key, value = ddl[4:-1].split(",")
        return pa.map_(arrow_type(key), arrow_type(value))
    return _ARROW[ddl]


def create(log: Log) -> None:
    """Create a log table if it is not there; harmless when it is."""
    DeltaTable.create(
        location(log.name),
        schema=arrow_schema(log.schema),
        mode="ignore",
        name=log.name,
        partition_by=list(log.partition_by) or None,
        # many small appends: short logs to read (measured: 39 ms instead of 57 at 1,000 commits)
        # and as long to be read as their files are kept, not Delta's 30 days
        configuration={
            "delta.checkpointInterval": "10",
            "delta.logRetentionDuration": "interval 35 days",
            # deltalake's own is a week
            "delta.deletedFileRetentionDuration": "interval 35 days",
        },
        storage_options=storage_options(),
    )


def append(log: Log, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to a log; creates it at first use."""
    _write(log, pa.Table.from_pylist([dict(row) for row in rows], plain_schema(log)), None)


# another writer of the same log was first: deltalake's own retries cover plain appends only
_until_committed = retry(
    retry=retry_if_exception_type(CommitFailedError),
    wait=wait_random_exponential(0.05, max=2),
    stop=stop_after_attempt(20),
    reraise=True,
)


class Appender:
    """Adds rows to a log again and again by one handle, which is opened once."""

    def __init__(self, log: Log) -> None:
        self._log, self._schema = log, plain_schema(log)
        self._table: DeltaTable | None = None

    @_until_committed
    def append(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, as values by column; a column that is not there is null."""
        count = len(next(iter(columns.values())))
        arrays = [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(count, field.type)
            for field in self._schema
        ]
        if self._table is None:
            create(self._log)
            self._table = opened(self._log.name)
        data = pa.Table.from_arrays(arrays, schema=self._schema)
        try:
            # Delta lets it through whatever others appended since the handle was opened
            write_deltalake(self._table, data, mode="append", schema_mode="merge")
        except CommitFailedError:  # another one changed more than rows: the handle knows it not
            self._table = None
            raise


def replace(log: Log, rows: Sequence[Mapping[str, Any]], predicate: str) -> None:
    """Put `rows` in the place of those that `predicate` (SQL) names, in one commit."""
    _write(log, pa.Table.from_pylist([dict(row) for row in rows], plain_schema(log)), predicate)


def append_stream(log: Log, rows: pa.RecordBatchReader) -> None:
    """Add the rows of a stream in one commit, however many; creates the log at first use."""
    _write_once(log, rows, None)


def replace_stream(log: Log, rows: pa.RecordBatchReader, predicate: str) -> None:
    """As `replace`, with the rows of a stream."""
    _write_once(log, rows, predicate)


def plain_schema(log: Log) -> pa.Schema:
    """Arrow's, without comments: one that was reworded since the table was made is refused by
    deltalake."""
    return pa.schema([field.remove_metadata() for field in arrow_schema(log.schema)])


@_until_committed
def _write(log: Log, data: pa.Table, predicate: str | None) -> None:
    _write_once(log, data, predicate)


def _write_once(log: Log, data: pa.Table | pa.RecordBatchReader, predicate: str | None) -> None:
    if not exists(log.name):  # cheaper than to try to create it
        create(log)
    place, options = location(log.name), storage_options()
    # merge: a log that is older than one of its columns gets it
    if predicate is None:
        write_deltalake(place, data, mode="append", schema_mode="merge", storage_options=options)
    else:
        write_deltalake(
            place,
            data,
            mode="overwrite",
            predicate=predicate,
            schema_mode="merge",
            storage_options=options,
        )
