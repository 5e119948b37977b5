"""A way back for a table: an older version holds again, and builds know of it.

python -m jobs.spark.restore silver.order_lines --version 7
python -m jobs.spark.restore silver.order_lines --before 2026-03-02T08:00+00:00

For a table that something else than a build has damaged. What a build wrote wrongly comes again
with the next build: mend the code, the rule or the batch instead.
"""

import datetime as dt
import json
import logging
from typing import Annotated

import typer

from jobs import command, lake
from jobs.ops.builds import Record
from jobs.spark import health, session, store, watermark
from jobs.spark.watermark import Watermark
from jobs.table import Built, Log, table

log = logging.getLogger(__name__)


class CannotRestore(Exception):
    """There is no such version to go back to."""


def restore(which: Built, version: int) -> str:
    """Let a version hold again, in one commit that carries what it was built from.

    Returns:
        What the next build will do, in words.

    Raises:
        CannotRestore: it is not there any more, or was never finished by a build.
        store.Busy: the table is being built.
    """
    with store.only_writer(which.name):
        mark = _built_from(which.name, version)
        _check_files(which.name, version)
        record = Record(which.name, kind="restored", why=f"restored to version {version} by hand")
        record.watermark, record.outcome = mark, "written"
        told = {"run_id": record.run_id, "watermark": mark, "record": record.told("written")}
        with session.opened(which.name) as spark:
            spark.conf.set(store.USER_METADATA, json.dumps(told))
            try:
                spark.sql(
                    f"restore table delta.`{lake.location(which.name)}` "
                    f"to version as of {version:d}"
                ).collect()
            finally:
                spark.conf.unset(store.USER_METADATA)
        at = store.pin(which.name)
        record.table_id, record.table_version = at.table_id, at.version
        record.note()
    return _next(which, Watermark.from_json(mark))


def version_before(name: str, moment: dt.datetime) -> int:
    """The version that held at a moment.

    Raises:
        CannotRestore: the table is younger, or its log does not reach back so far.
    """
    held = [c["version"] for c in lake.opened(name).history() if _at(c) <= moment]
    if not held:
        raise CannotRestore(f"{name}: its log tells of no version before {moment:%Y-%m-%d %H:%M}")
    return int(max(held))


def _at(commit: dict[str, int]) -> dt.datetime:
    return dt.datetime.fromtimestamp(commit["timestamp"] / 1000, dt.UTC)


def _built_from(name: str, version: int) -> str:
    """The watermark of the last build that was finished by then."""
    newest = lake.version(name)
    if not 0 <= version < newest:
        raise CannotRestore(f"{name}: give a version from 0 to {newest - 1}")
    told, _ = store.last_told(name, version)
    if told:
        return str(told["watermark"])
    raise CannotRestore(
        f"{name}: no build was finished by version {version}; to make the table anew remove its "
        f"folder {lake.location(name)} and build it"
    )


def _check_files(name: str, version: int) -> None:
    gone = health.lost(lake.opened(name, version), lake.file_sizes(lake.location(name)))
    if gone:
        raise CannotRestore(
            f"{name}: {len(gone)} files of version {version} are gone, vacuum removed them; choose "
            "a younger version"
        )


def _next(which: Built, was: Watermark) -> str:
    now = watermark.current(which)
    if was == now:
        return "the next build has nothing to do here"
    why = watermark.reason_for_everything(was, now) or "its inputs have changed since"
    return f"the next build brings it forward again ({why}): until then pause sales_daily"


def main(
    name: Annotated[str, typer.Argument(help="a table, such as silver.order_lines")],
    version: Annotated[int | None, typer.Option(help="the version that shall hold again")] = None,
    before: Annotated[str | None, typer.Option(help="or: as it was at a time, with zone")] = None,
) -> None:
    """Let an older version of a table hold again."""
    command.tell_facts()
    which = table(name)
    if isinstance(which, Log):
        raise typer.BadParameter(f"{name} is a log: nothing in it is ever taken back")
    if (version is None) == (before is None):
        raise typer.BadParameter("which version? give --version or --before")
    if version is None:
        try:
            moment = dt.datetime.fromisoformat(str(before))
        except ValueError:
            raise typer.BadParameter(
                f"--before {before}: no time, such as 2026-03-02T08:00+00:00"
            ) from None
        if moment.tzinfo is None:
            raise typer.BadParameter(f"--before {before}: add the zone, such as +00:00")
        version = version_before(name, moment)
    told = restore(which, version)
    log.info("%s: version %d holds again; %s", name, version, told)
    log.info("tables made from it take over what differs with their next build")


if __name__ == "__main__":
    command.run(main)
