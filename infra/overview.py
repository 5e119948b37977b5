"""What an operator needs to know of the lake and its runs, read from files: no service is asked.

Nothing is made by looking: a state that does not exist has nothing to tell.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from rich.markup import escape
from rich.table import Table as Shown

from infra import airflow_home
from jobs import alerts, due, lake, landing
from jobs.command import number
from jobs.settings import Settings
from jobs.table import Built, Landed, built_table, in_build_order, names, table

FOLLOWS = "what changes in the tables before"
AT_MOST = 6  # lines of a section on the screen


Section = Callable[[], Iterable["Line"]]
Row = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One thing that a person should see."""

    section: str  # late, refused, held back, quarantined, broken, alerts, runs, next
    what: str
    told: str
    since: str = ""  # UTC


def overview(settings: Settings) -> list[Line]:
    """All lines, section by section."""
    if not settings.state.exists():
        return []
    return [
        *_read(_late),
        *_read(_refused),
        *_read(_held_back),
        *_read(_quarantined),
        *_read(_broken),
        *_read(_alerts),
        *_read(partial(_runs, settings)),
        *_read(_next),
    ]


def show(lines: Iterable[Line]) -> Shown:
    """The lines, for a person."""
    shown = Shown("", "what", "", "since (UTC)", box=None)
    for _, told in groupby(lines, key=lambda line: line.section):
        listed = list(told)
        for place, line in enumerate(listed[:AT_MOST]):
            shown.add_row(*_cells(line, is_first=place == 0))
        if len(listed) > AT_MOST:
            shown.add_row("", f"and {len(listed) - AT_MOST} more", "`make status JSON=1` has all")
    return shown


def _cells(line: Line, is_first: bool) -> tuple[str, str, str, str]:
    is_bad = line.section not in ("runs", "next") or line.told.startswith("failed")
    color = "red" if is_bad else "default"
    head = line.section if is_first else ""
    return head, f"[{color}]{escape(line.what)}[/{color}]", escape(line.told), line.since


def _read(section: Section) -> list[Line]:
    """A section's lines; what cannot be read is told of, and hides no other section."""
    try:
        return list(section())
    # deltalake raises a bare Exception where a file of a table is gone
    except Exception as error:
        first = str(error).partition("\n")[0][:200]
        read = section.func if isinstance(section, partial) else section
        return [Line("broken", read.__name__.strip("_"), f"cannot be read: {first}")]


def _late() -> Iterable[Line]:
    now = dt.datetime.now(dt.UTC)
    late = [*due.late_drops(now), *due.late_tables(now)]
    return [Line("late", each.name, f"due {each.due}", _at(each.newest_at)) for each in late]


def _refused() -> Iterable[Line]:
    """Tables whose newest build was refused or failed, since the first one in a row."""
    asked = """select table_name, outcome, error, started_at,
        max(case when outcome in ('written', 'unchanged') then started_at end)
            over (partition by table_name) as good_at from t"""
    rows = _rows("ops.builds", asked)
    bad = [row for row in rows if row["good_at"] is None or row["started_at"] > row["good_at"]]
    bad.sort(key=lambda row: row["started_at"])
    # the first of each table says since when, the last one why
    since = {row["table_name"]: row["started_at"] for row in reversed(bad)}
    for name, row in {row["table_name"]: row for row in bad}.items():
        why = str(row["error"]).partition("\n")[0].removeprefix(f"{name}: ")
        yield Line("refused", name, f"{row['outcome']}: {why}", _at(since[name]))


def _held_back() -> Iterable[Line]:
    """Batches that were too bad to be taken: the tables have of them what they had before."""
    refusals = _refusals()
    for name in filter(lake.exists, names(["bronze"])):
        which = table(name)
        assert isinstance(which, Landed)
        taken = _taken(which)
        held = {batch for batch, sha256 in taken.items() if not sha256}
        if build := refusals.get(name):
            held |= _refused_batches(which, build, taken)
        if held:
            some = ", ".join(sorted(held)[:3]) + (", …" if len(held) > 3 else "")
            since = _at(build["started_at"]) if build else ""
            yield Line("held back", name, f"{number(len(held), 'batch', 'batches')}: {some}", since)


def _taken(which: Landed) -> dict[str, str]:
    """Batches that the table was built from, and the content of each; empty: held back."""
    from jobs.spark import watermark

    was = watermark.last(which)
    return (landing.taken(which.entity, was.batches) if was and was.batches else None) or {}


def _refused_batches(which: Landed, build: Row, taken: Mapping[str, str]) -> set[str]:
    """Batches that a build held back, as they are landed still.

    Where it took no other it has committed nothing that could say so.

    Args:
        taken: see `_taken`.
    """
    if "held back" not in str(build["error"]):
        return set()
    landed = landing.manifests(which.entity)
    asked = f"""select distinct batch_id, source_file from t
        where table_name = '{which.name}' and run_id = '{build["run_id"]}'"""  # noqa: S608 - ours
    return {
        manifest.batch_id
        for row in _rows("ops.quarantine", asked)
        if (manifest := landed.get(row["batch_id"]))
        and row["source_file"].startswith(f"{manifest.source_folder}/")
        and taken.get(manifest.batch_id) != manifest.sha256
    }


def _refusals() -> dict[str, Row]:
    """Tables whose newest build was refused: that build."""
    asked = """select * from (select table_name, run_id, outcome, error, started_at,
        row_number() over (partition by table_name order by started_at desc) as place from t)
        where place = 1 and outcome = 'refused'"""
    return {row["table_name"]: row for row in _rows("ops.builds", asked)}


def _quarantined() -> Iterable[Line]:
    asked = """select table_name, sum(rows) as rows, count(distinct batch_id) as batches,
        min(refused_at) as refused_at from t group by table_name order by table_name"""
    for row in _rows("ops.quarantine", asked):
        if row["rows"]:
            batches = number(row["batches"], "batch", "batches")
            told = f"{number(row['rows'], 'row', 'rows')} of {batches}: `make quarantine`"
            since = _at(row["refused_at"]) if row["refused_at"] else ""
            yield Line("quarantined", row["table_name"], told, since)


def _broken() -> Iterable[Line]:
    """Tables whose newest check found something."""
    asked = "select * from t where verb = 'check' order by started_at"
    for name, row in {row["table_name"]: row for row in _rows("ops.upkeep", asked)}.items():
        if row["faults"]:
            yield Line("broken", name, row["faults"], _at(row["started_at"]))


def _alerts() -> Iterable[Line]:
    for unit, fault in alerts.open_faults().items():
        yield Line("alerts", unit, f"{fault.kind}: {fault.what}", _at(fault.since_at))


def _runs(settings: Settings) -> Iterable[Line]:
    """The newest run of each DAG, from Airflow's database: it need not be up."""
    database = airflow_home.home(settings) / "airflow.db"
    if not database.exists():
        return
    newest = """select dag_id, run_id, state, start_date from dag_run
        where id in (select max(id) from dag_run group by dag_id) order by dag_id"""
    failed = """select task_id from task_instance
        where dag_id = ? and run_id = ? and state = 'failed' order by end_date"""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=2)) as airflow:
        for dag, run, state, started in airflow.execute(newest).fetchall():
            tasks = [task for (task,) in airflow.execute(failed, (dag, run))]
            told = f"{state}: {', '.join(tasks)} in run {run}" if tasks else str(state)
            yield Line("runs", dag, told, (started or "")[:16])


def _next() -> Iterable[Line]:
    """What a build of all tables would touch by what is there now, without its slices."""
    from jobs.spark import watermark

    if not _built():
        yield Line("next", "all tables", "first build: land drops, then run sales_daily")
        return
    refusals = _refusals()
    moving: dict[str, str] = {}
    stuck: list[str] = []
    for name in in_build_order():
        which = built_table(name)
        upstream = sorted({arrow.name for arrow in which.inputs} & moving.keys())
        if not lake.exists(name) or not all(lake.exists(arrow.name) for arrow in which.inputs):
            moving[name] = "first build"
            continue
        was, now = watermark.last(which), watermark.current(which)
        if name in refusals and not upstream and not _has_news(which, refusals[name]):
            stuck.append(name)
        elif was != now:
            why = watermark.reason_for_everything(was, now) or "what came since the last build"
            moving[name] = why.partition(":")[0]  # which code has changed tells the plan
        elif upstream:
            moving[name] = FOLLOWS
    still = len(in_build_order()) - len(moving) - len(stuck)
    for why in dict.fromkeys(moving.values()):
        yield Line(
            "next", _some([n for n in moving if moving[n] == why]), f"{why}; see `make plan`"
        )
    if stuck:
        yield Line("next", _some(stuck), "refused; see above")
    yield Line("next", number(still, "table", "tables"), f"stand{'s' * (still == 1)} still")


def _has_news(which: Built, refusal: Row) -> bool:
    """Whether something came in after a build was refused."""
    if isinstance(which, Landed):
        from jobs.spark import watermark

        taken, landed = _taken(which), watermark.batches(which)
        held = _refused_batches(which, refusal, taken)
        return any(taken.get(n) != landed.get(n) for n in (taken.keys() | landed.keys()) - held)
    asked = "select table_name, started_at from t where outcome = 'written' or rows_written > 0"
    inputs = {arrow.name for arrow in which.inputs}
    written = [row for row in _rows("ops.builds", asked) if row["table_name"] in inputs]
    return any(row["started_at"] > refusal["started_at"] for row in written)


def _some(which: Sequence[str]) -> str:
    return ", ".join(which[:3]) + (f" and {len(which) - 3} more" if len(which) > 3 else "")


def _built() -> list[str]:
    """Tables that were built at least once."""
    return [name for name in due.last_good_builds() if lake.exists(name)]


def _rows(name: str, sql: str) -> list[Row]:
    found: list[Row] = lake.read(name, sql=sql).to_pylist() if lake.exists(name) else []
    return found


def _at(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"
