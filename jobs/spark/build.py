"""The story of every build: what changed, make, stage once, judge, write only what differs, record.

python -m jobs.spark.build silver.order_lines            what changed since its last build
python -m jobs.spark.build +gold.daily_sales             with all that it is made from
python -m jobs.spark.build silver.order_lines+           with all that is made from it
python -m jobs.spark.build --all [--plan]                every table in order [only say what, why]
python -m jobs.spark.build T --start D --end D           these slices, by hand
"""

import datetime as dt
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobs import command, lake, landing
from jobs.ops import builds
from jobs.ops.builds import Record
from jobs.spark import catalog, changes, plan, quarantine, rules, session, store, watermark
from jobs.spark.changes import CannotName, Changes
from jobs.spark.selection import selected
from jobs.spark.store import Slice
from jobs.spark.watermark import Watermark
from jobs.table import Built, Entities, Events, Landed, built_table, columns, in_build_order, table

log = logging.getLogger(__name__)

FOLDED = ("_duplicates", "_superseded")  # see Events.make


class Refused(Exception):
    """The gate refused the candidate, or a part of it: a retry would meet the same data."""


class WrongColumns(Exception):
    """What `make` gives is not what SCHEMA says."""


@dataclass(frozen=True)
class Building:
    """One build under way."""

    spark: SparkSession
    record: Record
    was: Watermark | None
    is_new_schema: bool  # the stored columns are other ones: all rows are written anew

    def metadata(self, is_last: bool = True) -> dict[str, object]:
        """What the commit itself says, atomically with the data; the last one says it all."""
        told = {n: getattr(self.record, n) for n in ("run_id", "kind", "why")}
        if is_last and self.record.watermark:
            told["watermark"] = self.record.watermark
            told["record"] = self.record.told("written")
        return told


def _is_conflict(error: BaseException) -> bool:
    is_deltas = isinstance(error, PySparkException) and "DELTA_CONCURRENT" in str(error)
    return is_deltas or isinstance(error, store.Overtaken)


# another writer (OPTIMIZE, say) was first: start again from what is there now
@retry(
    retry=retry_if_exception(_is_conflict),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(1, max=10),
    reraise=True,
)
def build(
    which: Built, *, days: tuple[dt.date, dt.date] | None = None, accept_code: bool = False
) -> Record:
    """Build what changed, or the slices of `days` (first, last); return the row of ops.builds.

    What a killed build committed without telling is told by the next one: its record comes back
    where there was nothing more to write.

    Args:
        accept_code: say that changed code leaves the output as it is, outside of `days` where they
            are given: the code counts as built, what has landed meanwhile does not.

    Raises:
        Refused: a critical rule failed or too many rows were refused; of that nothing was written.
        WrongColumns: `make` does not give what SCHEMA says.
        changes.CannotName: there are no such slices, or more than code is other than before.
        store.Busy: another process is building this table.
    """
    with store.only_writer(which.name):
        record, before, since = Record(which.name), None, 0
        try:
            was, now = None, None
            if lake.exists(which.name):
                _tell_apart(which)
                before, since = _recovered(which), lake.version(which.name)
                was, now = watermark.last(which), watermark.current(which)
            if accept_code or days or not was or was != now:
                with session.opened(which.name) as spark:
                    if accept_code and was and now:
                        record.watermark = _accepted(spark, which, was, now)
                    if accept_code and was and not days:
                        record.why = "code accepted as it is"
                    else:
                        _build(spark, which, was, record, days)
            else:
                record.why = "no input changed"
            wrote = record.rows_written or record.slices_written
            record.outcome = "written" if wrote else "unchanged"
        except BaseException as error:
            record.outcome = "refused" if isinstance(error, Refused) else "failed"
            record.error = str(error)[:500] or type(error).__name__
            raise
        finally:
            _note(which, record, since)
    return before if before and record.outcome == "unchanged" else record


def _accepted(spark: SparkSession, which: Built, was: Watermark, now: Watermark) -> str:
    """The watermark of accepted code.

    Raises:
        CannotName: more than code is other than before.
    """
    if set(was.inputs) != set(now.inputs) or catalog.schema_differs(spark, which):
        raise CannotName(
            f"{which.name}: its SCHEMA or inputs changed, and so does its output: build it "
            "without --accept-code"
        )
    return watermark.accepted(was, now).to_json()


def _build(
    spark: SparkSession,
    which: Built,
    was: Watermark | None,
    record: Record,
    days: tuple[dt.date, dt.date] | None,
) -> None:
    catalog.create(spark, which)
    store.clear_staging(which.name)
    now = watermark.current(which)
    at = Building(spark, record, was, catalog.schema_differs(spark, which))
    what = _what(at, which, now, days)
    record.kind, record.why = what.kind, what.why
    if what.kind != "named":
        record.watermark = now.to_json()
    try:
        if what.kind != "nothing":
            _built(at, which, what)
    except Refused:
        store.clear_staging(which.name)  # it may hold personal data, and nobody looks at it
        raise
    store.clear_staging(which.name)


def _built(at: Building, which: Built, what: Changes) -> None:
    if isinstance(which, Entities):
        _entities(at, which, what)
    elif isinstance(which, Landed):
        _landed(at, which, what)
    else:
        _events(at, which, what)


def _what(
    at: Building, which: Built, now: Watermark, days: tuple[dt.date, dt.date] | None
) -> Changes:
    if at.is_new_schema:
        _check_slice(which)
    if days:
        if at.is_new_schema:
            raise CannotName(f"{which.name}: its SCHEMA changed: build it once without days")
        return changes.named(at.spark, which, now, *days)

    def settle(units: DataFrame) -> DataFrame:
        return store.stage(at.spark, units, which.name, "units")

    return changes.find(at.spark, which, at.was, now, settle)


def _events(at: Building, which: Events, what: Changes) -> None:
    """A wide build is a row of commits, each gated; the last one moves the watermark."""
    size = max(len(what.slices), 1) if at.is_new_schema else which.chunk
    for first in range(0, len(what.slices), size):
        to_come = what.slices[first:]
        slices = to_come[:size]
        is_whole = what.kind == "everything" and slices == what.slices
        before = at.record.rows_made
        candidate = _made(at, which, replace(what, slices=slices, is_whole=is_whole))
        rest = None
        if which.slice not in which.key and not is_whole:
            # what is still to be replaced may yet hold a version that has moved
            stored = store.read(at.spark, which.name, store.pin(which.name))
            rest = stored.where(f"not ({store.in_slices(which.slice, to_come)})")
        made = at.record.rows_made - before
        _gate(at, which, candidate, rest, made)
        is_last = len(to_come) <= size
        _write(at, which, candidate, made, slices, is_last)


def _landed(at: Building, which: Landed, what: Changes) -> None:
    """Batches are judged one by one: a bad one is held back, the others are written.

    What is held back stays as the table has it, and is not taken: the next build reads it again.
    """
    record = at.record
    manifests = landing.manifests(which.entity)
    what = replace(what, slices=quarantine.with_mended(which, what.slices, manifests))
    good, batches = quarantine.split(at.spark, which, manifests, what.slices, record.run_id)
    held_back = {name: b for name, b in batches.items() if b.is_held_back(which)}
    slices = tuple(name for name in what.slices if name not in held_back)
    record.rows_landed = sum(b.landed for b in batches.values())
    record.rows_refused = sum(b.refused for b in batches.values())
    record.rows_made = sum(b.kept for n, b in batches.items() if n not in held_back)
    reasons = sum((b.reasons for b in batches.values()), Counter[str]())
    rules.record(which, record.run_id, rules.row_verdicts(which, reasons), record.rows_landed)
    if held_back:
        if at.is_new_schema:
            raise Refused(_told(which, held_back, "nothing was written: the columns are new"))
        good = good.where(f"not ({store.in_slices(which.slice, held_back)})")
        if record.watermark:
            taken = Watermark.from_json(record.watermark)
            record.watermark = watermark.without(taken, which, set(held_back)).to_json()
    _gate(at, which, good, None, record.rows_made)
    if slices:
        _write(at, which, good, record.rows_made, slices, is_last=True)
    if held_back:
        raise Refused(_told(which, held_back, "the others are written"))


def _told(which: Landed, held_back: dict[str, quarantine.Batch], others: str) -> str:
    some = "; ".join(f"{name}: {batch}" for name, batch in list(held_back.items())[:3])
    of_a_snapshot = ", none of a snapshot" if which.is_snapshot_whole else ""
    return (
        f"{which.name}: {len(held_back)} batches held back, {others} ({some}; allowed: "
        f"{which.max_refused_share:.0%} or {which.max_refused_rows} rows of a batch"
        f"{of_a_snapshot}, and no file that cannot be read); see ops.quarantine, land a corrected "
        "batch, or change the rule"
    )


def _write(
    at: Building,
    which: Landed | Events,
    candidate: DataFrame,
    rows: int,
    slices: tuple[Slice, ...],
    is_last: bool,
) -> None:
    """Write the slices that are other than stored; `rows` is the number of the candidate's."""
    record, spark = at.record, at.spark
    record.slices += len(slices)
    now = store.pin(which.name)
    stored: dict[Slice, tuple[int, object]] = {}
    if not store.is_empty(which.name) and not at.is_new_schema:
        found = store.read(spark, which.name, now)
        stored = store.digests(found.where(store.in_slices(which.slice, slices)), which)
    if stored:
        made = store.digests(candidate, which)
        differing = {s for s in {*stored, *made} if stored.get(s) != made.get(s)}
        rows = sum(made[s][0] for s in differing if s in made)
        candidate = candidate.where(store.in_slices(which.slice, differing))
    else:
        differing = store.slices(candidate, which.slice) if rows else set()
    record.slices_written += len(differing)
    record.rows_written += rows
    if at.is_new_schema:
        store.overwrite(spark, candidate, which, at.metadata(), now)
    elif differing & stored.keys():
        store.replace_slices(candidate, which, differing, at.metadata(is_last), now)
    elif differing:
        store.append(candidate, which, at.metadata(is_last), now)


def _entities(at: Building, which: Entities, what: Changes) -> None:
    record = at.record
    candidate = _made(at, which, what)
    if what.units is not None:
        units = F.broadcast(what.units)
        candidate = candidate.join(units, on=list(which.units), how="left_semi")
        record.slices = what.units.count()
    _gate(at, which, candidate, None, record.rows_made)
    now = store.pin(which.name)
    if at.is_new_schema or store.is_empty(which.name):
        record.rows_written = record.slices_written = record.rows_made
        if at.is_new_schema:
            store.overwrite(at.spark, candidate, which, at.metadata(), now)
        elif record.rows_made:
            store.append(candidate, which, at.metadata(), now)
        return
    stored = store.read(at.spark, which.name, now)
    if what.units is not None:
        stored = stored.join(F.broadcast(what.units), on=list(which.units), how="left_semi")
    difference = store.difference(candidate, stored.select(*candidate.columns), which)
    rows = store.stage(at.spark, difference, which.name, "difference")
    record.rows_written = record.slices_written = rows.count()
    if record.rows_written:
        store.merge(at.spark, rows, which, at.metadata(), now)


def _made(at: Building, which: Events | Entities, what: Changes) -> DataFrame:
    """`make` on the narrowed inputs, cast to SCHEMA, staged; its folded rows counted."""
    inputs: list[object] = [changes.narrowed(at.spark, which, i, what) for i in which.inputs]
    if isinstance(which, Events) and which.as_of:
        inputs.append([s for s in what.slices if what.newest and str(s) <= str(what.newest)])
    made = which.make(*inputs)
    wanted = columns(which.full_schema)
    _check_columns(which.name, {c.name for c in wanted}, set(made.columns) - {*FOLDED})
    cast = [F.col(c.name).cast(c.type) for c in wanted]
    folded = [c for c in FOLDED if c in made.columns]
    staged = store.stage(at.spark, made.select(*cast, *folded), which.name, "candidate")
    if isinstance(which, Events):
        # a row without a slice stays: NOT NULL refuses it
        mine = store.in_slices(which.slice, what.slices)
        staged = staged.where(f"{mine} or {which.slice} is null")
    _count(at.record, staged, folded)
    return staged.select(*[c.name for c in wanted])


def _count(record: Record, staged: DataFrame, folded: list[str]) -> None:
    """Add the candidate's rows, and those that `make` has folded into them, to the record."""
    sums = [F.coalesce(F.sum(c), F.lit(0)).alias(c) for c in folded]
    counted = staged.agg(F.count(F.lit(1)).alias("rows"), *sums).collect()[0].asDict()
    record.rows_made += counted["rows"]
    record.rows_duplicate += counted.get("_duplicates", 0)
    record.rows_superseded += counted.get("_superseded", 0)
    record.rows_landed = record.rows_made + record.rows_duplicate + record.rows_superseded


def _gate(
    at: Building, which: Built, candidate: DataFrame, rest: DataFrame | None, rows: int
) -> None:
    """Let Great Expectations judge.

    Args:
        rest: the table's other rows, where a key may not occur again; null: it cannot.
        rows: the candidate's number.
    """
    found = rules.judge(at.spark, candidate, which, rest)
    rules.record(which, at.record.run_id, found, rows)
    broken = [v for v in found if not v.is_kept]
    for verdict in broken:
        told = (which.name, verdict.severity, verdict.rule, verdict.observed)
        log.warning("%s: %s rule %s: %s", *told)
    if critical := [v for v in broken if v.severity == "critical"]:
        of_them = ", ".join(
            v.rule + (f" ({v.observed})" if v.is_unjudged else "") for v in critical
        )
        raise Refused(
            f"{which.name}: the candidate breaks {of_them}; nothing of it was written; "
            f"see ops.quality, run {at.record.run_id}"
        )


def _check_slice(which: Built) -> None:
    if isinstance(which, Entities):
        return
    if which.slice not in {f.name for f in lake.opened(which.name).schema().fields}:
        raise WrongColumns(
            f"{which.name}: it is stored by another slice than {which.slice}: remove the folder "
            f"{lake.location(which.name)} and build it anew"
        )


def _check_columns(name: str, wanted: set[str], made: set[str]) -> None:
    if wanted != made:
        raise WrongColumns(
            f"{name}: make gives other columns than SCHEMA: "
            f"missing {sorted(wanted - made) or 'none'}, "
            f"not in SCHEMA {sorted(made - wanted) or 'none'}"
        )


def _tell_apart(which: Built) -> None:
    """See whether the table was put back from a backup, or its newest commits were removed.

    Then versions that were built are gone. What is made from it must not take those that come for
    them.
    """
    told = builds.newest_version(which.name, store.pin(which.name).table_id)
    if told > lake.version(which.name):
        log.warning("%s: version %d is gone: it was put back by hand", which.name, told)
        with session.opened(which.name) as spark:
            store.tell_apart(spark, which.name)


def _recovered(which: Built) -> Record | None:
    """The record of a build that was killed after its commit, and so is not in ops.builds."""
    commit, _ = store.last_told(which.name)
    return builds.recovered(commit, store.pin(which.name).table_id) if commit else None


def _note(which: Built, record: Record, since: int) -> None:
    """Write the row of ops.builds; `since` is the version before the build."""
    if lake.exists(which.name):
        at = store.pin(which.name)
        record.table_id, record.table_version = at.table_id, at.version
    if record.outcome in ("refused", "failed"):
        record.watermark = None
        if record.table_version == since:
            record.rows_written = record.slices_written = 0
    record.note()
    log.info("%s", record)


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="tables; +T: with all that T is made from; T+: with all made from it"),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="every table, inputs first")] = False,
    plan_: Annotated[bool, typer.Option("--plan", help="say what would be built, and why")] = False,
    start: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    end: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    accept_code: Annotated[bool, typer.Option(help="changed code gives the same output")] = False,
) -> None:
    """Build tables: what changed since the last build, or the named slices."""
    command.tell_facts()
    wanted = in_build_order() if all_ else selected(names or [])
    if not wanted:
        raise typer.BadParameter("which tables? name some, or say --all")
    if bool(start) != bool(end) or (start and end and start > end):
        raise typer.BadParameter("--start and --end: give both, the earlier day first")
    if plan_:
        plan.show(plan.plan(wanted))
        return
    if start and (whole := [name for name in wanted if isinstance(table(name), Entities)]):
        raise typer.BadParameter(
            f"{', '.join(whole)}: no slices; build them without --start and --end"
        )
    for name in wanted:
        target = built_table(name)
        days = (start.date(), end.date()) if start and end else None
        build(target, days=days, accept_code=accept_code)


if __name__ == "__main__":
    command.run(main)
