"""Anyone's file of sales lines, read as account days: one row per account and day with a line.

What families that know a customer by when and how much they buy learn from, be it a file or the
lake: account_id (category), business_date, known_date, superseded_date, orders, sales_usd,
products, discount_usd, coupon_usd. An order is a basket with a line of which the shop received
something (a trip); a day without one has 0 orders.
"""

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd

from jobs.sql import identifier
from jobs.training import given
from jobs.training.given import BadFile

logger = logging.getLogger(__name__)

ACCOUNT, MOMENT = "account_id", "bought_at"
NEEDED = {ACCOUNT: "varchar", MOMENT: "timestamp"}  # what a file must tell
# what it may tell, and what stands in where it does not
BASKET = "order_id"  # else account and moment: nobody pays twice at once
AMOUNT = "amount_usd"  # USD that the shop received of the line; else 1
PRODUCT = "product_id"  # else unknown
DEPARTMENT = "department"  # that the product belongs to; else unknown
DISCOUNTS = ("discount_usd", "coupon_usd")  # USD, positive; else 0
# names that other public files have for the same
ALSO_CALLED = {
    ACCOUNT: ("customer_id", "household_id", "household_key"),
    MOMENT: ("transaction_timestamp", "ordered_at", "timestamp", "date"),
    BASKET: ("basket_id", "transaction_id", "invoice_id"),
    AMOUNT: ("sales_value", "sales_usd", "amount", "sales"),
    PRODUCT: ("sku", "item_id"),
    DEPARTMENT: ("department_name", "product_department", "category"),
    "discount_usd": ("loyalty_discount_usd", "retail_disc"),
    "coupon_usd": ("coupon_discount_usd", "coupon_disc"),
}
DIGITS = 4  # of sums, in USD
PAUSE = pd.Timedelta(days=366)  # in which nobody buys anything, at most
FEWEST_DAYS = 7  # with a line, on which a time between two pauses is no mistake
COLUMNS = (
    *("account_id", "business_date", "known_date", "superseded_date"),
    *("orders", "sales_usd", "products", "discount_usd", "coupon_usd"),
)


@dataclass(frozen=True)
class Lines:
    """A file's lines that have what is needed, and SQL that asks for their columns."""

    path: Path
    rows: duckdb.DuckDBPyRelation
    called: dict[str, str]  # our name → the file's

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises BadFile: it cannot be read, or lacks a column."""
        called = given.named(path, NEEDED, [n for n in ALSO_CALLED if n not in NEEDED], ALSO_CALLED)
        needed = {called[name]: kind for name, kind in NEEDED.items()}
        found = given.rows(path, needed, is_text=True)
        made = cls(path, _of_one_time(path, found, called[MOMENT]), called)
        made.refuse_no_numbers()
        return made

    def refuse_no_numbers(self) -> None:
        """Say of how many lines an amount is no number, and refuse where that is most of them."""
        if AMOUNT not in self.called:
            logger.warning("%s has no column %s: every line counts as 1", self.path, AMOUNT)
        names = [self.called[name] for name in (AMOUNT, *DISCOUNTS) if name in self.called]
        if not names:
            return
        counted = []
        for name in names:
            column, number = identifier(name), given.number(name)
            is_none = f"filter (where {column} is not null and {number} is null)"
            counted += [f"count({column})", f"count(*) {is_none}"]
            counted.append(f"any_value(cast({column} as varchar)) {is_none}")
        [found] = self.asked(f"select {', '.join(counted)} from rows").fetchall()  # noqa: S608
        for name, values, others, one in zip(
            names, found[::3], found[1::3], found[2::3], strict=True
        ):
            counts = f"{others} of {values} values of {name}"
            said = f"{self.path}: {counts} are no numbers, such as {one!r}"
            if 2 * others > values:
                raise BadFile(f"{said}: write numbers with a point, and nothing else, such as 12.3")
            if others:
                logger.warning("%s; they count as 0", said)

    def asked(self, sql: str) -> duckdb.DuckDBPyRelation:
        """What SQL over `rows` finds. Raises BadFile: a line cannot be read."""
        with given.reading(self.path):
            return self.rows.query("rows", sql).execute()

    def text(self, name: str) -> str:
        return given.text(self.rows, self.called[name])

    @property
    def basket(self) -> str:
        """An order's own name; where a line has none, account and moment: see BASKET."""
        at = f"cast({self.moment} as varchar)"
        if BASKET not in self.called:
            return at
        return f"coalesce({self.text(BASKET)}, {at})"

    @property
    def moment(self) -> str:
        return f"cast({identifier(self.called[MOMENT])} as timestamp)"

    def number(self, name: str, otherwise: str) -> str:
        """What is no number, or not told of a line, is 0."""
        if name not in self.called:
            return otherwise
        return f"coalesce({given.number(self.called[name])}, 0)"

    @property
    def amount(self) -> str:
        return self.number(AMOUNT, "1.0")


def lines_of(path: Path) -> Lines:
    """A file's lines, looked at once, and told of once, while it stays as it is.

    Raises:
        BadFile: see `Lines.of`.
    """
    return _lines(path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _lines(path: Path, written_ns: int) -> Lines:
    return Lines.of(path)


def _of_one_time(path: Path, rows: duckdb.DuckDBPyRelation, moment: str) -> duckdb.DuckDBPyRelation:
    """Without days of 1900 or of 2099: a mistake, that makes history of a century without anyone.

    Such are days between two pauses of more than PAUSE, fewer than FEWEST_DAYS of them: by
    themselves, so that what is told of later days changes nothing. Where all are such, the time
    with the most lines stays.
    """
    at = identifier(moment)
    by_day = f"select cast({at} as date), count(*) from rows group by 1 order by 1"  # noqa: S608
    with given.reading(path):
        found = rows.query("rows", by_day).fetchall()
    days = pd.DataFrame(found, columns=["day", "lines"]).astype({"day": "datetime64[s]"})
    if days.empty:
        return rows
    times = (days["day"].diff() > PAUSE).cumsum()
    of_time = days.groupby(times)["lines"].agg(["size", "sum"])
    kept = of_time.index[of_time["size"] >= FEWEST_DAYS]
    is_here = times.isin(kept if len(kept) else [of_time["sum"].idxmax()])
    if is_here.all():
        return rows
    here, others = days[is_here], days[~is_here]
    logger.warning(
        "%s: %d lines of %s are left out, such as of %s: they lie more than %d days away from"
        " the others (%s to %s)",
        *(path, others["lines"].sum(), moment, others["day"].iloc[0].date()),
        *(PAUSE.days, here["day"].iloc[0].date(), here["day"].iloc[-1].date()),
    )
    spans = here.groupby(times[is_here])["day"].agg(["min", "max"])
    parts = [
        f"cast({at} as date) between date '{span.min:%Y-%m-%d}' and date '{span.max:%Y-%m-%d}'"
        for span in spans.itertuples()
    ]
    return rows.filter(" or ".join(parts))


def total(amount: str) -> str:
    """SQL: a sum that is the same however the rows were parted among threads."""
    return f"round(sum({amount}), {DIGITS})"


def days(path: Path) -> pd.DataFrame:
    """Account days of a file, sorted by account and day, each as known on its own day.

    Args:
        path: CSV or Parquet, a row per line: account_id and bought_at (the shop's own time, without
            a zone), and what else it tells of order_id, amount_usd, product_id, discount_usd and
            coupon_usd, under these names or those of ALSO_CALLED.

    Raises:
        BadFile: it cannot be read, or lacks what is needed, or has no row with it.
    """
    lines = lines_of(path)
    found = lines.asked(_by_day(lines)).df()
    if found.empty:
        raise BadFile(
            f"{path} has no row with an {lines.called[ACCOUNT]} and a readable"
            f" {lines.called[MOMENT]}: write one per line, such as a1,2017-01-02 10:00:00"
        )
    if not found["orders"].any():
        raise BadFile(
            f"{path}: no line has {lines.called.get(AMOUNT, AMOUNT)} above 0, so nobody has"
            " ordered anything: give what the shop received, as numbers with a point"
        )
    found["account_id"] = found["account_id"].astype("category")
    known = given.dated(found, found["business_date"])
    return known[list(COLUMNS)].reset_index(drop=True)


def _by_day(lines: Lines) -> str:
    products = "null"
    if PRODUCT in lines.called:
        products = f"count(distinct {lines.text(PRODUCT)})"
    told = {name: lines.number(name, "0.0") for name in DISCOUNTS}
    discounts = [f"{total(f'abs({number})')} as {name}" for name, number in told.items()]
    return f"""
        select {lines.text(ACCOUNT)} as account_id, cast({lines.moment} as date) as business_date,
               count(distinct {lines.basket}) filter (where {lines.amount} > 0) as orders,
               {total(lines.amount)} as sales_usd, cast({products} as double) as products,
               {", ".join(discounts)}
        from rows group by all order by account_id, business_date
    """  # noqa: S608


def purchases(path: Path) -> pd.DataFrame:
    """What each account bought on each day, by product; empty where a file tells no products.

    Returns:
        account_id (category), product_id, business_date, sales_usd (USD that the shop received),
        known_date, superseded_date: each as known on its own day.

    Raises:
        BadFile: see `days`.
    """
    lines = lines_of(path)
    if PRODUCT not in lines.called:
        names = ["account_id", "product_id", "business_date", "sales_usd"]
        nothing = pd.DataFrame({name: pd.Series(dtype="object") for name in names})
        return given.dated(nothing.astype({"business_date": "datetime64[us]"}), given.ALWAYS)
    asked = f"""
        select {lines.text(ACCOUNT)} as account_id, {lines.text(PRODUCT)} as product_id,
               cast({lines.moment} as date) as business_date, {total(lines.amount)} as sales_usd
        from rows where {lines.text(PRODUCT)} is not null group by all order by all
    """  # noqa: S608
    found = lines.asked(asked).df().astype({"account_id": "category"})
    return given.dated(found, found["business_date"])


def by_department(path: Path) -> pd.DataFrame:
    """What each account bought on each day, by department.

    Returns:
        account_id (category), department, business_date, sales_usd (USD that the shop received,
        above 0), known_date, superseded_date: each as known on its own day.

    Raises:
        BadFile: see `days`; or it tells no department of anything that was paid for.
    """
    lines = lines_of(path)
    if DEPARTMENT not in lines.called:
        raise BadFile(
            f"{path}: column {DEPARTMENT} is missing; it has {', '.join(lines.rows.columns)}"
        )
    asked = f"""
        select {lines.text(ACCOUNT)} as account_id, {lines.text(DEPARTMENT)} as department,
               cast({lines.moment} as date) as business_date, {total(lines.amount)} as sales_usd
        from rows where {lines.text(DEPARTMENT)} is not null and {lines.amount} > 0
        group by all order by all
    """  # noqa: S608
    found = lines.asked(asked).df()
    if found.empty:
        raise BadFile(
            f"{path}: column {lines.called[DEPARTMENT]} is empty in every line with an amount above"
            " 0: say what department each product is of"
        )
    found = found.astype({"account_id": "category", "department": "category"})
    return given.dated(found, found["business_date"])


def between(days: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Days from one to another, both included."""
    return days[days["business_date"].between(first, last)]
