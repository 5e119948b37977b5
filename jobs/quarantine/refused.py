"""What is refused, by table and rule, with samples; what files bring that SCHEMA does not have."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jobs import lake, landing
from jobs.ops import corrections, extra_columns, quarantine
from jobs.quarantine.mends import SYSTEM, outdated
from jobs.settings import settings
from jobs.table import Log, columns, table

MASK = "***"


@dataclass(frozen=True)
class Group:
    """Rows of a table that break one rule; a row that breaks two is in both groups."""

    table: str
    rule: str
    rows: int
    batches: int
    first_known_at: dt.datetime  # of the batches, in the business's time
    last_known_at: dt.datetime
    first_refused_at: dt.datetime | None  # by a build


@dataclass(frozen=True)
class ExtraColumn:
    """A column that files bring and their table has no place for."""

    table: str
    column: str
    batches: int
    first_batch: str
    last_batch: str


def entries(
    of: str | None = None, rule: str | None = None, batch: str | None = None
) -> list[dict[str, Any]]:
    """Rows of ops.quarantine: of a table, with a reason code, of a batch."""
    found = _read(quarantine.TABLE, of)
    return [
        row
        for row in found
        if (batch is None or row["batch_id"] == batch) and (rule is None or rule in row["rules"])
    ]


def groups(found: Iterable[dict[str, Any]], rule: str | None = None) -> list[Group]:
    """Entries by table and rule, the most rows first."""
    by: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        for reason in row["rules"]:
            if rule in (None, reason):
                by[row["table_name"], reason].append(row)
    made = [_group(*key, rows) for key, rows in by.items()]
    return sorted(made, key=lambda group: (group.table, -group.rows, group.rule))


def _group(name: str, rule: str, rows: list[dict[str, Any]]) -> Group:
    known = [row["known_at"] for row in rows]
    refused = [row["refused_at"] for row in rows if row.get("refused_at")]
    return Group(
        name,
        rule,
        sum(row["rows"] for row in rows),
        len({row["batch_id"] for row in rows}),
        min(known),
        max(known),
        min(refused, default=None),
    )


def new_columns(of: str | None = None) -> list[ExtraColumn]:
    """Once per column, with the first batch that brought it."""
    by: dict[tuple[str, str], list[tuple[dt.datetime, str]]] = defaultdict(list)
    for row in _read(extra_columns.TABLE, of):
        by[row["table_name"], row["column_name"]].append((row["known_at"], row["batch_id"]))
    return [
        ExtraColumn(name, column, len(seen), min(seen)[1], max(seen)[1])
        for (name, column), seen in sorted(by.items())
    ]


def mended_rows(of: str | None = None) -> list[dict[str, Any]]:
    """Rows of ops.corrections: they were refused, and have a correction."""
    return _read(corrections.TABLE, of)


def outdated_corrections() -> dict[str, int]:
    """Corrections (entity and batch) → rows that they mend of batches that have come anew since."""
    found = {}
    for folder in sorted(settings().landing.glob(f"*/{SYSTEM}")):
        entity = folder.parent.name
        for batch, rows in outdated(landing.manifests(entity)).items():
            found[f"{entity}: {batch}"] = rows
    return found


def masked(entry: dict[str, Any]) -> dict[str, Any]:
    """The row as received, with a mask over what is personal in it."""
    received: dict[str, Any] = json.loads(entry["received"])
    own = columns(table(entry["table_name"]).schema)
    personal = {c.name for c in own if c.is_personal}
    if personal and "row" in received:
        return {"row": MASK}  # could not be cut into columns: any of it may be personal
    return {name: MASK if name in personal else value for name, value in received.items()}


def _read(log: Log, of: str | None) -> list[dict[str, Any]]:
    if not lake.exists(log.name):
        return []
    condition = lake.one_of("table_name", [of]) if of else "true"
    return lake.read(log.name, sql=f"select * from t where {condition}").to_pylist()  # noqa: S608
