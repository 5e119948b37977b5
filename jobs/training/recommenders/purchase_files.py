"""Anyone's files of purchases, products and promotions, read as the family's frames."""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from jobs.sql import identifier
from jobs.table import FOREVER
from jobs.training.family import Data
from jobs.training.recommenders.plans import numbers
from jobs.training.recommenders.protocol import Terms

logger = logging.getLogger(__name__)

ALWAYS = pd.Timestamp("1900-01-01")  # a file says nothing of when its rows were known
# an order is a moment at which an account bought; quantities and amounts tell the models nothing
DAYS = """
    select account_id, product_id, cast(cast(bought_at as timestamp) as date) as business_date,
           count(distinct bought_at) as orders
    from rows group by all order by business_date, account_id, product_id
"""


class BadFile(ValueError):
    """A file that the bench cannot read; the message names it, what is wrong and what to do."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    interactions: Path
    train_until: dt.date  # its rows are the last that are learnt
    out: Path
    horizon_days: int = 28
    k: int = 20  # products per list
    min_buyers: int = 20  # of a product in the catalogue
    products: Path | None = None
    promotions: Path | None = None

    @property
    def terms(self) -> Terms:
        return Terms(self.horizon_days, self.min_buyers)


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


def read(asked: Asked) -> Data:
    """The files as the family's frames; every row counts as known on its own day.

    Raises:
        BadFile: a file cannot be used, or no row is left to learn from.
    """
    last = pd.Timestamp(asked.train_until)
    if asked.horizon_days > (dt.date.max - asked.train_until).days:
        raise BadFile(
            f"--horizon-days {asked.horizon_days} after --train-until {asked.train_until} end"
            " beyond the year 9999: take fewer, or an earlier day"
        )
    needed = {"account_id": "varchar", "product_id": "varchar", "bought_at": "timestamp"}
    bought = rows(asked.interactions, needed).query("rows", DAYS).df()
    bought = dated(_ids(bought), bought["business_date"])
    if bought.empty:
        raise BadFile(
            f"{asked.interactions} has no row with an account_id, a product_id and a readable"
            " bought_at: write one per purchase, such as a1,p1,2017-01-02 10:00:00"
        )
    if not (bought["business_date"] <= last).any():
        raise BadFile(
            f"{asked.interactions} has no purchase up to {asked.train_until}:"
            " take a later --train-until"
        )
    newest = bought["business_date"].max().date()
    if newest <= asked.train_until - dt.timedelta(days=asked.horizon_days):
        raise BadFile(
            f"the newest purchase of {asked.interactions} is of {newest}, so nothing can be judged"
            f" in the {asked.horizon_days} days up to --train-until {asked.train_until}: take"
            f" --train-until {newest}"
        )
    products = pd.DataFrame({"product_id": pd.Series(dtype=str)})
    if asked.products:
        products = rows(asked.products, {"product_id": "varchar"}).df()
    frames = {
        "interactions": bought,
        "accounts": pd.DataFrame({"account_id": bought["account_id"].cat.categories}),
        "products": dated(products, ALWAYS),
    }
    if asked.promotions:
        needed = {"product_id": "varchar", "starts_on": "date", "ends_on": "date"}
        plan = rows(asked.promotions, needed).df()
        if not numbers(plan):
            logger.warning(
                "%s: no column of numbers among %s, so promotions tell nothing",
                asked.promotions,
                ", ".join(plan.columns),
            )
        frames["promotions"] = dated(_ids(plan, ["product_id"]), ALWAYS)
    return Data(frames, (), asked.train_until)


def dated(frame: pd.DataFrame, known: Any) -> pd.DataFrame:
    """Every row as known from a day on (of all, or of each), and never superseded."""
    return frame.assign(known_date=known, superseded_date=pd.Timestamp(FOREVER))


def _ids(
    frame: pd.DataFrame, columns: Sequence[str] = ("account_id", "product_id")
) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(columns, "category"))
