"""Which installation delivers to a connection, where several share a lake: a row with an end.

Taken and renewed by a conditional commit: of two that try at once Delta lets one through. Asked
before every batch. A killed delivery's lease is its own installation's again at once, whose lock
the operating system has freed; another one waits for its end.
"""

import datetime as dt
import uuid
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from jobs import lake
from jobs.ops.crm_leases import TABLE
from jobs.settings import settings
from jobs.sql import literal

LEASE_SECONDS = 180.0


class LeaseLost(Exception):
    """Another installation delivers to the connection now."""


class Lease:
    """One connection's lease, for this installation."""

    def __init__(self, connection: str) -> None:
        self.connection, self.holder = connection, holder()
        self._mine = f"connection = {literal(connection)}"
        self._until = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._table: DeltaTable | None = None
        self._seen = -1  # version of the table at which the lease was ours

    def take(self) -> None:
        """Take it, or take it again before it ends.

        Raises:
            LeaseLost: another installation has it.
        """
        lake.create(TABLE)
        table = lake.opened(TABLE.name)
        version, now = table.version(), dt.datetime.now(dt.UTC)
        found = self._read(version)
        if found and found["holder"] != self.holder and found["until_at"] > now:
            raise LeaseLost(
                f"another installation ({found['holder']}) delivers to {self.connection} until "
                f"{found['until_at']:%H:%M:%S} UTC: wait for its end"
            )
        self._write(table, now + dt.timedelta(seconds=LEASE_SECONDS), now)

    def keep(self) -> None:
        """Before every batch: still ours, and for long enough.

        Raises:
            LeaseLost: it is another installation's now.
        """
        self._table = self._table or lake.opened(TABLE.name)
        self._table.update_incremental()  # a tenth of the time of a look at the row
        if (newest := self._table.version()) != self._seen:
            found = self._read(newest)
            if not found or found["holder"] != self.holder:
                raise LeaseLost(f"another installation delivers to {self.connection} now")
            self._seen = newest
        if self._until - dt.datetime.now(dt.UTC) < dt.timedelta(seconds=LEASE_SECONDS / 2):
            self.take()

    def give_back(self) -> None:
        """Others need not wait for its end."""
        found = self._read(None)
        if found and found["holder"] == self.holder:
            now = dt.datetime.now(dt.UTC)
            self._write(lake.opened(TABLE.name), now, now)

    def _read(self, version: int | None) -> dict[str, Any] | None:
        asked = f"select * from t where {self._mine}"  # noqa: S608 quoted
        rows = lake.read(TABLE.name, at=version, sql=asked).to_pylist()
        return rows[0] if rows else None

    def _write(self, table: DeltaTable, until: dt.datetime, now: dt.datetime) -> None:
        """In the place of the row that was read at the table's version, or not at all."""
        row = {
            "connection": self.connection,
            "holder": self.holder,
            "until_at": until,
            "taken_at": now,
        }
        try:
            write_deltalake(
                table,
                pa.Table.from_pylist([row], lake.plain_schema(TABLE)),
                mode="overwrite",
                predicate=self._mine,
            )
        except CommitFailedError:
            raise LeaseLost(
                f"another installation took {self.connection} at the same moment"
            ) from None
        self._until, self._table, self._seen = until, table, table.version()


def holder() -> str:
    """This installation's name, made at first use."""
    path = settings().locks / "installation"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(uuid.uuid4().hex[:12])
    return path.read_text()
