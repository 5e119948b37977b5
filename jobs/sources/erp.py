"""The ERP: products as a snapshot, promotions before their week, campaigns as they start.

drops/erp/<entity>/<date>/…, complete at 06:00 shop time on their date. It sends when it has
something: a date without a drop is nothing unusual. Promotions come as Parquet, the rest as CSV.
"""

import datetime as dt
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rich.progress import track

from jobs.landing import Format, Manifest, Mode, files_in, land_each
from jobs.landing import land as take_over
from jobs.settings import settings

log = logging.getLogger(__name__)

COMPLETE_AT = dt.time(6)  # shop time, on the drop's date


ENDINGS: Mapping[Format, tuple[str, ...]] = {"csv": (".csv", ".csv.gz"), "parquet": (".parquet",)}


@dataclass(frozen=True)
class Drop:
    """How the ERP sends an entity."""

    columns: Mapping[str, str]  # the ERP's name → ours
    mode: Mode = "changes"
    format: Format = "csv"


DROPS = {
    "products": Drop(
        {
            "product_id": "product_id",
            "manufacturer_id": "manufacturer_id",
            "department": "department",
            "brand": "brand",
            "product_category": "product_category",
            "product_type": "product_type",
            "package_size": "package_size",
        },
        mode="snapshot",
    ),
    "promotions": Drop(
        {
            "product_id": "product_id",
            "store_id": "store_id",
            "week": "source_week",
            "display_location": "display_location",
            "mailer_location": "mailer_location",
        },
        mode="events",
        format="parquet",
    ),
    "campaigns": Drop(
        {
            "campaign_id": "campaign_id",
            "campaign_type": "campaign_type",
            "start_date": "start_date",
            "end_date": "end_date",
        }
    ),
    "campaign_accounts": Drop({"campaign_id": "campaign_id", "household_id": "account_id"}),
    "coupons": Drop(
        {"coupon_upc": "coupon_upc", "product_id": "product_id", "campaign_id": "campaign_id"}
    ),
}


def land_entity(entity: str, date: dt.date) -> Manifest | None:
    """Land what the ERP dropped of an entity on a date; null where it dropped nothing."""
    how = DROPS[entity]
    folder = settings().drops / "erp" / entity / date.isoformat()
    files = files_in(folder, ENDINGS[how.format])
    if not files:
        return None
    return take_over(
        entity,
        "erp",
        date.isoformat(),
        files,
        mode=how.mode,
        known_at=dt.datetime.combine(date, COMPLETE_AT, ZoneInfo(settings().timezone)),
        watermark=date.isoformat(),
        columns=how.columns,
        format=how.format,
    )


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land the drops dated `start` to `end`, both included.

    Raises:
        NotLanded: drops that cannot be taken over, when all the others are landed.
    """
    if not (settings().drops / "erp").exists():
        log.warning(
            "erp: no drops at all in %s: is the ERP's export mounted? (the demo's are cut by "
            "`python -m infra.demo.drops`)",
            settings().drops / "erp",
        )
    days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
    shown = track(days, "erp: landing days", disable=not sys.stdout.isatty())
    return land_each(((entity, day) for day in shown for entity in DROPS), land_entity)
