"""A database on disk for one comparison: a million customers are too many to hold."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

from jobs import lake
from jobs.delivery.ledger import log_of
from jobs.settings import settings
from jobs.sql import literal

MEMORY = "700MB"  # of DuckDB's own; the rest of two gigabytes is Arrow's and Python's
CHECKPOINT = "256MB"  # of its log: each checkpoint writes, and the database is wiped
ROWS = 50_000  # of a batch that is handed on
MANY = 250_000  # that are inserted at once
PREFIX, LOCK = ".plan-", "lock"  # of a comparison's folder; in it what its process holds


@contextmanager
def scratch() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database, wiped afterwards; so is what a killed comparison left behind."""
    with _folder() as folder, duckdb.connect(folder / "scratch.duckdb") as db:
        db.execute("pragma disable_checkpoint_on_shutdown")  # it is wiped
        db.execute("pragma force_compression='uncompressed'")
        db.execute(f"set checkpoint_threshold = '{CHECKPOINT}'")
        db.execute(f"set memory_limit = '{MEMORY}'")
        db.execute(f"set temp_directory = '{folder}/spilled'")
        db.execute("set preserve_insertion_order = false")
        yield db


@contextmanager
def _folder() -> Iterator[Path]:
    """Of this comparison, held by a lock that a kill frees."""
    here = settings()
    here.locks.mkdir(parents=True, exist_ok=True)
    coming_or_going = FileLock(here.locks / "scratch.lock")
    with coming_or_going:
        for left in here.state.glob(f"{PREFIX}*"):
            with contextlib.suppress(Timeout), FileLock(left / LOCK, timeout=0):
                shutil.rmtree(left, ignore_errors=True)
        # in the state folder: /tmp is memory on many machines, and it holds personal data
        folder = Path(tempfile.mkdtemp(dir=here.state, prefix=PREFIX))
        held = FileLock(folder / LOCK)
        held.acquire()
    try:
        yield folder
    finally:
        with coming_or_going:
            held.release()
            shutil.rmtree(folder)


def load(db: duckdb.DuckDBPyConnection, name: str, table: str, columns: str, where: str) -> None:
    """Rows of a table of the lake, as `name`; none where the lake has no such table.

    Args:
        columns: of the table, with their types, as SQL declares them.
        where: SQL (DataFusion's) over the table's columns.
    """
    db.execute(f"create or replace table {name} ({columns})")
    if not lake.exists(table):
        return
    names = ", ".join(part.split()[0] for part in columns.split(", "))
    rows = lake.stream(table, sql=f"select {names} from t where {where}")  # noqa: S608 our own
    db.register("rows", rows)
    db.execute(f"insert into {name} select * from rows")  # noqa: S608
    db.unregister("rows")


def insert(db: duckdb.DuckDBPyConnection, name: str, tables: Iterable[pa.Table]) -> None:
    """Insert rows by many: DuckDB writes groups of 122,880 straight into its file, fewer into its
    log first."""
    for rows in _joined(tables):
        db.register("rows", rows)
        db.execute(f"insert into {name} select * from rows")  # noqa: S608
        db.unregister("rows")


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables."""
    some: list[pa.Table] = []
    for table in tables:
        some.append(table)
        if sum(len(each) for each in some) >= MANY:
            yield pa.concat_tables(some)
            some = []
    if some:
        yield pa.concat_tables(some)


def keep(
    db: duckdb.DuckDBPyConnection, name: str, table: str, connection: str, instance: str
) -> None:
    """Write `name` down as all that a table of the lake holds of a connection, in one commit."""
    log = log_of(table)
    told = f"{literal(connection)} as connection, {literal(instance)} as crm_instance"
    rows = stream(db, f"select {told}, * from {name}", lake.plain_schema(log))  # noqa: S608 quoted
    lake.replace_stream(log, rows, f"connection = {literal(connection)}")


def _cast(column: Any, kind: pa.DataType) -> Any:
    """A column as the lake has it: a map of texts is a struct here."""
    if not (pa.types.is_map(kind) and pa.types.is_struct(column.type)):
        return column.cast(kind)
    rows, names = len(column), [field.name for field in column.type]
    # the texts of one field after another's, taken row by row
    texts = pa.concat_arrays([column.field(n).cast(pa.string()) for n in range(len(names))])
    order = np.arange(len(texts)).reshape(len(names), rows).T.ravel()
    ends: Any = pa.array(np.arange(rows + 1) * len(names), pa.int32())
    keys = pa.array(names, pa.string()).take(np.tile(np.arange(len(names)), rows))
    return pa.MapArray.from_arrays(ends, keys, texts.take(order))


def stream(
    db: duckdb.DuckDBPyConnection, sql: str, schema: pa.Schema | None = None
) -> pa.RecordBatchReader:
    """What a query finds, a batch after another; in the columns of a schema, where one is given."""
    rows = db.sql(sql).fetch_record_batch(ROWS)
    if schema is None:
        return rows
    batches = (
        pa.RecordBatch.from_arrays(
            [_cast(batch.column(field.name), field.type) for field in schema], schema=schema
        )
        for batch in rows
    )
    return pa.RecordBatchReader.from_batches(schema, batches)
