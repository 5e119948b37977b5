"""Files that someone gives to a bench: CSV or Parquet, with columns by their name and type."""

import codecs
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from jobs.settings import settings
from jobs.sql import identifier, literal
from jobs.table import FOREVER

logger = logging.getLogger(__name__)

PARQUET = (".parquet", ".pq")
CHUNK_BYTES = 16 * 1024**2
YEARS = range(1700, 2200)  # of days and moments: pandas knows few more
ZONED = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)\s*$"  # a text that ends with a time and its zone
ALWAYS = pd.Timestamp("1900-01-01")  # a file says nothing of when its rows were known


class BadFile(ValueError):
    """A file that the bench cannot read; the message names it, what is wrong and what to do."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around whatever asks for a file's rows: it is read then, to its end.

    Raises:
        BadFile: it cannot be.
    """
    try:
        yield
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        raise BadFile(
            f"{path} cannot be read to its end: {told}; a CSV is text in UTF-8, with as many values"
            " in each line as its header has names"
        ) from None


def opened(path: Path, needed: Mapping[str, str], is_text: bool = False) -> duckdb.DuckDBPyRelation:
    """A CSV or Parquet file; a CSV's needed columns as text, so that an id keeps its zeros.

    Args:
        is_text: all columns of a CSV are text: what they hold is cast where it is used. Otherwise
            the other columns are what all of their values can be.

    Raises:
        BadFile: it is not there, not readable, or lacks columns.
    """
    if not path.is_file():
        raise BadFile(f"{path} is not there: give the path of a CSV or Parquet file")
    is_parquet = path.suffix.lower() in PARQUET
    if not is_parquet:
        _refuse_other_encodings(path, path.stat().st_mtime_ns)
    try:
        found = (
            duckdb.read_parquet(str(path))
            if is_parquet
            else duckdb.read_csv(str(path), header=True, all_varchar=True)
        )
        names = found.columns
        if missing := [name for name in needed if name not in names]:
            raise _lacks(path, missing, names)
        if is_parquet:
            return found
        if is_text:
            return found
        texts = dict.fromkeys(needed, "VARCHAR")
        return duckdb.read_csv(str(path), header=True, dtype=texts, sample_size=-1)
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        raise BadFile(
            f"{path} is neither Parquet nor CSV with a header, in UTF-8: {told}"
        ) from None


@cache
def _refuse_other_encodings(path: Path, written_ns: int) -> None:
    """DuckDB finds some only when it has begun, and then answers nothing more in this process."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    with path.open("rb") as file:
        try:
            while part := file.read(CHUNK_BYTES):
                decode(part)
            decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path} is no text in UTF-8 (byte {error.object[error.start]:#x} is none of it):"
                " save it as UTF-8"
            ) from None


def named(
    path: Path,
    needed: Collection[str],
    more: Collection[str],
    also_called: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """What each column that is needed is called in a file, and more, where it has them.

    Args:
        also_called: column → other names that public files have for it.

    Raises:
        BadFile: it lacks one that is needed.
    """
    has = opened(path, {}, is_text=True).columns
    by_name = {theirs.lower(): theirs for theirs in reversed(has)}
    found = {}
    for name in (*needed, *more):
        names = (one.lower() for one in (name, *also_called.get(name, ())))
        called = next((by_name[one] for one in names if one in by_name), None)
        if called is not None:
            found[name] = called
        if called not in (None, name):
            logger.info("%s: %s is read as %s", path, called, name)
    if missing := [name for name in needed if name not in found]:
        raise _lacks(path, missing, has)
    return found


def _lacks(path: Path, missing: Sequence[str], has: Sequence[str]) -> BadFile:
    """Of a CSV whose lines have not equally many values DuckDB finds another header, or none."""
    if path.suffix.lower() not in PARQUET:
        with path.open(encoding="utf-8-sig") as file:
            first = re.split(r"[,;\t|]", file.readline())[0].strip('" \n')
        if has[0] != first:
            return BadFile(
                f"{path}: some line has more or fewer values than the header has names: mend it,"
                " or quote what holds the separator"
            )
    return BadFile(f"{path}: column {', '.join(missing)} is missing; it has {', '.join(has)}")


def quoted(name: str) -> duckdb.Expression:
    """A column by its name, whatever is in it: as it is, a dot would part table and column."""
    return duckdb.SQLExpression(identifier(name)).alias(name)


def text(of: duckdb.DuckDBPyRelation, name: str) -> str:
    """SQL: a column as text, null where it is empty; an id that a tool has made a number with a
    point is whole again."""
    column = identifier(name)
    if not str(of.types[of.columns.index(name)]).startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return f"nullif(trim(cast({column} as varchar)), '')"
    whole = f"cast(try_cast({column} as hugeint) as varchar)"
    return f"case when {column} = floor({column}) then {whole} else cast({column} as varchar) end"


def number(name: str) -> str:
    """SQL: a column as a number; null where it is none, or none that is finite."""
    cast = f"try_cast({identifier(name)} as double)"
    return f"case when isfinite({cast}) then {cast} end"


def _cast(of: duckdb.DuckDBPyRelation, name: str, kind: str) -> str:
    """SQL; null where it cannot be: DuckDB reads days that nothing else can, infinity among them.

    Instants with a zone become the shop's own time, wherever this runs.
    """
    if kind == "varchar":
        return text(of, name)
    column, theirs = identifier(name), str(of.types[of.columns.index(name)])
    here = f"timezone({literal(settings().timezone)}, {{}})"
    if theirs == "TIMESTAMP WITH TIME ZONE":
        column = here.format(column)
    cast = f"try_cast({column} as {kind})"
    if kind not in ("timestamp", "date"):
        return f"case when isfinite({cast}) then {cast} end"
    if theirs == "VARCHAR":
        instant = f"cast({here.format(f'try_cast({column} as timestamptz)')} as {kind})"
        cast = f"case when regexp_matches({column}, '{ZONED}') then {instant} else {cast} end"
    first, end = (f"{kind} '{year}-01-01'" for year in (YEARS[0], YEARS[-1] + 1))
    return f"case when {cast} >= {first} and {cast} < {end} then {cast} end"


def rows(path: Path, needed: Mapping[str, str], is_text: bool = False) -> duckdb.DuckDBPyRelation:
    """A file with some columns cast; rows in which one of them has no value are left out.

    Args:
        is_text: see `opened`.

    Raises:
        BadFile: see `opened`.
    """
    found = opened(path, needed, is_text)
    typed = found.select(
        *(quoted(name) for name in found.columns if name not in needed),
        *(duckdb.SQLExpression(_cast(found, n, kind)).alias(n) for n, kind in needed.items()),
    )
    kept = typed
    for name in needed:
        kept = kept.filter(duckdb.ColumnExpression(name).isnotnull())
    with reading(path):
        total, left = (one.count("*").fetchall()[0][0] for one in (found, kept))
    if left < total:
        logger.warning(
            "%s: %d of %d rows left out, in which %s is missing or not of its type",
            path,
            total - left,
            total,
            ", ".join(f"{n} ({kind})" for n, kind in needed.items()),
        )
    return kept


def dated(frame: pd.DataFrame, known: Any) -> pd.DataFrame:
    """Every row as known from a day on (of all, or of each), and never superseded."""
    return frame.assign(known_date=known, superseded_date=pd.Timestamp(FOREVER))
