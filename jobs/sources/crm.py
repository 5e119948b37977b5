"""The CRM: a snapshot of all customers, read back through its adapter, as Parquet.

One batch a run, named by the last business day asked for, complete at 06:00 shop time on the day
after. The CRM tells only what is so now: a day before the newest snapshot gets none, and a snapshot
like the one before it is not landed again. Values are text as the CRM's adapter gives it; the
pipeline's own scores are left out: the CRM is not their source.
"""

import datetime as dt
import hashlib
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.crm.adapter import Adapter, connect
from jobs.landing import Manifest, manifests
from jobs.landing import land as take_over
from jobs.settings import settings

log = logging.getLogger(__name__)

CRM = "tryton"
COMPLETE_AT = dt.time(6)  # shop time, on the day after
FILE = "parties.parquet"

COLUMNS: Mapping[str, str] = {  # the CRM's field → ours
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
}


def parties(adapter: Adapter) -> pa.Table:
    """All active customers, in order of their code; one made inactive leaves the snapshot."""
    found = (record.values for record in adapter.read([*COLUMNS, "active"]))
    rows = [{c: values[c] for c in COLUMNS} for values in found if values["active"] == "true"]
    schema = pa.schema([(column, pa.string()) for column in COLUMNS])
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["code"] or ""), schema=schema)


def newest_landed() -> Manifest | None:
    """The newest snapshot there is."""
    landed = [m for m in manifests("accounts").values() if m.system == "crm"]
    return max(landed, key=lambda m: m.batch, default=None)


def known_at(end: dt.date) -> dt.datetime:
    """When the snapshot of a business day was complete.

    By the wall clock never before now: customers that are read today were not known last month.
    """
    next_day = end + dt.timedelta(days=1)
    complete = dt.datetime.combine(next_day, COMPLETE_AT, ZoneInfo(settings().timezone))
    now = dt.datetime.now(dt.UTC)
    return max(complete, now) if settings().clock == "wall" else complete


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land the customers as the CRM shows them now, as the snapshot of `end`.

    Raises:
        CrmError: the CRM cannot be read.
    """
    newest = newest_landed()
    if newest and end.isoformat() < newest.batch:
        log.warning(
            "crm: nothing landed for %s: the CRM tells only what is so now, and %s says what was "
            "so after that day; the customers of then stay as they are",
            end,
            newest.batch_id,
        )
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        table = parties(connect(CRM))
        pq.write_table(table, path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if newest and [f.sha256 for f in newest.files] == [sha256]:
            log.info("crm: %d customers, the same as in %s", table.num_rows, newest.batch_id)
            return []
        manifest = take_over(
            "accounts",
            "crm",
            end.isoformat(),
            [path],
            mode="snapshot",
            known_at=known_at(end),
            watermark=end.isoformat(),
            columns=COLUMNS,
            format="parquet",
        )
    log.info("crm: %d customers landed as %s", table.num_rows, manifest.batch_id)
    return [manifest]
