"""The CRM: what changed since the last pull, and from time to time all there is, as Parquet.

A pull reads what was written since the newest landed one, by the CRM's own clock, and lands what is
other than landed before: the mode `changes`. What left no trace there (a customer deleted, a write
that came to light late) is found by reading all there is: the mode `snapshot`, at the first pull,
when the last one is RECONCILE_DAYS old, when the CRM's clock says less than before, or on request.

Which CRM that is, what is read there beside customers, and which field is which column of ours, say
`crm_tryton.yaml` and its like. A batch is named by the last business day asked for and a number:
the pulls of a day stand beside each other. It is complete at 06:00 shop time on the day after.
Values are text as the CRM's adapter gives it; the pipeline's own scores are left out: the CRM is
not their source.
"""

import datetime as dt
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.crm.access import Access, connect, objects
from jobs.crm.adapter import Record
from jobs.crm.objects import Objects
from jobs.landing import Manifest, Mode, manifests, next_batch
from jobs.landing import land as take_over
from jobs.settings import settings
from jobs.sources._crm_map import AS_OF, CHANGED_AT, ID, IS_ACTIVE, MERGED_INTO, Read, crm_map

log = logging.getLogger(__name__)

COMPLETE_AT = dt.time(6)  # shop time, on the day after
RECONCILE_DAYS = 7
# A write carries the instant at which its transaction began, and is seen when that has ended: a
# pull looks this far behind what it has seen before. Longer ones wait for the next snapshot.
OVERLAP = dt.timedelta(minutes=10)

Row = Mapping[str, str | None]


def row(record: Record, read: Read, day: dt.date) -> Row:
    """A record as landed: what the CRM says of it, when that was written, and as of which day."""
    said = {field: record.values[field] for field in read.fields}
    for field, column in read.fields.items():
        value = said[field]
        said[field] = read.values.get(column, {}).get(value, value) if value else value
    return {
        ID: record.id,
        IS_ACTIVE: "true" if record.is_active else "false",
        MERGED_INTO: record.merged_into,
        **said,
        CHANGED_AT: record.changed_at.isoformat(timespec="microseconds"),
        AS_OF: day.isoformat(),
    }


def content(said: Row, read: Read) -> Row:
    """What makes a difference: a write that left all this alone is no news."""
    return {name: said[name] for name in read.landed if name not in (CHANGED_AT, AS_OF)}


def landed(read: Read) -> list[Manifest]:
    """Our batches, oldest first. Those of other columns say nothing of these: as if there were
    none."""
    ours = [m for m in manifests(read.entity).values() if m.system == read.system]
    return sorted((m for m in ours if m.columns == read.landed), key=lambda m: m.batch)


def day_of(batch: Manifest) -> dt.date:
    return dt.date.fromisoformat(batch.batch.partition(".")[0])


def since_newest_snapshot(batches: Sequence[Manifest]) -> Sequence[Manifest]:
    """The newest snapshot and what changed after it; nothing where there is no snapshot."""
    places = [n for n, batch in enumerate(batches) if batch.mode == "snapshot"]
    return batches[places[-1] :] if places else []


def landed_last(batches: Sequence[Manifest], ids: Sequence[str]) -> dict[str, Row]:
    """What was landed last of some records, by the CRM's own ids."""
    told: dict[str, Row] = {}
    # without ids Arrow would compare with a list of no type
    for batch in since_newest_snapshot(batches) if ids else ():
        for file in batch.files:
            found = pq.read_table(batch.folder / file.name, filters=[(ID, "in", ids)])
            told |= {said[ID]: said for said in found.to_pylist()}
    return told


def news(batches: Sequence[Manifest], rows: Mapping[str, Row], read: Read) -> dict[str, Row]:
    """Those of the rows (by the CRM's own id) that say other than what was landed last."""
    before = {i: content(said, read) for i, said in landed_last(batches, [*rows]).items()}
    return {i: said for i, said in rows.items() if content(said, read) != before.get(i)}


def by_account(batches: Sequence[Manifest], rows: Mapping[str, Row], key: str) -> dict[str, Row]:
    """Customers who have a number; of merged ones that of before, and of who took their place."""
    merged = {i: into for i, said in rows.items() if (into := said[MERGED_INTO])}
    before, found = landed_last(batches, [*merged]), {**rows}
    for i, into in merged.items():
        number = rows[i][key] or before.get(i, {}).get(key)
        found[i] = {**rows[i], key: number, MERGED_INTO: rows.get(into, {}).get(key)}
    if without := [i for i, said in found.items() if not said[key] and i not in merged]:
        log.warning("crm: %d customers without %s are left out: give them one", len(without), key)
    return {i: said for i, said in found.items() if said[key]}


def read_from(batches: Sequence[Manifest], newest: dt.datetime, day: dt.date) -> dt.datetime | None:
    """From which instant of the CRM's clock on to read; null: all there is.

    Args:
        newest: the CRM's newest write.
    """
    known = since_newest_snapshot(batches)
    if not known or (day - day_of(known[0])).days >= RECONCILE_DAYS:
        return None
    seen = dt.datetime.fromisoformat(known[-1].watermark)
    if newest < seen:
        log.info("crm: its newest write lies before what was seen: deleted, or restored")
        return None
    return seen - OVERLAP


def known_at(end: dt.date) -> dt.datetime:
    """When the batch of a business day was complete.

    By the wall clock never before now: customers that are read today were not known last month.
    """
    next_day = end + dt.timedelta(days=1)
    complete = dt.datetime.combine(next_day, COMPLETE_AT, ZoneInfo(settings().timezone))
    now = dt.datetime.now(dt.UTC)
    return max(complete, now) if settings().clock == "wall" else complete


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land what the CRM says now and did not say before, as of the closing of `end`.

    Raises:
        CrmError: the CRM cannot be read, or its map cannot be used.
    """
    return pull(end, is_whole=False)


def reconcile(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land all that the CRM says now, as of the closing of `end`: what is missing there is gone.

    Raises:
        CrmError: the CRM cannot be read, or its map cannot be used.
    """
    return pull(end, is_whole=True)


def pull(day: dt.date, is_whole: bool) -> list[Manifest]:
    told = crm_map()
    access = told.access()
    found: list[Manifest] = []
    for read in told.reads:
        if is_late(read, day):
            continue
        records = opened(told.adapter, access, read)
        manifest = pulled(records, read, day, is_whole) if records else None
        found += [manifest] if manifest else []
    return found


def is_late(read: Read, day: dt.date) -> bool:
    """Whether a later day was landed already."""
    batches = landed(read)
    if not batches or day >= day_of(batches[-1]):
        return False
    log.warning(
        "crm: nothing landed for %s: the CRM tells only what is so now, and %s says what was "
        "so after that day; the %s of then stay as they are",
        *(day, batches[-1].batch_id, read.entity),
    )
    return True


def opened(adapter: str, access: Access, read: Read) -> Objects | None:
    """What there is to read; null: the CRM has nothing of that kind."""
    if read.object is None:
        return connect(adapter, access)
    found = objects(adapter, access, read.object, read.only)
    if found is None:
        log.warning("crm: it has no %s: no %s landed", read.object, read.name)
    return found


def pulled(records: Objects, read: Read, day: dt.date, is_whole: bool) -> Manifest | None:
    batches = landed(read)
    # asked before reading: what is written while we read lies behind it, and is read again
    newest = records.newest_change()
    if newest is None:
        log.warning("crm: it has no %s at all: nothing landed, what was known stays", read.name)
        return None
    since = None if is_whole else read_from(batches, newest, day)
    rows = {r.id: row(r, read, day) for r in records.read([*read.fields], since)}
    if read.object is None:
        rows = by_account(batches, rows, read.key)
    if since is not None:
        rows = news(batches, rows, read)
        if not rows:
            log.info("crm: nothing is other than in %s", batches[-1].batch_id)
            return None
    name = next_batch(read.entity, read.system, day)
    mode: Mode = "snapshot" if since is None else "changes"
    return written_down(name, mode, newest, [*rows.values()], read)


def written_down(
    name: str, mode: Mode, newest: dt.datetime, rows: Sequence[Row], read: Read
) -> Manifest:
    """Rows landed as a batch, in order of their numbers."""
    schema = pa.schema([(column, pa.string()) for column in read.landed])
    key = read.key if read.object is None else ID
    in_order = sorted(rows, key=lambda said: (said[key] or "", said[ID] or ""))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{read.name}.parquet"
        told = [{column: said[column] for column in read.landed} for said in in_order]
        pq.write_table(pa.Table.from_pylist(told, schema=schema), path)
        manifest = take_over(
            read.entity,
            read.system,
            name,
            [path],
            mode=mode,
            known_at=known_at(dt.date.fromisoformat(name.partition(".")[0])),
            watermark=newest.isoformat(timespec="microseconds"),
            columns=read.landed,
            constants=read.without,
            format="parquet",
        )
    log.info("crm: %d %s landed as %s, %s", len(rows), read.name, manifest.batch_id, mode)
    return manifest
