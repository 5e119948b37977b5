"""Weekly care of the tables: compact, remove old files, check that log and files agree.

python -m jobs.spark.upkeep optimize|vacuum|check [TABLE …]

A build goes first: what is being built is left for the next time, and an upkeep whose table a build
waits for is interrupted. Nothing is lost by that: OPTIMIZE commits at its end, VACUUM removes only
what no kept version needs, in whatever order.
"""

import contextlib
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import typer
from deltalake.exceptions import CommitFailedError
from pyspark.sql.connect.session import SparkSession
from rich.console import Console
from rich.table import Table as Shown

from jobs import command, lake, landing
from jobs.ops.upkeep import TABLE as OPS_UPKEEP
from jobs.spark import health, retention, session, store, trial, watermark
from jobs.table import LAYERS, Landed, Log, names, table

log = logging.getLogger(__name__)

Verb = Literal["optimize", "vacuum", "check"]
LOOK_SECONDS = 0.2  # between two looks whether a build waits for the table

# VACUUM's two commits say nothing that ops.upkeep does not, and every table made from this one
# would look for changes in them
QUIET = {"spark.databricks.delta.vacuum.logging.enabled": "false"}


@dataclass(frozen=True)
class Done:
    """What one care of a table did: a row of ops.upkeep."""

    table_name: str
    verb: Verb
    outcome: Literal["done", "gave way", "broken"] = "done"
    table_version: int | None = None
    files: int | None = None
    bytes: int | None = None
    removed: int | None = None
    orphans: int | None = None
    faults: str | None = None
    missing: tuple[str, ...] = ()  # the files among the faults; not in the row


def optimize(name: str) -> Done:
    """Put small files together, clustered as the table says.

    Raises:
        store.Busy: the table is being built, or a build wanted it meanwhile.
    """
    if isinstance(table(name), Log):
        with store.only_writer(name, at_once=True):
            metrics = _of_log(name, lambda: lake.opened(name).optimize.compact())
            return _described(Done(name, "optimize", removed=metrics["numFilesRemoved"]))
    [row] = _giving_way(name, f"optimize delta.`{lake.location(name)}`")
    return _described(Done(name, "optimize", removed=row["metrics"]["numFilesRemoved"]))


def vacuum(name: str, kept: int | None = None) -> Done:
    """Remove files, and lists of landed batches, that no version within the retention needs.

    Args:
        kept: an older version that must stay readable: log and files are held for it.

    Raises:
        store.Busy: the table is being built, or a build wanted it meanwhile.
    """
    if isinstance(table(name), Log):
        with store.only_writer(name, at_once=True):
            gone = _of_log(name, lambda: lake.opened(name).vacuum(dry_run=False, full=True))
            return _described(Done(name, "vacuum", removed=len(gone)))

    def first(spark: SparkSession) -> None:
        retention.hold(spark, name, kept)
        if isinstance(which := table(name), Landed) and not trial.is_one():
            _forget_lists(which, kept)

    before = _data_files(name)
    _giving_way(name, f"vacuum delta.`{lake.location(name)}`", first)
    return _described(Done(name, "vacuum", removed=len(before - _data_files(name))))


def _forget_lists(which: Landed, kept: int | None) -> None:
    """Lists lie in the landing folder, which a trial shares with the lake that it is a trial of."""
    now = dt.datetime.now(dt.UTC)
    held = watermark.last(which)
    before = now - dt.timedelta(days=retention.days_to_keep(which.name, kept, now))
    landing.forget_lists(which.entity, held.batches if held else None, before)


def check(name: str, kept: int | None = None) -> Done:
    """Compare a table's log with its files (see jobs/spark/health.py)."""
    found = health.check(name, kept)
    return Done(
        name,
        "check",
        outcome="broken" if found.faults else "done",
        table_version=found.version,
        files=found.files,
        bytes=found.bytes,
        orphans=found.orphans,
        faults="; ".join(found.faults) or None,
        missing=found.missing,
    )


def _data_files(name: str) -> set[str]:
    """Files in the folder, without the log and the file system's own checksums."""
    there = lake.file_names(lake.location(name))
    return {p for p in there if not p.startswith("_delta_log") and "/." not in f"/{p}"}


def _described(done: Done) -> Done:
    """With what the newest version is made of."""
    handle = lake.opened(done.table_name)
    sizes = health.named(handle).values()
    return replace(done, table_version=handle.version(), files=len(sizes), bytes=sum(sizes))


def _of_log(name: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except CommitFailedError:
        raise store.Busy(f"{name}: another process wrote it meanwhile; it went first") from None


def _giving_way(
    name: str, sql: str, first: Callable[[SparkSession], None] = lambda spark: None
) -> list[Any]:
    """Run SQL in the table's own session until it is done or a build waits for the table.

    In its own session, as a build's: a build begins with stopping what still runs there, so an
    upkeep that was killed is out of the way too.
    """
    # the session is closed after the lock is given back: the build that waits need not wait for it
    with contextlib.ExitStack() as last, store.only_writer(name, at_once=True):
        spark = last.enter_context(session.opened(name))
        for setting, value in QUIET.items():
            spark.conf.set(setting, value)
        first(spark)
        pool = ThreadPoolExecutor(max_workers=1)
        running: Future[list[Any]] = pool.submit(lambda: spark.sql(sql).collect())
        pool.shutdown(wait=False)
        while True:
            try:
                return running.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                if store.is_wanted(name):
                    spark.interruptAll()
                    raise store.Busy(f"{name}: a build wants it and goes first") from None


VERBS: Mapping[Verb, Callable[..., Done]] = {
    "optimize": optimize,
    "vacuum": vacuum,
    "check": check,
}


def care(verb: Verb, which: Iterable[str]) -> list[Done]:
    """One care of each table, written to ops.upkeep; a table that gives way is left out for now.

    Raises:
        tracking.TrackingDown: champions' versions are to be kept, and MLflow does not answer.
    """
    kept = {} if verb == "optimize" else _kept_versions()
    told = []
    for name in which:
        started, began = dt.datetime.now(dt.UTC), time.perf_counter()
        more = {"kept": kept[name]} if name in kept else {}
        try:
            done = VERBS[verb](name, **more)
        except store.Busy as error:
            log.warning("%s", error)
            done = Done(name, verb, outcome="gave way")
        seconds = round(time.perf_counter() - began, 3)
        lake.append(OPS_UPKEEP, [vars(done) | {"seconds": seconds, "started_at": started}])
        log.info("%s %s: %s, %.1f s", verb, name, done.faults or done.outcome, seconds)
        told.append(done)
    return told


def _kept_versions() -> Mapping[str, int]:
    """Versions that champions learnt from; where none was ever made, MLflow is not asked."""
    if not lake.exists("ops.promotions") or not lake.read("ops.promotions").num_rows:
        return {}
    # against the stream, and seconds of import: only a registry of models knows them
    from jobs.training.kept import kept_versions

    return kept_versions()


def report(told: Iterable[Done]) -> Shown:
    """What was found, for a person."""
    shown = Shown("table", "version", "files", "MiB", "removed", "orphans", "outcome", box=None)
    for done in told:
        color = {"done": "green", "gave way": "yellow", "broken": "red"}[done.outcome]
        size = None if done.bytes is None else f"{done.bytes / 2**20:,.1f}"
        numbers = (done.table_version, done.files, size, done.removed, done.orphans)
        cells = ["" if number is None else str(number) for number in numbers]
        shown.add_row(done.table_name, *cells, f"[{color}]{done.faults or done.outcome}[/{color}]")
    return shown


def main(
    verb: Annotated[Verb, typer.Argument(help="what to do")],
    which: Annotated[list[str] | None, typer.Argument(help="tables; none: all there are")] = None,
) -> None:
    """Care for tables; the tables that are being built are left for the next time."""
    command.tell_facts()
    told = care(verb, which or [n for n in names((*LAYERS, "ops")) if lake.exists(n)])
    Console(highlight=False).print(report(told))
    if any(done.outcome == "broken" for done in told):
        raise typer.Exit(1)


if __name__ == "__main__":
    command.run(main)
