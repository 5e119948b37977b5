"""The story of every build: what changed, make, stage once, judge, write only what differs, record.

python -m jobs.spark.build silver.order_lines            what changed since its last build
python -m jobs.spark.build --all [--plan]                every table in order [only say what, why]
python -m jobs.spark.build T --start D --end D           these slices, by hand
"""

import datetime as dt
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, cast

import typer
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from jobs import lake, landing
from jobs.ops import builds
from jobs.spark import catalog, changes, quarantine, rules, session, store
from jobs.spark.changes import Changes, Watermark
from jobs.spark.store import Slice
from jobs.table import (
    LAYERS,
    Built,
    Entities,
    Events,
    Landed,
    Log,
    columns,
    in_build_order,
    table,
)

log = logging.getLogger(__name__)

FOLDED = ("_duplicates", "_superseded")  # see Events.make


class Refused(Exception):
    """The gate refused the candidate: nothing was written, and a retry would not help."""


@dataclass
class Record:
    """What one build did: a row of ops.builds."""

    table_name: str
    run_id: str
    kind: str
    why: str
    outcome: str
    started_at: dt.datetime
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


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, PySparkException) and "DELTA_CONCURRENT" in str(error)


# another writer (OPTIMIZE, say) was first: start again from what is there now
@retry(
    retry=retry_if_exception(_is_conflict),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(1, max=10),
    reraise=True,
)
def build(
    which: Built,
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    accept_code: bool = False,
) -> Record:
    """Build what changed; with `start` and `end` those slices; return the row of ops.builds.

    Args:
        accept_code: say that changed code leaves the output as it is: the watermark moves alone.

    Raises:
        Refused: a critical rule failed or too many rows were refused; nothing was written.
        store.Busy: another process is building this table.
    """
    with store.only_writer(which.name):
        record = Record(
            which.name,
            uuid.uuid4().hex,
            "nothing",
            "no input changed",
            "unchanged",
            dt.datetime.now(dt.UTC),
        )
        clock = time.monotonic()
        if lake.exists(which.name):
            _recover_record(which)
        try:
            was, now = changes.watermark(which) if lake.exists(which.name) else None, None
            if lake.exists(which.name):
                now = changes.current(which)
            if accept_code and was and now:
                record.why, record.watermark = "code accepted as it is", now.to_json()
            elif start or not was or was != now:
                with session.opened(which.name) as spark:
                    _build(spark, which, was, record, start, end)
        except Refused as refusal:
            record.outcome, record.error = "refused", str(refusal)
            raise
        except Exception as error:
            record.outcome, record.error = "failed", str(error)[:500]
            raise
        finally:
            record.seconds = round(time.monotonic() - clock, 3)
            _note(which, record)
    return record


def _build(
    spark: SparkSession,
    which: Built,
    was: Watermark | None,
    record: Record,
    start: dt.date | None,
    end: dt.date | None,
) -> None:
    catalog.create(spark, which)
    store.clear_staging(which.name)
    now = changes.current(which)
    if start:
        what = changes.named(which, now, start, end or start)
    else:
        what = changes.find(spark, which, was, now)
    record.kind, record.why = what.kind, what.why
    if what.kind != "named":
        record.watermark = now.to_json()
    if what.kind != "nothing":
        if isinstance(which, Entities):
            _entities(spark, which, what, record)
        elif catalog.schema_differs(spark, which):
            _sliced(spark, which, what, record, [what.slices], is_new_schema=True)
        else:
            size = which.chunk if isinstance(which, Events) else max(len(what.slices), 1)
            chunks = [what.slices[n : n + size] for n in range(0, len(what.slices), size)]
            _sliced(spark, which, what, record, chunks)
    store.clear_staging(which.name)


def _sliced(
    spark: SparkSession,
    which: Landed | Events,
    what: Changes,
    record: Record,
    chunks: list[tuple[Slice, ...]],
    is_new_schema: bool = False,
) -> None:
    """A wide build is a row of commits, each gated; the last one moves the watermark."""
    for number, chunk in enumerate(chunks):
        part = replace(what, slices=chunk)
        if isinstance(which, Landed):
            candidate = _landed_candidate(spark, which, part, record)
        else:
            candidate = _made(spark, which, part, record)
            candidate = candidate.where(store.in_slices(which.slice, chunk))
        record.slices += len(chunk)
        _gate(spark, which, candidate, record)
        last = number == len(chunks) - 1
        metadata = _metadata(record, with_watermark=last)
        if is_new_schema:
            store.overwrite(candidate, which, metadata)
            record.slices_written += len(chunk)
            record.rows_written += candidate.count()
            record.outcome = "written"
            continue
        differing = _differing(spark, which, candidate, chunk, record)
        if differing:
            rows = candidate.where(store.in_slices(which.slice, differing))
            # not the commit's own count: a replaced file's other rows are copied and counted too
            record.rows_written += rows.count()
            store.replace_slices(rows, which, which.slice, differing, metadata)
            record.slices_written += len(differing)
            record.outcome = "written"


def _entities(spark: SparkSession, which: Entities, what: Changes, record: Record) -> None:
    candidate = _made(spark, which, what, record)
    if what.units is not None:
        units = F.broadcast(what.units)
        candidate = candidate.join(units, on=list(which.units), how="left_semi")
        record.slices = what.units.count()
    _gate(spark, which, candidate, record)
    metadata = _metadata(record, with_watermark=True)
    if catalog.schema_differs(spark, which):
        store.overwrite(candidate, which, metadata)
        record.rows_written, record.outcome = record.rows_made, "written"
        return
    if store.is_empty(which.name):
        store.append(candidate, which, metadata)
        record.rows_written = record.slices_written = record.rows_made
        record.outcome = "written" if record.rows_made else "unchanged"
        return
    stored = store.read(spark, which.name, store.pin(which.name))
    if what.units is not None:
        stored = stored.join(F.broadcast(what.units), on=list(which.units), how="left_semi")
    difference = store.difference(candidate, stored.select(*candidate.columns), which)
    rows = store.stage(spark, difference, which.name, "difference")
    record.rows_written = record.slices_written = rows.count()
    if record.rows_written:
        store.merge(spark, rows, which, metadata)
        record.outcome = "written"


def _made(
    spark: SparkSession, which: Events | Entities, what: Changes, record: Record
) -> DataFrame:
    """`make` on the narrowed inputs, cast to SCHEMA, staged; its folded rows counted."""
    inputs: list[object] = [changes.narrowed(spark, which, i, what) for i in which.inputs]
    if isinstance(which, Events) and which.as_of:
        inputs.append(list(what.slices))
    made = which.make(*inputs)
    wanted = columns(which.full_schema)
    _check_columns(which.name, {c.name for c in wanted}, set(made.columns) - {*FOLDED})
    cast = [F.col(c.name).cast(c.type) for c in wanted]
    folded = [F.col(c) for c in FOLDED if c in made.columns]
    # a slice's rows lie together: readers and the next build skip the other files
    part = f"candidate-{what.slices[0]}" if what.slices else "candidate"
    staged = store.stage(spark, made.select(*cast, *folded), which.name, part)
    if isinstance(which, Events):
        inside = staged.where(store.in_slices(which.slice, what.slices))
    else:
        inside = staged
    sums = inside.agg(F.count(F.lit(1)), *[F.coalesce(F.sum(c), F.lit(0)) for c in folded])
    counted = sums.collect()[0]
    record.rows_made += counted[0]
    for name, value in zip([c for c in FOLDED if c in staged.columns], counted[1:], strict=True):
        if name == "_duplicates":
            record.rows_duplicate += value
        else:
            record.rows_superseded += value
    record.rows_landed = record.rows_made + record.rows_duplicate + record.rows_superseded
    return staged.select(*[c.name for c in wanted])


def _landed_candidate(
    spark: SparkSession, which: Landed, what: Changes, record: Record
) -> DataFrame:
    """Rows of the batches, typed; those that break a row rule go to quarantine."""
    wanted = [m for b, m in landing.manifests(which.entity).items() if b in what.slices]
    good, counts = quarantine.split(
        spark, which, wanted, [str(s) for s in what.slices], record.run_id
    )
    record.rows_landed += counts.landed
    record.rows_refused += counts.refused
    record.rows_made += counts.landed - counts.refused
    if counts.refused > max(which.max_refused_rows, which.max_refused_share * counts.landed):
        raise Refused(
            f"{which.name}: {counts.refused:,} of {counts.landed:,} rows refused "
            f"(allowed: {which.max_refused_share:.0%} or {which.max_refused_rows} rows): "
            f"{counts.reasons}; see ops.quarantine, land a corrected batch, or change the rule"
        )
    return good


def _gate(spark: SparkSession, which: Built, candidate: DataFrame, record: Record) -> None:
    found = rules.judge(spark, candidate, which)
    rules.record(which, record.run_id, found)
    broken = [v for v in found if not v.is_kept]
    for verdict in broken:
        told = (which.name, verdict.severity, verdict.rule, verdict.observed)
        log.warning("%s: %s rule %s: %s", *told)
    if critical := [v.rule for v in broken if v.severity == "critical"]:
        raise Refused(
            f"{which.name}: the candidate breaks {', '.join(critical)}; nothing was written; "
            f"see ops.verdicts, run {record.run_id}"
        )


def _differing(
    spark: SparkSession,
    which: Landed | Events,
    candidate: DataFrame,
    chunk: tuple[Slice, ...],
    record: Record,
) -> set[Slice]:
    if store.is_empty(which.name):
        return set(chunk) if record.rows_made else set()
    stored = store.read(spark, which.name, store.pin(which.name))
    stored = stored.where(store.in_slices(which.slice, chunk)).select(*candidate.columns)
    return store.differing(candidate, stored, which.slice)


def _check_columns(name: str, wanted: set[str], made: set[str]) -> None:
    if wanted != made:
        raise ValueError(
            f"{name}: make gives other columns than SCHEMA: "
            f"missing {sorted(wanted - made) or 'none'}, "
            f"not in SCHEMA {sorted(made - wanted) or 'none'}"
        )


def _metadata(record: Record, with_watermark: bool) -> dict[str, object]:
    """What the commit itself says, atomically with the data."""
    told: dict[str, object] = {"run_id": record.run_id, "kind": record.kind, "why": record.why}
    if with_watermark and record.watermark:
        so_far = {**vars(record), "outcome": "written", "watermark": None}
        told["watermark"] = record.watermark
        told["record"] = {
            name: value.isoformat() if isinstance(value, dt.datetime) else value
            for name, value in so_far.items()
        }
    return told


def _recover_record(which: Built) -> None:
    """A build killed after its commit has no row in ops.builds: take it from the commit."""
    commit = store.commit_metadata(which.name)
    if commit is None:
        return
    run_id = commit["run_id"]
    if lake.exists(builds.TABLE.name):
        asked = (
            f"select 1 as found from t where table_name = '{which.name}' and run_id = '{run_id}'"  # noqa: S608
        )
        if lake.read(builds.TABLE.name, sql=asked).num_rows:
            return
    told = cast(dict[str, Any], commit["record"])
    for name in ("started_at", "finished_at"):
        told[name] = dt.datetime.fromisoformat(told[name])
    lake.append(builds.TABLE, [{**told, "watermark": commit["watermark"]}])


def _note(which: Built, record: Record) -> None:
    """Write the row of ops.builds."""
    if lake.exists(which.name):
        at = store.pin(which.name)
        record.table_id, record.table_version = at.table_id, at.version
    if record.outcome in ("refused", "failed"):
        record.watermark = None
    record.finished_at = dt.datetime.now(dt.UTC)
    lake.append(builds.TABLE, [vars(record)])
    log.info("%s", record)


def plan(which: list[str]) -> Iterator[tuple[str, str]]:
    """(table, what would be built and why) for each name, before anything runs."""
    moving: set[str] = set()
    for name in which:
        target = table(name)
        assert not isinstance(target, Log)
        upstream = sorted({i.name for i in target.inputs} & moving)
        what = _planned(target)
        if upstream:
            what = f"{what}; then what changes in {', '.join(upstream)}"
        if upstream or not what.startswith("nothing"):
            moving.add(name)
        yield name, what


def _planned(which: Built) -> str:
    if not lake.exists(which.name):
        return "everything: first build"
    if any(not lake.exists(i.name) for i in which.inputs):
        return "everything: an input is still to be built"
    was, now = changes.watermark(which), changes.current(which)
    if was == now:
        return "nothing: no input changed"
    with session.opened(which.name) as spark:
        what = changes.find(spark, which, was, now)
        count = what.units.count() if what.units is not None else len(what.slices)
    unit = "units" if what.units is not None else "slices"
    return f"{what.kind}: {what.why}" + (f" ({count} {unit})" if count else "")


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="tables, such as silver.products")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="every table, inputs first")] = False,
    plan_: Annotated[bool, typer.Option("--plan", help="say what would be built, and why")] = False,
    start: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    end: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    accept_code: Annotated[bool, typer.Option(help="changed code gives the same output")] = False,
) -> None:
    """Build tables: what changed since the last build, or the named slices."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = in_build_order() if all_ else [n for n in in_build_order() if n in (names or [])]
    if unknown := set(names or []) - set(wanted):
        raise typer.BadParameter(f"no table {', '.join(sorted(unknown))}; see {', '.join(LAYERS)}")
    if plan_:
        for name, what in plan(wanted):
            typer.echo(f"{name}: {what}")
        return
    for name in wanted:
        target = table(name)
        assert not isinstance(target, Log)
        try:
            build(
                target,
                start=start.date() if start else None,
                end=end.date() if end else None,
                accept_code=accept_code,
            )
        except (Refused, store.Busy) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
