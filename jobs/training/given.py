"""Files that someone gives to a bench: CSV or Parquet, with columns by their name and type."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from jobs.sql import identifier
from jobs.table import FOREVER

logger = logging.getLogger(__name__)

ALWAYS = pd.Timestamp("1900-01-01")  # a file says nothing of when its rows were known


class BadFile(ValueError):
    """A file that the bench cannot read; the message names it, what is wrong and what to do."""


def opened(path: Path, needed: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
    """A CSV or Parquet file; a CSV's needed columns as text, so that an id keeps its zeros.

    Raises:
        BadFile: it is not there, not readable, or lacks columns.
    """
    if not path.is_file():
        raise BadFile(f"{path} is not there: give the path of a CSV or Parquet file")
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        found = (
            duckdb.read_parquet(str(path))
            if is_parquet
            else duckdb.read_csv(str(path), header=True)
        )
        names = found.columns
        if missing := [name for name in needed if name not in names]:
            raise BadFile(
                f"{path}: column {', '.join(missing)} is missing; it has {', '.join(names)}"
            )
        if is_parquet:
            return found
        return duckdb.read_csv(str(path), header=True, dtype=dict.fromkeys(needed, "VARCHAR"))
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        raise BadFile(f"{path} is neither CSV with a header nor Parquet: {told}") from None


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
    has = opened(path, {}).columns
    found = {}
    for name in (*needed, *more):
        called = next((one for one in (name, *also_called.get(name, ())) if one in has), name)
        if called in has:
            found[name] = called
        if called != name:
            logger.info("%s: %s is read as %s", path, called, name)
    if missing := [name for name in needed if name not in found]:
        raise BadFile(f"{path}: column {', '.join(missing)} is missing; it has {', '.join(has)}")
    return found


def quoted(name: str) -> duckdb.Expression:
    """A column by its name, whatever is in it: as it is, a dot would part table and column."""
    return duckdb.SQLExpression(identifier(name)).alias(name)


def _cast(name: str, kind: str) -> str:
    """SQL; null where it cannot be: DuckDB reads infinity as a day, and nothing else can."""
    cast = f"try_cast({name} as {kind})"
    return cast if kind == "varchar" else f"case when isfinite({cast}) then {cast} end"


def rows(path: Path, needed: Mapping[str, str]) -> duckdb.DuckDBPyRelation:
    """A file with some columns cast; rows in which one of them has no value are left out.

    Raises:
        BadFile: see `opened`.
    """
    found = opened(path, needed)
    typed = found.select(
        *(quoted(name) for name in found.columns if name not in needed),
        *(duckdb.SQLExpression(_cast(n, kind)).alias(n) for n, kind in needed.items()),
    )
    kept = typed
    for name in needed:
        kept = kept.filter(duckdb.ColumnExpression(name).isnotnull())
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
