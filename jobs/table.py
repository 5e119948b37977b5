"""What a table is, without Spark: columns, key, kind, and arrows to the tables it is made of."""

import datetime as dt
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

LAYERS = ("bronze", "silver", "gold", "features", "scores")

# History as known: a row was believed from the closing of `known_date` to that of the day before
# `superseded_date`; what is still believed has FOREVER there.
FOREVER = dt.date(9999, 12, 31)

# Where a landed row came from; every bronze table ends with these.
LANDED_COLUMNS = """
    _extra       string             comment 'JSON of what SCHEMA lacks, maybe personal data',
    _batch_id    string    not null comment 'system and batch as landed, such as till/2017-03-05',
    _known_at    timestamp not null comment 'UTC; when the drop was complete in the business time',
    _mode        string    not null comment 'of the batch: events, snapshot or changes',
    _source_file string    not null comment 'path below the landing folder, with the content hash',
    _row_number  bigint    not null comment 'row in that file, the first is 1'
"""


@dataclass(frozen=True)
class Column:
    """One column of a SCHEMA. `type` is Spark's DDL type in lower case."""

    name: str
    type: str
    nullable: bool
    comment: str

    @property
    def is_personal(self) -> bool:
        """Its comment says "personal data": it is shown on no page and published to no tool."""
        return "personal data" in self.comment


def columns(schema: str) -> tuple[Column, ...]:
    """Parse a SCHEMA (a DDL list of columns) without a Spark session.

    Raises:
        ValueError: a line is not `name type [not null] [comment '…']`.
    """
    parsed = []
    for part in re.split(r",(?=\s*\w+\s+\w)(?=(?:[^']*'[^']*')*[^']*$)", schema.strip()):
        match = re.fullmatch(
            r"(\w+)\s+([\w<>:(), ]+?)(\s+not\s+null)?(?:\s+comment\s+'([^']*)')?",
            part.strip(),
            flags=re.IGNORECASE,
        )
        if not match:
            raise ValueError(f"not a column of a SCHEMA: {part.strip()!r}")
        name, kind, required, comment = match.groups()
        kind = re.sub(r"\s+", "", kind.lower())
        parsed.append(Column(name, kind, nullable=not required, comment=comment or ""))
    return tuple(parsed)


@dataclass(frozen=True)
class Touch:
    """What a changed row of an input touches in the table that is made from it."""

    kind: Literal["window", "by_key", "all", "nothing"]
    on: str | None = None  # window: SQL over the input's row giving a date; null: its slice column
    before: int = 0  # days
    after: int = 0  # days
    column: str = ""  # by_key: the column that both inputs share
    through: str = ""  # by_key: the driving input, whose own touch turns its rows into slices
    reads: str = ""  # by_key: SQL for all that is read of a row; null: nothing is; empty: all of it
    versions_of: tuple[str, ...] = ()  # window: columns that name what may come again, dated anew


def same_date(on: str | None = None) -> Touch:
    """A changed row touches the slice of its own date."""
    return Touch("window", on=on)


def window(
    before: int, after: int, on: str | None = None, versions_of: tuple[str, ...] = ()
) -> Touch:
    """A changed row dated d touches the slices d - before … d + after (days).

    Args:
        versions_of: columns that name a thing of which several versions may come, each with a date
            of its own: the slices of all its versions are touched, and `make` sees all of them.
    """
    return Touch("window", on=on, before=before, after=after, versions_of=versions_of)


def by_key(column: str, through: str, reads: str = "") -> Touch:
    """A changed row touches every slice in which its `column` occurs in the input `through`.

    Args:
        reads: SQL for what `make` takes from a row beside `column`; null: it passes over the row. A
            row that changes otherwise touches nothing.
    """
    return Touch("by_key", column=column, through=through, reads=reads)


everything = Touch("all")
nothing = Touch("nothing")  # read only: another input changes with it and says what is touched


@dataclass(frozen=True)
class Input:
    """An arrow: the table that is read, and what its changed rows touch.

    For an entities table the touch is left out: a changed row touches the units (see Entities)
    named by the same columns; an input without those columns must say `everything`.
    """

    name: str
    touches: Touch = field(default_factory=same_date)


@dataclass(frozen=True)
class Landed:
    """A bronze table: the rows of landed batches, typed. A slice is a batch."""

    name: str
    schema: str  # without LANDED_COLUMNS
    entity: str
    # of a batch's rows: above both limits the batch is held back, what it held before stays
    max_refused_share: float = 0.05
    max_refused_rows: int = 100
    is_snapshot_whole: bool = False  # of a snapshot no row may be refused, whatever the limits say
    # column → the day (UTC) from which on files must have it; in those known before it is null
    since: Mapping[str, str] = field(default_factory=dict)

    inputs: tuple[Input, ...] = ()
    slice: str = "_batch_id"
    key: tuple[str, ...] = ("_batch_id", "_source_file", "_row_number")

    @property
    def full_schema(self) -> str:
        return f"{self.schema.strip()},{LANDED_COLUMNS}"


@dataclass(frozen=True)
class Events:
    """A table whose rows belong to one slice (a business date) and never move.

    `make(*inputs)` gets one DataFrame per input, in order; with `as_of=True` a list of the dates
    being built comes last. Where `make` leaves the columns `_duplicates` and `_superseded`, `build`
    sums them into its record and drops them.
    """

    name: str
    schema: str
    key: tuple[str, ...]
    slice: str
    inputs: tuple[Input, ...]
    make: Callable[..., Any]
    grain: Literal["day", "week"] = (
        "day"  # week: a slice is named by its Monday, as_of by its Sunday
    )
    as_of: bool = False
    chunk: int = 400  # slices that one commit of a wide build replaces

    @property
    def full_schema(self) -> str:
        return self.schema


@dataclass(frozen=True)
class Entities:
    """A table with one row per key, made from versions; `unit` names what is rebuilt together."""

    name: str
    schema: str
    key: tuple[str, ...]
    inputs: tuple[Input, ...]
    make: Callable[..., Any]
    unit: tuple[str, ...] = ()  # columns of the key; empty: the whole key

    @property
    def full_schema(self) -> str:
        return self.schema

    @property
    def units(self) -> tuple[str, ...]:
        return self.unit or self.key


@dataclass(frozen=True)
class Log:
    """A table that the pipeline keeps about itself, written by deltalake (never by Spark)."""

    name: str
    schema: str
    partition_by: tuple[str, ...] = ()

    inputs: tuple[Input, ...] = ()

    @property
    def full_schema(self) -> str:
        return self.schema


Built = Landed | Events | Entities
Table = Built | Log


class UnknownTable(Exception):
    """There is no table of that name."""


@cache
def table(name: str) -> Table:
    """The table by its name: `silver.orders` is TABLE in jobs/spark/silver/orders.py.

    Raises:
        UnknownTable: there is no such file, or its TABLE has another name.
    """
    layer, _, short = name.partition(".")
    home = "jobs.ops" if layer == "ops" else f"jobs.spark.{layer}"
    try:
        found: Table = importlib.import_module(f"{home}.{short}").TABLE
    except ModuleNotFoundError as error:
        if error.name and not f"{home}.{short}".startswith(error.name):
            raise
        known = ", ".join(names())
        raise UnknownTable(f"no table {name!r}; the tables are: {known}") from None
    if found.name != name:
        raise UnknownTable(f"{home}.{short} names its table {found.name!r}; it must be {name!r}")
    return found


def built_table(name: str) -> Built:
    """A table that builds make, by its name.

    Raises:
        UnknownTable: there is no such file, or its TABLE has another name.
        TypeError: it is a log, which nobody builds.
    """
    found = table(name)
    if isinstance(found, Log):
        raise TypeError(f"{name} is a log: the pipeline writes it, and no build makes it")
    return found


class KeepsNoHistory(Exception):
    """The table does not tell what was believed on a day before."""


def as_known(name: str, date: dt.date | str) -> str:
    """SQL that is true for the rows of a table as they were known at the closing of a day.

    For Spark's `where` and for `lake.read(sql=…)`.

    Args:
        date: the day, or the name of a column that gives it row by row.

    Raises:
        KeepsNoHistory: the table lacks `known_date` or `superseded_date`.
    """
    kept = {column.name for column in columns(table(name).full_schema)}
    if missing := [c for c in ("known_date", "superseded_date") if c not in kept]:
        raise KeepsNoHistory(
            f"{name} cannot be read as it was known on a day: it has no {' and no '.join(missing)};"
            f" {_nearest(name)}"
        )
    day = date if isinstance(date, str) else f"date '{date.isoformat()}'"
    return f"(known_date <= {day} and superseded_date > {day})"


def _nearest(name: str) -> str:
    """What to read where a table keeps what was believed before in another one, or nowhere."""
    beside = f"{name}_superseded"
    if beside in names():
        return f"what was believed before is in {beside}"
    return "docs/history.md lists the tables that can"


def names(layers: Iterable[str] = (*LAYERS, "ops")) -> list[str]:
    """Names of all tables, layer by layer, alphabetically in a layer."""
    found = []
    for layer in layers:
        home = importlib.import_module("jobs.ops" if layer == "ops" else f"jobs.spark.{layer}")
        found += [f"{layer}.{m.name}" for m in pkgutil.iter_modules(home.__path__)]
    return found


def in_build_order(layers: Iterable[str] = LAYERS) -> list[str]:
    """All tables that `build` makes, inputs before the tables made from them."""
    wanted = names(layers)
    order: list[str] = []

    def place(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"tables are made from each other: {' <- '.join((*path, name))}")
        if name in order or name not in wanted:
            return
        for arrow in table(name).inputs:
            place(arrow.name, (*path, name))
        order.append(name)

    for name in wanted:
        place(name, ())
    return order
