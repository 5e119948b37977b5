"""ops.builds: one row per build of a table, also of one that wrote nothing."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs import lake
from jobs.table import Log

SCHEMA = """
    table_name      string    not null comment 'layer and name, such as silver.order_lines',
    run_id          string    not null comment 'one build; also in the commit it wrote',
    kind            string    not null comment 'changed, everything, named, nothing, restored',
    why             string    not null comment 'what made the build necessary, in words',
    outcome         string    not null comment 'written, unchanged, refused or failed',
    slices          bigint             comment 'slices or units that were built',
    slices_written  bigint             comment 'slices or rows that differed',
    rows_landed     bigint             comment 'rows in the files; above bronze: that went in',
    rows_made       bigint             comment 'rows of the candidate',
    rows_written    bigint             comment 'rows that were written',
    rows_refused    bigint             comment 'rows that went to quarantine',
    rows_duplicate  bigint             comment 'exact copies that were dropped',
    rows_superseded bigint             comment 'older versions that were dropped',
    seconds         double             comment 'wall time',
    watermark       string             comment 'JSON: code and input versions that hold now',
    table_id        string             comment 'id of the Delta table',
    table_version   bigint             comment 'version that holds after this build',
    error           string             comment 'why it was refused or failed',
    started_at      timestamp not null comment 'UTC',
    finished_at     timestamp not null comment 'UTC'
"""

TABLE = Log("ops.builds", SCHEMA, partition_by=("table_name",))


@dataclass
class Record:
    """A row: what one build did. Until its end is reached a build has failed."""

    table_name: str
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    kind: str = "nothing"
    why: str = "not looked at yet"
    outcome: str = "failed"
    started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    slices: int = 0
    slices_written: int = 0
    rows_landed: int = 0
    rows_made: int = 0
    rows_written: int = 0
    rows_refused: int = 0
    rows_duplicate: int = 0
    rows_superseded: int = 0
    seconds: float = 0.0
    watermark: str | None = None
    table_id: str = ""
    table_version: int = 0
    error: str | None = None
    finished_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __str__(self) -> str:
        numbers = (
            f"{self.rows_landed:,} in, {self.rows_made:,} made, {self.rows_written:,} written, "
            f"{self.rows_refused:,} refused"
        )
        return (
            f"{self.table_name}: {self.outcome} ({self.why}); {self.slices} slices, {numbers}, "
            f"{self.seconds:.1f} s, version {self.table_version}"
        )

    def told(self, outcome: str) -> dict[str, object]:
        """The row as JSON, for a commit that is about to be made with this outcome."""
        row = {**vars(self), "outcome": outcome, "watermark": None}
        return {k: v.isoformat() if isinstance(v, dt.datetime) else v for k, v in row.items()}

    def note(self) -> None:
        """Write the row."""
        now = dt.datetime.now(dt.UTC)
        self.seconds = round((now - self.started_at).total_seconds(), 3)
        self.finished_at = after_others(self.table_name, now)
        lake.append(TABLE, [vars(self)])


def after_others(table_name: str, now: dt.datetime) -> dt.datetime:
    """Now, or just after a table's newest row: a clock that was set back leaves rows in order."""
    newest = _highest("finished_at", f"table_name = '{table_name}'")
    return max(now, newest + dt.timedelta(microseconds=1)) if newest else now


def newest_version(table_name: str, table_id: str) -> int:
    """The highest version of a table that a build told of; -1: none did."""
    highest = _highest("table_version", f"table_name = '{table_name}' and table_id = '{table_id}'")
    return -1 if highest is None else highest


def _highest(column: str, condition: str) -> Any:
    if not lake.exists(TABLE.name):
        return None
    asked = f"select max({column}) as highest from t where {condition}"  # noqa: S608 our own names
    return lake.read(TABLE.name, sql=asked)["highest"][0].as_py()


def recovered(commit: Mapping[str, Any], table_id: str) -> Record | None:
    """Write the row of a build that was killed after its commit; null where the row is there.

    Args:
        commit: what the commit says of itself, with its `version`.
    """
    if lake.exists(TABLE.name):
        asked = (
            f"select 1 as found from t where table_name = '{commit['record']['table_name']}'"  # noqa: S608
            f" and run_id = '{commit['run_id']}'"
        )
        if lake.read(TABLE.name, sql=asked).num_rows:
            return None
    times = {
        n: dt.datetime.fromisoformat(commit["record"][n]) for n in ("started_at", "finished_at")
    }
    record = Record(**{**commit["record"], **times, "watermark": commit["watermark"]})
    record.table_id, record.table_version = table_id, commit["version"]
    record.finished_at = after_others(record.table_name, record.finished_at)
    lake.append(TABLE, [vars(record)])
    return record
