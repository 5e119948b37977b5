"""A features table made again from tables cut at a day: no row of then may know what came later.

Cut means: as the tables stood at the closing of the day, with nothing that became known after it.
A `make` that reads ahead gives other rows then, whatever its columns look like.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import lake
from jobs.spark.session import passing
from jobs.spark.watermark import last
from jobs.table import (
    FOREVER,
    Column,
    Events,
    KeepsNoHistory,
    Landed,
    as_known,
    built_table,
    columns,
    names,
)

KNOWN_AHEAD = ("silver.calendar",)  # holidays, fixed long before
DIGITS = 6  # of a double: sums of the same numbers in another order differ after them

Read = Callable[[str], DataFrame]


@dataclass(frozen=True)
class Compared:
    """A table beside itself made again."""

    name: str
    rows: int  # known at the closing of the day
    unlike: int  # rows that only one of the two has


def as_it_stood(rows: DataFrame, date: dt.date) -> DataFrame:
    """Every version known by the closing of a day; what was superseded later is believed still."""
    day, forever = F.lit(date), F.lit(FOREVER)
    until_then = F.when(F.col("superseded_date") <= day, F.col("superseded_date"))
    return rows.where(F.col("known_date") <= day).withColumn(
        "superseded_date", F.coalesce(until_then, forever)
    )


def cut(name: str, date: dt.date, read: Read) -> DataFrame:
    """A table as it stood at the closing of a day.

    Raises:
        KeepsNoHistory: it does not tell what was known then.
    """
    rows = read(name)
    kept = {column.name for column in columns(built_table(name).full_schema)}
    beside = f"{name}_superseded"
    if name in KNOWN_AHEAD:
        return rows
    if {"known_date", "superseded_date"} <= kept:
        stood = as_it_stood(rows, date)
        # what stands still is in the table beside
        standing = name.removesuffix("_superseded")
        return stood.where(F.col("superseded_date") < FOREVER) if standing != name else stood
    if beside in names():
        stood = as_it_stood(read(beside), date).where(F.col("superseded_date") == FOREVER)
        known = rows.where(F.col("known_date") <= F.lit(date))
        return known.unionByName(stood.select(*rows.columns))
    which = built_table(name)
    if name.startswith("features.") and isinstance(which, Events):
        # as of its own day by itself: later days are not there yet
        return rows.where(F.col(which.slice) <= F.lit(date))
    raise KeepsNoHistory(f"{name} cannot be cut at {date}: it tells of no day what was known on it")


def made_again(name: str, date: dt.date, read: Read) -> DataFrame:
    """What `make` gives of the inputs cut at a day, of what was known then.

    Raises:
        KeepsNoHistory: an input cannot be cut.
    """
    which = built_table(name)
    assert not isinstance(which, Landed), f"{name} is made of files, not of tables"
    inputs: list[object] = [cut(arrow.name, date, read) for arrow in which.inputs]
    if isinstance(which, Events) and which.as_of:
        inputs.append([date])
    return known_then(which.make(*inputs), name, date)


def known_then(rows: DataFrame, name: str, date: dt.date) -> DataFrame:
    """A table's rows as known at the closing of a day, in SCHEMA's types, to be compared.

    Where `superseded_date` is of the key, rows of one thing that ended later on different days are
    summed: at the day they were one row.
    """
    which = built_table(name)
    told = [c for c in columns(which.full_schema) if c.name != "superseded_date"]
    if isinstance(which, Events) and which.as_of:
        rows = rows.where(F.col(which.slice) == F.lit(date))
    elif "superseded_date" in rows.columns:
        rows = rows.where(as_known(name, date))
    else:
        assert isinstance(which, Events)
        rows = rows.where(F.col(which.slice) <= F.lit(date))
    if "superseded_date" in which.key:
        key = [column for column in which.key if column != "superseded_date"]
        sums = [
            (F.sum(c.name) if is_amount(c.type) else F.max(c.name)).alias(c.name)
            for c in told
            if c.name not in key
        ]
        rows = rows.groupBy(*key).agg(*sums)
    return rows.select(*[_plain(c) for c in told])


def is_amount(kind: str) -> bool:
    return kind in ("int", "bigint", "double") or kind.startswith("decimal")


def _plain(column: Column) -> SparkColumn:
    value = F.col(column.name).cast(column.type)
    return (F.round(value, DIGITS) if column.type == "double" else value).alias(column.name)


def beside(stored: DataFrame, again: DataFrame) -> DataFrame:
    """One row (rows, unlike): rows of the first, and rows that only one of the two has.

    Rows are told apart by a hash of all columns, and counted: each frame is made once, and what is
    shuffled is 8 bytes a row.
    """
    sides = [
        frame.select(F.xxhash64(*stored.columns).alias("row"), F.lit(sign).alias("side"))
        for frame, sign in ((stored, 1), (again, -1))
    ]
    return (
        sides[0]
        .unionAll(sides[1])
        .groupBy("row")
        .agg(F.count_if(F.col("side") > 0).alias("rows"), F.abs(F.sum("side")).alias("unlike"))
        .agg(
            *[F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("rows", "unlike")],
        )
    )


def compared_day(name: str, stored: DataFrame, date: dt.date) -> dt.date | None:
    """The day, or of a table that is as of its slices the newest one up to it; null: none is."""
    which = built_table(name)
    if not (isinstance(which, Events) and which.as_of):
        return date
    dates = stored.where(F.col(which.slice) <= F.lit(date))
    [found] = dates.agg(F.max(which.slice).alias("newest")).collect()
    newest: dt.date | None = found.newest
    return newest


def sources(wanted: Iterable[str]) -> list[str]:
    """The features tables among those that are wanted, and those that they are made from."""
    found: list[str] = []
    for name in wanted:
        if name.startswith("features.") and name not in found:
            found.append(name)
            nearer = sources(arrow.name for arrow in built_table(name).inputs)
            found += [each for each in nearer if each not in found]
    return found


def compared(name: str, date: dt.date) -> Compared:
    """The table as known on a day beside itself, made again from tables cut then.

    Raises:
        KeepsNoHistory: an input cannot be cut.
        SparkUnreachable: no Spark server answers.
    """
    built = last(built_table(name))
    pins = built.inputs if built else {}
    with passing() as spark:

        def read(of: str) -> DataFrame:
            reader = spark.read.format("delta")
            if of in pins:  # as the table was built from it: a newer one may wait for its build
                reader = reader.option("versionAsOf", pins[of].version)
            return reader.load(lake.location(of))

        day = compared_day(name, read(name), date)
        if day is None:
            return Compared(name, 0, 0)
        stored = known_then(read(name), name, day)
        again = made_again(name, day, read)
        [found] = beside(stored, again).collect()
        return Compared(name, found.rows, found.unlike)
