"""Reading by watermark: since when a source has to ask its system, and what of the answer is new.

The watermark is the newest change that was landed, by the system's own clock (`changed_at`). A
change that is committed late carries an older time than one that was read before it, so every read
goes back by OVERLAP, and rows that were landed already, word by word, are left out.

A batch holds what changed on a business day and is known when its last change was made: a first
load of years keeps what was known when, as far as the system tells it.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import landing
from jobs.landing import Manifest
from jobs.settings import settings

CHANGED = "changed_at"  # of every row: with a time zone
OVERLAP = dt.timedelta(minutes=15)  # longer than any transaction of the system may take


class NotConnected(Exception):
    """Nobody has said where the system is: there is nothing to read, and nothing is wrong."""


@dataclass(frozen=True)
class Increment:
    """What a system has handed over of an entity, and hands over next."""

    entity: str
    system: str

    def since(self, start: dt.date) -> dt.datetime:
        """From which change on to ask: since `start`, or earlier where that was not landed yet."""
        begins = midnight(start)
        newest = max((_watermark(m) for m in self._landed()), default=None)
        return min(begins, newest - OVERLAP) if newest else begins

    def unseen(self, rows: pa.Table, since: dt.datetime, until: dt.datetime) -> pa.Table:
        """The rows, changed from `since` to `until`, that no batch has: other keys, values, times.

        Both ends lie on midnights or in one day, as a batch does: others need not be read.
        """
        if not rows.num_rows:
            return rows
        seen = {
            tuple(row.values())
            for manifest in self._landed()
            if since <= _watermark(manifest) < until
            for file in manifest.files
            for row in pq.read_table(manifest.folder / file.name, schema=rows.schema).to_pylist()
        }
        is_new = [tuple(row.values()) not in seen for row in rows.to_pylist()]
        return rows.filter(pa.array(is_new, pa.bool_()))

    def land(self, rows: pa.Table) -> list[Manifest]:
        """Land rows by our names, a batch for each business day of change."""
        return [self._take_over(of_day) for of_day in _by_day(rows)]

    def _take_over(self, rows: pa.Table) -> Manifest:
        changed = max(_changed(rows)).astimezone(dt.UTC)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{self.entity}.parquet")
            pq.write_table(rows, path)
            return landing.land(
                self.entity,
                self.system,
                landing.next_batch(self.entity, self.system, at_shop(changed)),
                [path],
                mode="changes",
                known_at=changed,
                watermark=changed.isoformat(),
                columns={CHANGED: CHANGED},
                format="parquet",
            )

    def _landed(self) -> list[Manifest]:
        return [m for m in landing.manifests(self.entity).values() if m.system == self.system]


def midnight(day: dt.date) -> dt.datetime:
    """When a business day begins."""
    return dt.datetime.combine(day, dt.time(), ZoneInfo(settings().timezone))


def at_shop(moment: dt.datetime) -> dt.date:
    """The business day of a moment."""
    return moment.astimezone(ZoneInfo(settings().timezone)).date()


def _by_day(rows: pa.Table) -> Iterator[pa.Table]:
    days = [at_shop(changed) for changed in _changed(rows)]
    for day in sorted(set(days)):
        yield rows.filter(pa.array([at == day for at in days], pa.bool_()))


def _changed(rows: pa.Table) -> list[dt.datetime]:
    return cast(list[dt.datetime], rows[CHANGED].to_pylist())


def _watermark(manifest: Manifest) -> dt.datetime:
    return dt.datetime.fromisoformat(manifest.watermark)
