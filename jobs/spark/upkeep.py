"""Weekly care of the tables: compact, remove old files, check that log and files agree.

python -m jobs.spark.upkeep optimize|vacuum|check [TABLE …]
"""

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Annotated

import typer
from deltalake import DeltaTable

from jobs import command, lake
from jobs.spark import catalog, session, store
from jobs.table import LAYERS, Log, names, table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """What a table's log says against its folder."""

    name: str
    version: int
    files: int
    missing: tuple[str, ...]  # named by the log, not there: rows are lost
    orphans: int  # there, named by no version that is kept: VACUUM removes them

    def __str__(self) -> str:
        lost = f"MISSING {', '.join(self.missing)}" if self.missing else "none missing"
        return f"version {self.version}, {self.files} files, {lost}, {self.orphans} orphans"


def optimize(name: str) -> None:
    """Put small files together, clustered as the table says. Yields to a running build.

    Raises:
        store.Busy: the table is being built.
    """
    with store.only_writer(name):
        if isinstance(table(name), Log):
            lake.opened(name).optimize.compact()
            return
        # the table's own session, as for a build: what a killed one left running is stopped first
        with session.opened(name) as spark:
            spark.sql(f"optimize delta.`{lake.location(name)}`").collect()


def vacuum(name: str) -> None:
    """Remove files that no version within the retention needs. Yields to a running build.

    Raises:
        store.Busy: the table is being built.
    """
    hours = 24 * catalog.retention_days(name)
    with store.only_writer(name):
        if isinstance(table(name), Log):
            lake.opened(name).vacuum(retention_hours=hours, dry_run=False, full=True)
            return
        with session.opened(name) as spark:
            spark.sql(f"vacuum delta.`{lake.location(name)}` retain {hours} hours").collect()


def check(name: str) -> Health:
    """Compare a table's log with its files.

    Raises:
        lake.NoSuchTable: it was never created.
    """
    handle = lake.opened(name)
    named = set(handle.get_add_actions(flatten=True)["path"].to_pylist())
    missing = tuple(sorted(named - lake.file_names(lake.location(name))))
    return Health(name, handle.version(), len(named), missing, _orphans(name, handle))


def _orphans(name: str, handle: DeltaTable) -> int:
    hours = 24 * catalog.retention_days(name)
    return len(handle.vacuum(retention_hours=hours, dry_run=True, full=True))


def main(
    what: Annotated[str, typer.Argument(help="optimize, vacuum or check")],
    which: Annotated[list[str] | None, typer.Argument(help="tables; none: all there are")] = None,
) -> None:
    """Care for tables; the tables that are being built are left for the next time."""
    command.tell_facts()
    jobs = {"optimize": optimize, "vacuum": vacuum, "check": check}
    if what not in jobs:
        raise typer.BadParameter(f"{what!r}: say optimize, vacuum or check")
    broken = False
    for name in which or [n for n in names((*LAYERS, "ops")) if lake.exists(n)]:
        started = dt.datetime.now(dt.UTC)
        try:
            found = jobs[what](name)
        except store.Busy as error:
            log.warning("%s", error)
            continue
        seconds = (dt.datetime.now(dt.UTC) - started).total_seconds()
        log.info("%s %s: %s%.1f s", what, name, f"{found}, " if found else "", seconds)
        broken = broken or bool(isinstance(found, Health) and found.missing)
    if broken:
        raise typer.Exit(1)


if __name__ == "__main__":
    command.run(main)
