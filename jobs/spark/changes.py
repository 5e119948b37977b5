"""What a build has to do: the slices or keys that changed inputs touch since the watermark."""

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake, landing
from jobs.settings import settings
from jobs.spark import store
from jobs.spark.store import Slice
from jobs.spark.watermark import Watermark, batches, reason_for_everything
from jobs.table import Built, Entities, Events, Input, Landed, columns, table

# Above this many separate runs of dates an input is read from the first date to the last.
RUNS = 32
# Taking out more than this share of a table's batches at once is taken for an accident: of a few
# batches only where none is left.
MOST_GONE, FEWEST_GONE = 0.5, 5
DATED = re.compile(r"\d{4}-\d{2}-\d{2}")  # in a batch's name, wherever its system puts it
# What Spark and Delta say when the versions between two watermarks cannot be read any more.
FEED_IS_GONE = ("DELTA_CHANGE_", "DELTA_VERSION", "DELTA_FILE_NOT_FOUND", "FILE_NOT_EXIST")


class BatchesGone(Exception):
    """So many landed batches are not there any more that the landing folder must be another."""


class CannotName(Exception):
    """Slices were named by hand that there are not."""


@dataclass(frozen=True)
class Changes:
    """What to build and why. `slices` for sliced tables; `units` (one row each) for entities."""

    kind: Literal["nothing", "changed", "everything", "named"]
    why: str
    now: Watermark
    slices: tuple[Slice, ...] = ()
    units: DataFrame | None = None
    newest: dt.date | None = None  # as-of tables: no slice after it has rows
    is_whole: bool = False  # all slices of the table at once


def find(
    spark: SparkSession,
    which: Built,
    was: Watermark | None,
    now: Watermark,
    settle: Callable[[DataFrame], DataFrame],
) -> Changes:
    """Slices or units that the changes since `was` touch; all of them where that cannot be read.

    Args:
        settle: reads the touched units from the change feed, once, and keeps them.
    """
    if why := reason_for_everything(was, now):
        return everything(spark, which, now, why)
    assert was is not None
    try:
        return _touched(spark, which, was, now, settle)
    except PySparkException as error:
        told = str(error)
        if not any(code in told for code in FEED_IS_GONE):
            raise
        return everything(
            spark, which, now, "an input's change feed is gone (vacuumed, or retyped)"
        )


def _touched(
    spark: SparkSession,
    which: Built,
    was: Watermark,
    now: Watermark,
    settle: Callable[[DataFrame], DataFrame],
) -> Changes:
    if isinstance(which, Landed):
        return _landed(spark, which, was, now)
    moved = [i for i in which.inputs if was.inputs[i.name].version != now.inputs[i.name].version]
    if not moved:
        return Changes("nothing", "no input changed", now)
    why = ", ".join(
        f"{i.name} {was.inputs[i.name].version} -> {now.inputs[i.name].version}" for i in moved
    )
    if isinstance(which, Entities):
        what = _touched_units(spark, which, moved, was, now, why)
        units = settle(what.units) if what.units is not None else None
        if units is not None and units.isEmpty():
            return Changes("nothing", f"{why}: no row differs", now)
        return replace(what, units=units)
    newest = newest_date(spark, which, now)
    touched: set[Slice] = {*passed(spark, which, now, newest)}
    for arrow in moved:
        since = was.inputs[arrow.name].version
        if arrow.touches.kind == "nothing":
            continue
        if arrow.touches.kind == "all":
            if _any_change(spark, arrow, since, now):
                return everything(spark, which, now, f"{arrow.name} changed and touches everything")
        elif arrow.touches.kind == "by_key":
            touched |= _slices_by_key(spark, which, arrow, since, now)
        else:
            touched |= expand(which, arrow, _changed_dates(spark, arrow, since, now), newest)
    if not touched:
        return Changes("nothing", f"{why}: no row differs", now)
    return Changes("changed", why, now, tuple(sorted(touched, key=str)), newest=newest)


def passed(
    spark: SparkSession, which: Events, now: Watermark, newest: dt.date | None
) -> set[dt.date]:
    """As-of slices between the last one stored and the newest date, whichever lies ahead.

    No row need be dated in them: where nothing was sold for two weeks, two Sundays have passed; and
    where the newest sales were taken back, Sundays have not come yet.
    """
    if not which.as_of:
        return set()
    stored = store.read(spark, which.name, store.pin(which.name))
    if newest is None:
        return {s for s in store.slices(stored, which.slice) if isinstance(s, dt.date)}
    last = _edge(stored, which.slice, F.max) or _edge_of_input(spark, which, now, F.min)
    first, end = sorted((newest, last or newest))
    days = {first + dt.timedelta(n) for n in range((end - first).days + 1)}
    return {s for s in (_slice_of(which, day) for day in days) if first < s <= end}


def everything(spark: SparkSession, which: Built, now: Watermark, why: str) -> Changes:
    """All slices that inputs can feed, and those that are stored."""
    if isinstance(which, Landed):
        stored = store.slices(store.read(spark, which.name, store.pin(which.name)), which.slice)
        landed = batches(which)
        _check_landed(which, {str(batch) for batch in stored}, landed)
        found = {*landed, *stored}
        return Changes("everything", why, now, tuple(sorted(found, key=str)))
    if isinstance(which, Entities):
        return Changes("everything", why, now)
    found = store.slices(store.read(spark, which.name, store.pin(which.name)), which.slice)
    newest = newest_date(spark, which, now)
    for arrow in which.inputs:
        if arrow.touches.kind == "window":
            rows = store.read(spark, arrow.name, now.inputs[arrow.name])
            dates = days_in(rows.selectExpr(f"to_date({on(arrow)}) as d"))
            found |= set(expand(which, arrow, dates, newest))
    return Changes("everything", why, now, tuple(sorted(found, key=str)), newest=newest)


def named(
    spark: SparkSession, which: Built, now: Watermark, start: dt.date, end: dt.date
) -> Changes:
    """The slices from `start` to `end`, by hand; such a build does not move the watermark.

    Raises:
        CannotName: the table has no slices, or none between these days.
    """
    if isinstance(which, Entities):
        raise CannotName(f"{which.name} has no slices: build it without --start and --end")
    why, newest = f"named by hand: {start} to {end}", None
    if isinstance(which, Landed):
        found: set[Slice] = {
            batch
            for batch in batches(which)
            if (dated := DATED.search(batch)) and start.isoformat() <= dated[0] <= end.isoformat()
        }
    else:
        newest = newest_date(spark, which, now)
        days = {start + dt.timedelta(n) for n in range((end - start).days + 1)}
        found = {*_up_to(which, {_slice_of(which, day) for day in days}, newest)}
    if not found:
        raise CannotName(f"{which.name} has no slice from {start} to {end}: nothing to build")
    return Changes("named", why, now, tuple(sorted(found, key=str)), newest=newest)


def narrowed(
    spark: SparkSession, which: Events | Entities, arrow: Input, what: Changes
) -> DataFrame:
    """An input at its pinned version, with the rows that the changes need (or more)."""
    rows = store.read(spark, arrow.name, what.now.inputs[arrow.name])
    if isinstance(which, Entities):
        if what.units is not None and has_units(which, arrow):
            return rows.join(F.broadcast(what.units), on=list(which.units), how="left_semi")
        return rows
    if arrow.touches.kind != "window":
        return rows
    within = _within(which, arrow, what.slices)
    if arrow.touches.versions_of and not what.is_whole:
        others = dates_of_versions(rows.where(f"not ({within})"), rows.where(within), arrow)
        within = f"({within}) or {_dated(arrow, [(day, day) for day in sorted(others)])}"
    return rows.where(within)


def on(arrow: Input) -> str:
    """SQL for the date of an input's row, by which it touches slices."""
    if arrow.touches.on:
        return arrow.touches.on
    source = table(arrow.name)
    assert isinstance(source, Events), f"{arrow.name} has no slice: say what date its rows touch"
    return source.slice


def expand(
    which: Events, arrow: Input, dates: Iterable[dt.date], newest: dt.date | None
) -> set[dt.date]:
    """The slices that rows of these dates touch; as-of slices end with the newest date known."""
    touch = arrow.touches
    found = {
        _slice_of(which, date + dt.timedelta(n))
        for date in dates
        for n in range(-touch.before, touch.after + 1)
    }
    return _up_to(which, found, newest)


def _up_to(which: Events, slices: set[dt.date], newest: dt.date | None) -> set[dt.date]:
    """As-of slices end with the newest date known."""
    if not which.as_of:
        return slices
    return {s for s in slices if newest is not None and s <= newest}


def _slice_of(which: Events, date: dt.date) -> dt.date:
    if which.grain == "day":
        return date
    monday = date - dt.timedelta(date.weekday())
    return monday + dt.timedelta(6) if which.as_of else monday


def _within(which: Events, arrow: Input, slices: tuple[Slice, ...]) -> str:
    """SQL for the rows that feed the slices, as ranges of the plain column where there is one."""
    extra = 6 if which.grain == "week" and not which.as_of else 0
    wanted = sorted(s for s in slices if isinstance(s, dt.date))
    runs: list[tuple[dt.date, dt.date]] = []
    for day in wanted:
        low = day - dt.timedelta(arrow.touches.after)
        high = day + dt.timedelta(arrow.touches.before + extra)
        if runs and low <= runs[-1][1] + dt.timedelta(1):
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    return _dated(arrow, runs)


def _dated(arrow: Input, runs: list[tuple[dt.date, dt.date]]) -> str:
    """SQL for the rows of an input dated within any of the runs of days."""
    if not runs:
        return "false"
    if len(runs) > RUNS:
        runs = [(runs[0][0], runs[-1][1])]
    column = on(arrow)
    types = {c.name: c.type for c in columns(table(arrow.name).full_schema)}
    if types.get(column) == "timestamp":
        return " or ".join(
            f"({column} >= timestamp'{low}' and {column} < timestamp'{high + dt.timedelta(1)}')"
            for low, high in runs
        )
    date = column if types.get(column) == "date" else f"to_date({column})"
    return " or ".join(f"({date} between date'{low}' and date'{high}')" for low, high in runs)


def dates_of_versions(rows: DataFrame, of: DataFrame, arrow: Input) -> set[dt.date]:
    """Dates of the rows that are versions of things in `of`; three columns are read for that."""
    key = list(arrow.touches.versions_of)
    hit = rows.join(of.select(*key), on=key, how="left_semi")
    return days_in(hit.selectExpr(f"to_date({on(arrow)}) as d"))


def touched_batches(which: Landed, was: Watermark, now: Watermark) -> set[str] | None:
    """Batches that were landed, again, or taken back since; null: nobody knows what was taken."""
    landed = landing.taken(which.entity, now.batches or "") or {}
    before = landing.taken(which.entity, was.batches or "")
    if before is None:
        return None
    return {b for b in {*before, *landed} if before.get(b) != landed.get(b)}


def _landed(spark: SparkSession, which: Landed, was: Watermark, now: Watermark) -> Changes:
    touched = touched_batches(which, was, now)
    if touched is None:
        return everything(spark, which, now, "the list of taken batches is gone")
    if not touched:
        return Changes("nothing", "no batch landed", now)
    before, landed = (landing.taken(which.entity, mark.batches or "") for mark in (was, now))
    _check_landed(which, before or {}, landed or {})
    return Changes("changed", told_batches(touched), now, tuple(sorted(touched)))


def _check_landed(which: Landed, before: Iterable[str], landed: Iterable[str]) -> None:
    """Refuse to take out most of a table: a disk that is not mounted looks like that.

    Raises:
        BatchesGone: see MOST_GONE.
    """
    before, landed = {*before}, {*landed}
    gone = sorted(before - landed)
    fewest = FEWEST_GONE if landed else 2
    if len(gone) < fewest or len(gone) <= MOST_GONE * len(before):
        return
    folder = settings().landing / which.entity
    raise BatchesGone(
        f"{which.name}: {len(gone)} of its {len(before)} batches are not in {folder} any more "
        f"({', '.join(gone[:3])}, …); nothing was written. Is its disk there, and is it the folder "
        "that this lake was built from? To take them out for good, remove the table's folder "
        f"{lake.location(which.name)} too, and build it anew"
    )


def told_batches(touched: set[str]) -> str:
    return f"{len(touched)} {'batch' if len(touched) == 1 else 'batches'} landed"


def _touched_units(
    spark: SparkSession,
    which: Entities,
    moved: list[Input],
    was: Watermark,
    now: Watermark,
    why: str,
) -> Changes:
    found: list[DataFrame] = []
    for arrow in moved:
        if arrow.touches.kind == "nothing":
            continue
        since = was.inputs[arrow.name].version
        if not has_units(which, arrow):
            if _any_change(spark, arrow, since, now):
                return everything(spark, which, now, f"{arrow.name} changed and touches everything")
            continue
        net = store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], list(which.units))
        found.append(net.toDF(*which.units))
    if not found:
        return Changes("nothing", f"{why}: no row differs", now)
    touched = reduce(DataFrame.unionByName, found).distinct()
    return Changes("changed", why, now, units=touched)


def has_units(which: Entities, arrow: Input) -> bool:
    """Whether a changed row of the input names the units that it touches."""
    named = {c.name for c in columns(table(arrow.name).full_schema)}
    return arrow.touches.kind != "all" and {*which.units} <= named


def _any_change(spark: SparkSession, arrow: Input, since: int, now: Watermark) -> bool:
    return not store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], ["1"]).isEmpty()


def _changed_dates(spark: SparkSession, arrow: Input, since: int, now: Watermark) -> set[dt.date]:
    until, key = now.inputs[arrow.name], list(arrow.touches.versions_of)
    net = store.net_changes(spark, arrow.name, since, until, [f"to_date({on(arrow)})", *key])
    changed = net.toDF("d", *key)
    found = days_in(changed.select("d"))
    if key and found:
        found |= dates_of_versions(store.read(spark, arrow.name, until), changed, arrow)
    return found


def _slices_by_key(
    spark: SparkSession, which: Events, arrow: Input, since: int, now: Watermark
) -> set[dt.date]:
    """Slices in which the changed keys occur in the driving input."""
    column, until = arrow.touches.column, now.inputs[arrow.name]
    keys = store.net_changes(spark, arrow.name, since, until, [column], arrow.touches.reads).toDF(
        column
    )
    driving = next(i for i in which.inputs if i.name == arrow.touches.through)
    rows = store.read(spark, driving.name, now.inputs[driving.name])
    hit = rows.join(F.broadcast(keys), on=column, how="left_semi")
    days = days_in(hit.selectExpr(f"to_date({on(driving)}) as d"))
    return expand(which, driving, days, newest_date(spark, which, now))


def newest_date(spark: SparkSession, which: Events, now: Watermark) -> dt.date | None:
    """For as-of tables: the newest date in the first input; no slice lies after it."""
    return _edge_of_input(spark, which, now, F.max) if which.as_of else None


def _edge_of_input(
    spark: SparkSession, which: Events, now: Watermark, edge: Callable[[str], Column]
) -> dt.date | None:
    first = which.inputs[0]
    source = table(first.name)
    date = source.slice if isinstance(source, Events) else on(first)
    rows = store.read(spark, first.name, now.inputs[first.name])
    return _edge(rows.selectExpr(f"to_date({date}) as d"), "d", edge)


def _edge(rows: DataFrame, column: str, edge: Callable[[str], Column]) -> dt.date | None:
    found: dt.date | None = rows.agg(edge(column)).collect()[0][0]
    return found


def days_in(rows: DataFrame) -> set[dt.date]:
    return {row[0] for row in rows.distinct().collect() if row[0] is not None}
