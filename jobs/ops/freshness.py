"""ops.freshness: one row per table: the newest it holds, when it is due, and whether it is late.

`refresh` looks at every table and writes only where a row would say something else; a table that
has not moved is not read again. What is due when stands in jobs/due.py.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs import due, lake
from jobs.due import Drop
from jobs.ops import builds
from jobs.quarantine import mends
from jobs.settings import settings
from jobs.table import Built, Events, Landed, Log, built_table, in_build_order

SCHEMA = """
    table_name    string    not null comment 'layer and name, such as gold.daily_sales',
    newest_date   date               comment 'newest business date in it; null = it has no dates',
    known_at      timestamp          comment 'UTC; when the newest drop in it was complete',
    rows          bigint    not null comment 'rows in it',
    table_version bigint    not null comment 'Delta version that all this is said of',
    run_id        string             comment 'build that wrote it last, as in ops.builds',
    written_at    timestamp          comment 'UTC; end of that build',
    due_at        timestamp          comment 'UTC; without news late from then on; null = never',
    is_late       boolean   not null comment 'it, or a table that it is made from, is late',
    why           string             comment 'where it is late: what is missing, in words'
"""

TABLE = Log("ops.freshness", SCHEMA)

Row = dict[str, Any]


@dataclass(frozen=True)
class Build:
    """A build of a table that ended well."""

    run_id: str
    finished_at: dt.datetime
    inputs: Mapping[str, int]  # version of each that it has seen


def refresh(now: dt.datetime | None = None) -> list[Row]:
    """All rows as of now (null: the wall clock), inputs first; written where they are news."""
    now = now or dt.datetime.now(dt.UTC)
    stored = {row["table_name"]: row for row in _stored()}
    written, good = _newest("written"), _newest(*due.GOOD)
    drops = due.newest_drops()
    late = {each.name: str(each) for each in (*due.late_drops(now, drops), *due.late_tables(now))}
    rows: dict[str, Row] = {}
    for name in filter(lake.exists, in_build_order()):
        which, build = built_table(name), written.get(name)
        dropped = _of(which, drops)
        held = _held(which, stored.get(name))
        if not isinstance(which, Landed):
            held["known_at"] = _known_at(good.get(name), rows, stored.get(name))
        rows[name] = {
            **held,
            "run_id": build.run_id if build else None,
            "written_at": build.finished_at if build else None,
            "due_at": _due_at(which, dropped, good.get(name)),
            **_lateness(which, late, map(str, dropped), rows),
        }
    if rows != stored:
        lake.replace(TABLE, list(rows.values()), "true")
    return list(rows.values())


def _stored() -> list[Row]:
    return lake.read(TABLE.name).to_pylist() if lake.exists(TABLE.name) else []


def _newest(*outcomes: str) -> dict[str, Build]:
    """Each table's newest build with one of these outcomes."""
    if not lake.exists(builds.TABLE.name):
        return {}
    wanted = ", ".join(f"'{outcome}'" for outcome in outcomes)
    # a build that met no change leaves its watermark out: the one before holds
    asked = f"""select table_name, max(finished_at) as finished_at,
        last_value(run_id order by finished_at) as run_id,
        last_value(watermark order by finished_at) filter (where watermark is not null)
        as watermark from t where outcome in ({wanted}) group by table_name"""  # noqa: S608
    return {
        row["table_name"]: Build(row["run_id"], row["finished_at"], _inputs(row["watermark"]))
        for row in lake.read(builds.TABLE.name, sql=asked).to_pylist()
    }


def _inputs(watermark: str | None) -> dict[str, int]:
    pins = json.loads(watermark)["inputs"] if watermark else {}
    return {name: version for name, (_, version) in pins.items()}


def _held(which: Built, stored: Row | None) -> Row:
    """What lies in the table; read anew only where its version is another."""
    version = lake.version(which.name)
    if stored and stored["table_version"] == version:
        told = ("table_name", "newest_date", "known_at", "rows", "table_version")
        return {name: stored[name] for name in told}
    # a row that a person mends by hand is no drop of the source
    dropped = f"max(_known_at) filter (where _batch_id not like '{mends.SYSTEM}/%')"
    newest = {Landed: dropped, Events: f"max({getattr(which, 'slice', '')})"}
    asked = f"select count(*) as rows, {newest.get(type(which), 'null')} as newest from t"  # noqa: S608
    [found] = lake.read(which.name, at=version, sql=asked).to_pylist()
    return {
        "table_name": which.name,
        "newest_date": found["newest"] if isinstance(which, Events) else None,
        "known_at": found["newest"] if isinstance(which, Landed) else None,
        "rows": found["rows"],
        "table_version": version,
    }


def _known_at(
    build: Build | None, rows: Mapping[str, Row], stored: Row | None
) -> dt.datetime | None:
    """Newest drop in a table that is made of others; as before while it has not seen them all."""
    seen = build.inputs if build else {}
    if seen and all(rows[n]["table_version"] == v for n, v in seen.items() if n in rows):
        times = [rows[n]["known_at"] for n in seen if n in rows]
        return max((at for at in times if at), default=None)
    return stored["known_at"] if stored else None


def _of(which: Built, drops: Mapping[Drop, dt.datetime]) -> dict[Drop, dt.datetime]:
    """The drops that a bronze table is made from."""
    entity = which.entity if isinstance(which, Landed) else None
    return {drop: at for drop, at in drops.items() if drop.entity == entity}


def _due_at(
    which: Built, drops: Mapping[Drop, dt.datetime], build: Build | None
) -> dt.datetime | None:
    """From when on it is late without another drop, or build."""
    if settings().clock == "data":
        return None
    told = []
    if build:
        told.append(due.TABLES[which.name.partition(".")[0]].late_from(build.finished_at))
    told += [due.DROPS[drop.entity].late_from(at) for drop, at in drops.items()]
    return min(told, default=None)


def _lateness(
    which: Built, late: Mapping[str, str], drops: Iterable[str], rows: Mapping[str, Row]
) -> Row:
    """Whether it is late, and why: its drops, itself, or what it is made from."""
    told = [late.get(name) for name in (*drops, which.name)]
    waits = [i.name for i in which.inputs if i.name in rows and rows[i.name]["is_late"]]
    told += [f"made from {', '.join(waits)}: late" if waits else None]
    why = "; ".join(text for text in told if text)
    return {"is_late": bool(why), "why": why or None}
