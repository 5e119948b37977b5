"""What a build would do, and why, before anything runs; no table is written.

What lies further down depends on what is built before it: its slices are told as far as they can be
known, as an upper bound (equal rows touch nothing), and otherwise in words.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

from jobs import lake, landing
from jobs.spark import changes, landed, session, store, values, watermark
from jobs.spark.changes import DATED
from jobs.spark.store import Slice
from jobs.table import Built, Entities, Events, Input, Landed, built_table, columns, table

# Landed batches that are read to learn the days of their rows: more take as long as building them.
BATCHES = 40


@dataclass(frozen=True)
class Planned:
    """What a build of one table would do."""

    table: str
    kind: Literal["nothing", "changed", "everything"]
    why: str
    slices: tuple[Slice, ...] = ()  # at most these; days, or names of batches
    units: int = 0  # of an entities table: how many are touched already
    also: tuple[str, ...] = ()  # what cannot be named before the upstream tables are built
    upstream: tuple[str, ...] = ()  # inputs that the same run would build before
    step_days: int = 1  # from one slice to the next

    @property
    def ranges(self) -> tuple[str, ...]:
        """The slices as runs: 2017-03-01 … 03-07 (7 days)."""
        return ranges(self.slices, self.step_days)


def plan(names: Sequence[str]) -> list[Planned]:
    """What a build of these tables, in this order, would do."""
    with contextlib.ExitStack() as stack:
        planning = _Planning(stack)
        return [planning.look_at(name) for name in names]


def show(planned: Sequence[Planned]) -> None:
    """Print a plan: the tables that move, and how many stand still."""
    moving = [each for each in planned if each.kind != "nothing"]
    if moving:
        # a name is never cut: it is what a person types next
        longest = max(len(each.table) for each in moving)
        name = Column("table", no_wrap=True, min_width=longest)
        others = (Column(head, overflow="fold") for head in ("what", "slices, at most", "why"))
        grid = Grid(name, *others)
        for each in moving:
            units = (f"{each.units:,} keys",) if each.units else ()
            what = "\n".join((*each.ranges, *units, *each.also)) or "all"
            grid.add_row(each.table, each.kind, what, each.why)
        Console().print(grid)
    still = len(planned) - len(moving)
    Console().print(f"{still} {'table stands' if still == 1 else 'tables stand'} still")


def ranges(slices: Iterable[Slice], step_days: int = 1) -> tuple[str, ...]:
    """Days in a row as one range; batches that are named by days by these."""
    named: dict[str, list[dt.date]] = {}  # what stands around the day → days
    others = []
    for each in slices:
        text = str(each)
        if found := DATED.search(text):
            day = dt.date.fromisoformat(found[0])
            named.setdefault(DATED.sub("{}", text, count=1), []).append(day)
        else:
            others.append(text)
    told = []
    for form, days in sorted(named.items()):
        unit = "batch" if form != "{}" else "week" if step_days == 7 else "day"
        told += [_run(form, run, unit) for run in _runs(sorted(days), step_days)]
    return (*told, *sorted(others))


def _runs(days: list[dt.date], step_days: int) -> list[list[dt.date]]:
    runs: list[list[dt.date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == dt.timedelta(step_days):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _run(form: str, run: list[dt.date], unit: str) -> str:
    first, last = run[0].isoformat(), run[-1].isoformat()
    if len(run) == 1:
        return form.format(first)
    same_year = first[:5] == last[:5]
    plural = "batches" if unit == "batch" else f"{unit}s"
    return f"{form.format(first)} … {last[5:] if same_year else last} ({len(run)} {plural})"


class _Planning:
    """One look at a row of tables; a Spark session is opened when a table needs one."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.moving: dict[str, Planned] = {}

    @cached_property
    def spark(self) -> SparkSession:
        return self.stack.enter_context(session.passing())

    def look_at(self, name: str) -> Planned:
        which = built_table(name)
        planned = self._after_upstream(which, self._by_itself(which))
        if isinstance(which, Events) and which.grain == "week":
            planned = replace(planned, step_days=7)
        if planned.kind != "nothing":
            self.moving[name] = planned
        return planned

    def _by_itself(self, which: Built) -> Planned:
        """What the inputs as they stand would touch."""
        if not lake.exists(which.name):
            return Planned(which.name, "everything", "first build")
        if missing := [i.name for i in which.inputs if not lake.exists(i.name)]:
            return Planned(which.name, "everything", f"{', '.join(missing)} is still to be built")
        was, now = watermark.last(which), watermark.current(which)
        if was == now:
            return Planned(which.name, "nothing", "no input changed")
        if why := watermark.reason_for_everything(was, now):
            return Planned(which.name, "everything", why)
        assert was is not None
        if isinstance(which, Landed):
            touched = changes.touched_batches(which, was, now)
            if touched is None:
                return Planned(which.name, "everything", "the list of taken batches is gone")
            batches = tuple(sorted(touched))
            return Planned(which.name, "changed", changes.told_batches(touched), batches)
        # kept in the session's memory: nothing is staged beside a build
        what = changes.find(self.spark, which, was, now, self._kept)
        assert what.kind != "named"
        units = what.units.count() if what.units is not None else 0
        slices = what.slices if what.kind == "changed" else ()
        return Planned(which.name, what.kind, what.why, slices, units)

    def _kept(self, units: DataFrame) -> DataFrame:
        return self.spark.createDataFrame(units.collect(), units.schema)

    def _after_upstream(self, which: Built, planned: Planned) -> Planned:
        """And what the tables that move before it may touch."""
        arrows = [
            arrow
            for arrow in which.inputs
            if arrow.name in self.moving and arrow.touches.kind != "nothing"
        ]
        if not arrows:
            return planned
        names = tuple(arrow.name for arrow in arrows)
        if planned.kind == "everything":
            return replace(planned, upstream=names)
        news = f"{', '.join(names)} {'moves' if len(names) == 1 else 'move'}"
        why = news if planned.kind == "nothing" else f"{planned.why}; {news}"
        planned = replace(planned, kind="changed", why=why, upstream=names)
        for arrow in arrows:
            if _touches_everything(which, arrow):
                why = f"{why}; {arrow.name} touches everything"
                return Planned(which.name, "everything", why, upstream=names)
            found, words = self._touched(which, arrow)
            planned = replace(
                planned,
                slices=tuple(sorted({*planned.slices, *found}, key=str)),
                also=(*planned.also, *words),
            )
        return planned

    def _touched(self, which: Built, arrow: Input) -> tuple[set[dt.date], tuple[str, ...]]:
        """Slices that an input which is still to be built may touch; else words for them."""
        if isinstance(which, Entities):
            return set(), (f"the {', '.join(which.units)} of rows that change in {arrow.name}",)
        assert isinstance(which, Events)
        if arrow.touches.kind == "by_key":
            return set(), (f"days with a {arrow.touches.column} that changes in {arrow.name}",)
        moved, source = self.moving[arrow.name], table(arrow.name)
        if isinstance(source, Landed) and 0 < len(moved.slices) <= BATCHES:
            dates = self._days_of_batches(source, arrow, moved.slices)
            return self._slices(which, arrow, dates), ()
        words = (f"the days of rows that change in {arrow.name}",)
        if not isinstance(source, Events) or changes.on(arrow) != source.slice or not moved.slices:
            return set(), words
        dates = {s for s in moved.slices if isinstance(s, dt.date)}
        return self._slices(which, arrow, dates), words if moved.also else ()

    def _slices(self, which: Events, arrow: Input, dates: set[dt.date]) -> set[dt.date]:
        now = watermark.current(which)
        newest = changes.newest_date(self.spark, which, now) if which.as_of else None
        if arrow == which.inputs[0] and dates:
            newest = max(newest or dt.date.min, *dates)
        passed = changes.passed(self.spark, which, now, newest)
        return changes.expand(which, arrow, dates, newest) | passed

    def _days_of_batches(
        self, source: Landed, arrow: Input, batches: tuple[Slice, ...]
    ) -> set[dt.date]:
        """Days of the batches' rows, as landed now and as the table has them, all versions."""
        manifests = [m for m in landing.manifests(source.entity).values() if m.batch_id in batches]
        texts = landed.read(self.spark, source, manifests)
        places = F.broadcast(landed.places(self.spark, source, manifests))
        ways, way = landed.dialects(manifests), F.col("_written_as")
        own = {c.name: values.value(F.col(c.name), c, ways, way) for c in columns(source.schema)}
        named = [c.name for c in columns(source.full_schema) if c.name in _words(arrow)]
        typed = [own.get(name, F.col(name)).alias(name) for name in named]
        stored = store.read(self.spark, source.name, store.pin(source.name))
        held = stored.where(store.in_slices(source.slice, batches)).select(*named)
        rows = texts.join(places, on="file", how="inner").select(*typed).unionByName(held)
        found = changes.days_in(rows.selectExpr(f"to_date({changes.on(arrow)}) as d"))
        if arrow.touches.versions_of:
            found |= changes.dates_of_versions(stored, rows, arrow)
        return found


def _touches_everything(which: Built, arrow: Input) -> bool:
    if isinstance(which, Entities):
        return not changes.has_units(which, arrow)
    return arrow.touches.kind == "all"


def _words(arrow: Input) -> set[str]:
    """Columns that an arrow's date is told by, and those that name the thing."""
    return {*re.findall(r"\w+", changes.on(arrow)), *arrow.touches.versions_of}
