"""What a build has to do: the slices or keys that changed inputs touch since the watermark."""

import datetime as dt
import hashlib
import inspect
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Literal

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from jobs import lake, landing
from jobs.ops import builds
from jobs.settings import ROOT
from jobs.spark import store
from jobs.spark.store import Pin, Slice
from jobs.table import Built, Entities, Events, Input, Landed, columns, table

# Above this many separate runs of dates an input is read from the first date to the last.
RUNS = 32
# What Spark and Delta say when the versions between two watermarks cannot be read any more.
FEED_IS_GONE = ("DELTA_CHANGE_", "DELTA_VERSION", "DELTA_FILE_NOT_FOUND", "FILE_NOT_EXIST")


@dataclass(frozen=True)
class Watermark:
    """What a table was last built from: the code, and each input at a version (or batches)."""

    code: str
    inputs: dict[str, Pin]
    batches: str | None = None  # landed tables: sha256 of the list of batches (landing.take)

    def to_json(self) -> str:
        return json.dumps(
            {
                "code": self.code,
                "inputs": {n: [p.table_id, p.version] for n, p in sorted(self.inputs.items())},
                "batches": self.batches,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Watermark":
        told = json.loads(text)
        pins = {name: Pin(*pair) for name, pair in told["inputs"].items()}
        return Watermark(told["code"], pins, told["batches"])


@dataclass(frozen=True)
class Changes:
    """What to build and why. `slices` for sliced tables; `units` (one row each) for entities."""

    kind: Literal["nothing", "changed", "everything", "named"]
    why: str
    now: Watermark
    slices: tuple[Slice, ...] = ()
    units: DataFrame | None = None
    batches: dict[str, str] = field(default_factory=dict)


def fingerprint(which: Built) -> str:
    """Changes when the table's file, its rules or its schema change."""
    parts = [which.full_schema, repr((which.key, which.inputs))]
    if not isinstance(which, Landed):
        source = inspect.getsourcefile(which.make)
        parts.append(Path(source).read_text() if source else repr(which.make))
    rules = ROOT / "expectations" / Path(*which.name.split(".")).with_suffix(".py")
    parts.append(rules.read_text() if rules.exists() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def watermark(which: Built) -> Watermark | None:
    """What holds: the newest commit's, or that of a later build that found its output unchanged."""
    commit = store.commit_metadata(which.name)
    told = str(commit["watermark"]) if commit else None
    at = store.pin(which.name)
    since = int(str(commit["version"])) if commit else 0
    if lake.exists(builds.TABLE.name):
        later = lake.read(
            builds.TABLE.name,
            sql=f"""select watermark from t
                where table_name = '{which.name}' and outcome = 'unchanged'
                and watermark is not null and table_id = '{at.table_id}'
                and table_version >= {since}
                order by finished_at desc limit 1""",  # noqa: S608 - our own names and numbers
        )
        if later.num_rows:
            told = later["watermark"][0].as_py()
    return Watermark.from_json(told) if told else None


def current(which: Built) -> Watermark:
    """The code and the inputs as they are now."""
    if isinstance(which, Landed):
        return Watermark(fingerprint(which), {}, landing.take(which.entity, _batches(which)))
    pins = {arrow.name: store.pin(arrow.name) for arrow in which.inputs}
    return Watermark(fingerprint(which), pins)


def reason_for_everything(was: Watermark | None, now: Watermark) -> str | None:
    """Why the whole table has to be compared, or null."""
    if was is None:
        return "first build"
    if was.code != now.code:
        return f"code changed ({was.code} -> {now.code})"
    if set(was.inputs) != set(now.inputs):
        return "other inputs than before"
    for name, before in was.inputs.items():
        if before.table_id != now.inputs[name].table_id:
            return f"{name} was made anew"
        if before.version > now.inputs[name].version:
            return f"{name} was restored to version {now.inputs[name].version}"
    return None


def find(spark: SparkSession, which: Built, was: Watermark | None, now: Watermark) -> Changes:
    """Slices or units that the changes since `was` touch; all of them where that cannot be read."""
    if why := reason_for_everything(was, now):
        return everything(spark, which, now, why)
    assert was is not None
    try:
        return _touched(spark, which, was, now)
    except PySparkException as error:
        told = str(error)
        if not any(code in told for code in FEED_IS_GONE):
            raise
        return everything(
            spark, which, now, "an input's change feed is gone (vacuumed, or retyped)"
        )


def _touched(spark: SparkSession, which: Built, was: Watermark, now: Watermark) -> Changes:
    if isinstance(which, Landed):
        return _landed(which, was, now)
    moved = [i for i in which.inputs if was.inputs[i.name].version != now.inputs[i.name].version]
    if not moved:
        return Changes("nothing", "no input changed", now)
    why = ", ".join(
        f"{i.name} {was.inputs[i.name].version} -> {now.inputs[i.name].version}" for i in moved
    )
    if isinstance(which, Entities):
        return _touched_units(spark, which, moved, was, now, why)
    touched: set[Slice] = set()
    for arrow in moved:
        since = was.inputs[arrow.name].version
        if arrow.touches.kind == "all":
            if _any_change(spark, arrow, since, now):
                return everything(spark, which, now, f"{arrow.name} changed and touches everything")
        elif arrow.touches.kind == "by_key":
            touched |= _slices_by_key(spark, which, arrow, since, now)
        else:
            dates = _changed_dates(spark, arrow, since, now)
            touched |= set(expand(which, arrow, dates, _newest(spark, which, now)))
    if not touched:
        return Changes("nothing", f"{why}: no row differs", now)
    return Changes("changed", why, now, tuple(sorted(touched, key=str)))


def everything(spark: SparkSession, which: Built, now: Watermark, why: str) -> Changes:
    """All slices that inputs can feed, and those that are stored."""
    if isinstance(which, Landed):
        batches = _batches(which)
        stored = store.slices(
            spark, store.read(spark, which.name, store.pin(which.name)), which.slice
        )
        found = set(batches) | stored
        return Changes("everything", why, now, tuple(sorted(found, key=str)), batches=batches)
    if isinstance(which, Entities):
        return Changes("everything", why, now)
    found = store.slices(spark, store.read(spark, which.name, store.pin(which.name)), which.slice)
    newest = _newest(spark, which, now)
    for arrow in which.inputs:
        if arrow.touches.kind == "window":
            rows = store.read(spark, arrow.name, now.inputs[arrow.name])
            dates = _dates(rows.selectExpr(f"to_date({on(arrow)}) as d"))
            found |= set(expand(which, arrow, dates, newest))
    return Changes("everything", why, now, tuple(sorted(found, key=str)))


def named(which: Built, now: Watermark, start: dt.date, end: dt.date) -> Changes:
    """The slices from `start` to `end`, by hand; such a build does not move the watermark."""
    if isinstance(which, Entities):
        raise ValueError(f"{which.name} has no slices: build it without --start and --end")
    why = f"named by hand: {start} to {end}"
    if isinstance(which, Landed):
        batches = _batches(which)
        chosen = [
            b for b in batches if start.isoformat() <= b.rpartition("/")[2][:10] <= end.isoformat()
        ]
        return Changes("named", why, now, tuple(chosen), batches=batches)
    days = {start + dt.timedelta(n) for n in range((end - start).days + 1)}
    return Changes("named", why, now, tuple(sorted({_slice_of(which, d) for d in days} & {*days})))


def narrowed(
    spark: SparkSession, which: Events | Entities, arrow: Input, what: Changes
) -> DataFrame:
    """An input at its pinned version, with the rows that the changes need (or more)."""
    rows = store.read(spark, arrow.name, what.now.inputs[arrow.name])
    if isinstance(which, Entities):
        if what.units is not None and set(which.units) <= set(rows.columns):
            return rows.join(F.broadcast(what.units), on=list(which.units), how="left_semi")
        return rows
    if arrow.touches.kind != "window":
        return rows
    return rows.where(_within(which, arrow, what.slices))


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
    if which.as_of:
        found = {s for s in found if newest is not None and s <= newest}
    return found


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


def _batches(which: Landed) -> dict[str, str]:
    return {name: m.sha256 for name, m in landing.manifests(which.entity).items()}


def _landed(which: Landed, was: Watermark, now: Watermark) -> Changes:
    batches = _batches(which)
    before = landing.taken(which.entity, was.batches or "")
    if before is None:
        return Changes(
            "everything", "the list of taken batches is gone", now, tuple(batches), batches=batches
        )
    touched = {b for b in {*before, *batches} if before.get(b) != batches.get(b)}
    if not touched:
        return Changes("nothing", "no batch landed", now)
    why = f"{len(touched)} batches landed"
    return Changes("changed", why, now, tuple(sorted(touched)), batches=batches)


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
        since = was.inputs[arrow.name].version
        has_units = {*which.units} <= {c.name for c in columns(table(arrow.name).full_schema)}
        if arrow.touches.kind == "all" or not has_units:
            if _any_change(spark, arrow, since, now):
                return everything(spark, which, now, f"{arrow.name} changed and touches everything")
            continue
        net = store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], list(which.units))
        found.append(net.toDF(*which.units))
    if not found:
        return Changes("nothing", f"{why}: no row differs", now)
    touched = reduce(DataFrame.unionByName, found).distinct()
    units = store.stage(spark, touched, which.name, "units")
    if units.isEmpty():
        return Changes("nothing", f"{why}: no row differs", now)
    return Changes("changed", why, now, units=units)


def _any_change(spark: SparkSession, arrow: Input, since: int, now: Watermark) -> bool:
    return not store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], ["1"]).isEmpty()


def _changed_dates(spark: SparkSession, arrow: Input, since: int, now: Watermark) -> set[dt.date]:
    keep = [f"to_date({on(arrow)})"]
    return _dates(store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], keep))


def _slices_by_key(
    spark: SparkSession, which: Events, arrow: Input, since: int, now: Watermark
) -> set[dt.date]:
    """Slices in which the changed keys occur in the driving input."""
    column = arrow.touches.column
    keys = store.net_changes(spark, arrow.name, since, now.inputs[arrow.name], [column]).toDF(
        column
    )
    driving = next(i for i in which.inputs if i.name == arrow.touches.through)
    rows = store.read(spark, driving.name, now.inputs[driving.name])
    hit = rows.join(F.broadcast(keys), on=column, how="left_semi")
    dates = _dates(hit.selectExpr(f"to_date({on(driving)}) as d"))
    return expand(which, driving, dates, _newest(spark, which, now))


def _newest(spark: SparkSession, which: Events, now: Watermark) -> dt.date | None:
    """For as-of tables: the newest date in the first input; no slice lies after it."""
    if not which.as_of:
        return None
    first = which.inputs[0]
    rows = store.read(spark, first.name, now.inputs[first.name])
    source = table(first.name)
    date = source.slice if isinstance(source, Events) else on(first)
    newest: dt.date | None = rows.selectExpr(f"max(to_date({date})) as d").collect()[0][0]
    return newest


def _dates(rows: DataFrame) -> set[dt.date]:
    return {row[0] for row in rows.distinct().collect() if row[0] is not None}
