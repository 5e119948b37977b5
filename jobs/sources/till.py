"""The till: one drop per business day with the day's order lines and coupon redemptions, as CSV.

drops/till/<entity>/<date>/…, complete at 06:00 shop time on the day after. A drop's timestamps are
UTC without a zone. The till nets returns before it sends, so a negative line is an error (bronze
refuses it). Shops that were closed send nothing.
"""

import datetime as dt
import logging
import sys
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from rich.progress import track

from jobs.landing import Manifest, files_in, land_each
from jobs.landing import land as take_over
from jobs.settings import settings

log = logging.getLogger(__name__)

COMPLETE_AT = dt.time(6)  # shop time, on the day after

COLUMNS: Mapping[str, Mapping[str, str]] = {  # entity → the till's name → ours
    "order_lines": {
        "household_id": "account_id",
        "store_id": "store_id",
        "basket_id": "order_id",
        "product_id": "product_id",
        "quantity": "quantity",
        "sales_value": "sales_usd",
        "retail_disc": "loyalty_discount_usd",
        "coupon_disc": "coupon_discount_usd",
        "coupon_match_disc": "coupon_match_discount_usd",
        "week": "source_week",
        "transaction_timestamp": "sold_at",
    },
    "redemptions": {
        "household_id": "account_id",
        "coupon_upc": "coupon_upc",
        "campaign_id": "campaign_id",
        "redemption_date": "redemption_date",
    },
}


def known_at(date: dt.date) -> dt.datetime:
    """When the drop of a business day was complete."""
    next_day = date + dt.timedelta(days=1)
    return dt.datetime.combine(next_day, COMPLETE_AT, ZoneInfo(settings().timezone))


def land_entity(entity: str, date: dt.date) -> Manifest | None:
    """Land one entity's drop of a business day; null, and a warning, where there is none."""
    folder = settings().drops / "till" / entity / date.isoformat()
    files = files_in(folder, (".csv", ".csv.gz"))
    if not files:
        log.warning(
            "till: no %s of %s in %s: the shops were closed, or the drop is late (then land that "
            "day again when it is there); the other days go on",
            entity,
            date,
            folder,
        )
        return None
    return take_over(
        entity,
        "till",
        date.isoformat(),
        files,
        mode="events",
        known_at=known_at(date),
        watermark=date.isoformat(),
        columns=COLUMNS[entity],
        format="csv",
    )


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land the drops of the business days `start` to `end`, both included.

    Raises:
        NotLanded: drops that cannot be taken over, when all the others are landed.
    """
    days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
    shown = track(days, "till: landing days", disable=not sys.stdout.isatty())
    return land_each(((entity, day) for day in shown for entity in COLUMNS), land_entity)
