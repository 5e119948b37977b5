"""The CRM: what changed since the last pull, and from time to time all there is, as Parquet.

A pull reads what was written since the newest landed one, by the CRM's own clock, and lands what is
other than landed before: the mode `changes`. What left no trace there (a customer deleted, a write
that came to light late) is found by reading all there is: the mode `snapshot`, at the first pull,
when the last one is RECONCILE_DAYS old, when the CRM's clock says less than before, or on request.

A batch is named by the last business day asked for and a number: the pulls of a day stand beside
each other. It is complete at 06:00 shop time on the day after. Values are text as the CRM's adapter
gives it; the pipeline's own scores are left out: the CRM is not their source.
"""

import datetime as dt
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.crm.access import connect, own_crm
from jobs.crm.adapter import Record
from jobs.landing import Manifest, Mode, manifests, next_batch
from jobs.landing import land as take_over
from jobs.settings import settings

log = logging.getLogger(__name__)

CRM = "tryton"
COMPLETE_AT = dt.time(6)  # shop time, on the day after
FILE = "parties.parquet"
RECONCILE_DAYS = 7
# A write carries the instant at which its transaction began, and is seen when that has ended: a
# pull looks this far behind what it has seen before. Longer ones wait for the next snapshot.
OVERLAP = dt.timedelta(minutes=10)

FIELDS: Mapping[str, str] = {  # the CRM's field → ours
    "code": "account_id",
    "name": "display_name",
    "email": "email",
    "phone": "phone",
    "addresses.street": "street",
    "addresses.postal_code": "postal_code",
    "age_band": "age_band",
    "income_band": "income_band",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_composition": "household_composition",
    "kids_count": "kids_count",
    "active": "is_active",
    "replaced_by_code": "merged_into",
    "no_marketing": "has_objected",
    "no_marketing_date": "objected_date",
}
ID, CHANGED_AT, AS_OF = "id", "changed_at", "as_of_date"
COLUMNS = {ID: "record_id", **FIELDS, CHANGED_AT: "changed_at", AS_OF: "as_of_date"}

Row = Mapping[str, str | None]


def row(record: Record, day: dt.date) -> Row:
    """A customer as landed: what the CRM says of it, when that was written, and as of which day."""
    said = {field: record.values[field] for field in FIELDS}
    changed_at = record.changed_at.isoformat(timespec="microseconds")
    return {ID: record.id, **said, CHANGED_AT: changed_at, AS_OF: day.isoformat()}


def content(said: Row) -> Row:
    """What makes a difference: a write that left all this alone is no news."""
    return {name: said[name] for name in (ID, *FIELDS)}


def landed() -> list[Manifest]:
    """Our batches, oldest first. Those of other columns say nothing of these: as if there were
    none."""
    ours = [m for m in manifests("accounts").values() if m.system == "crm"]
    return sorted((m for m in ours if m.columns == COLUMNS), key=lambda m: m.batch)


def day_of(batch: Manifest) -> dt.date:
    return dt.date.fromisoformat(batch.batch.partition(".")[0])


def since_newest_snapshot(batches: Sequence[Manifest]) -> Sequence[Manifest]:
    """The newest snapshot and what changed after it; nothing where there is no snapshot."""
    places = [n for n, batch in enumerate(batches) if batch.mode == "snapshot"]
    return batches[places[-1] :] if places else []


def news(batches: Sequence[Manifest], rows: Mapping[str, Row]) -> dict[str, Row]:
    """Those of the rows (by the CRM's own id) that say other than what was landed last."""
    landed_last: dict[str, Row] = {}
    # without rows Arrow would compare with a list of no type
    for batch in since_newest_snapshot(batches) if rows else ():
        found = pq.read_table(batch.folder / FILE, filters=[(ID, "in", [*rows])]).to_pylist()
        landed_last |= {said[ID]: content(said) for said in found}
    return {i: said for i, said in rows.items() if content(said) != landed_last.get(i)}


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
        CrmError: the CRM cannot be read.
    """
    return pull(end, is_whole=False)


def reconcile(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land all that the CRM says now, as of the closing of `end`: what is missing there is gone.

    Raises:
        CrmError: the CRM cannot be read.
    """
    return pull(end, is_whole=True)


def pull(day: dt.date, is_whole: bool) -> list[Manifest]:
    batches = landed()
    if batches and day < day_of(batches[-1]):
        log.warning(
            "crm: nothing landed for %s: the CRM tells only what is so now, and %s says what was "
            "so after that day; the customers of then stay as they are",
            *(day, batches[-1].batch_id),
        )
        return []
    crm = connect(CRM, own_crm())
    # asked before reading: what is written while we read lies behind it, and is read again
    newest = crm.newest_change()
    if newest is None:
        log.warning("crm: it has no customers at all: nothing landed, what was known stays")
        return []
    since = None if is_whole else read_from(batches, newest, day)
    rows = {record.id: row(record, day) for record in crm.read([*FIELDS], since)}
    if since is not None:
        rows = news(batches, rows)
        if not rows:
            log.info("crm: nothing is other than in %s", batches[-1].batch_id)
            return []
    name = next_batch("accounts", "crm", day)
    mode: Mode = "snapshot" if since is None else "changes"
    return [written_down(name, mode, newest, [*rows.values()])]


def written_down(name: str, mode: Mode, newest: dt.datetime, rows: Sequence[Row]) -> Manifest:
    """Rows landed as a batch, in order of their codes."""
    schema = pa.schema([(column, pa.string()) for column in COLUMNS])
    in_order = sorted(rows, key=lambda said: (said["code"] or "", said[ID] or ""))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        pq.write_table(pa.Table.from_pylist([dict(r) for r in in_order], schema=schema), path)
        manifest = take_over(
            "accounts",
            "crm",
            name,
            [path],
            mode=mode,
            known_at=known_at(dt.date.fromisoformat(name.partition(".")[0])),
            watermark=newest.isoformat(timespec="microseconds"),
            columns=COLUMNS,
            format="parquet",
        )
    log.info("crm: %d customers landed as %s, %s", len(rows), manifest.batch_id, mode)
    return manifest
