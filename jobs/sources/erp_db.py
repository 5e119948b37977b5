"""The ERP's database (PostgreSQL): order lines and stock levels that changed, by watermark.

Read from two views that the ERP's administrator makes, `lakehouse.order_lines` and
`lakehouse.stock_levels`, with the columns of QUERIES; every write sets `changed_at`. One read-only
transaction sees all of it as of one moment. What leaves no trace: rows that are deleted, so a line
that is cancelled has to stay, with zeros.
"""

import datetime as dt
import logging
import re
import sys
from collections.abc import Mapping

import adbc_driver_postgresql.dbapi as postgres
from rich.progress import track
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from jobs.increment import Increment, NotConnected, at_shop, midnight
from jobs.landing import Manifest
from jobs.settings import settings

log = logging.getLogger(__name__)

SYSTEM = "erp_db"
SECRET = "erp_db"  # noqa: S105 - its name; postgresql://user:password@host:port/database

# entity → what is read, by our names. Numbers as text: a cast to a whole one would round 1.5 pieces
# to 2; bronze refuses them.
QUERIES: Mapping[str, str] = {
    "order_lines": """
        select account_id::text, store_id::text, order_id::text, product_id::text,
        trim_scale(quantity::numeric)::text as quantity, sales_usd::text,
        loyalty_discount_usd::text, coupon_discount_usd::text, coupon_match_discount_usd::text,
        null::int as source_week, sold_at, changed_at
        from lakehouse.order_lines where changed_at >= $1 and changed_at < $2
        order by changed_at, order_id, product_id""",
    "stock_levels": """
        select store_id::text, product_id::text, trim_scale(on_hand::numeric)::text as on_hand,
        changed_at
        from lakehouse.stock_levels where changed_at >= $1 and changed_at < $2
        order by changed_at, store_id, product_id""",
}

# As libpq cuts an address; what cannot be cut so it shows in its errors, the password's parts too.
_WORD = r"(?:[^\s%/@:]|%(?!00)[0-9A-Fa-f]{2})"
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/@:?#,\[\]]*)(?::[0-9]+)?"
ADDRESS = re.compile(
    rf"postgres(?:ql)?://(?:{_WORD}*(?::(?:{_WORD}|:)*)?@)?"  # user and password
    rf"{_HOST}(?:,{_HOST})*(?:/(?:{_WORD}|:)*)?(?:\?(?:{_WORD}|[:/])*)?"
)


class DatabaseError(Exception):
    """The ERP's database could not be asked."""


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land what changed up to the end of `end`: since the last landing, or since `start`.

    Raises:
        NotConnected: no address was given.
        DatabaseError: its address cannot be read, it cannot be reached, lets nobody in, or lacks a
            view or a column.
    """
    if not settings().has_secret(SECRET):
        raise NotConnected(f"{SYSTEM}: no database is connected: its address is secret {SECRET!r}")
    address = settings().secret(SECRET)
    if not ADDRESS.fullmatch(address):
        raise DatabaseError(
            f"{SYSTEM}: the secret {SECRET!r} is no address that can be read: write "
            "postgresql://user:password@host:port/database, in user and password %25 for %, "
            "%2F for /, %40 for @, %3A for : and %20 for a space"
        )
    try:
        with _connected(address) as database:
            landed = [_entity(database, Increment(name, SYSTEM), start, end) for name in QUERIES]
    except postgres.Error as error:
        told = str(error).strip().splitlines()[0]
        raise DatabaseError(
            f"{SYSTEM}: {told}; see the secret {SECRET!r}, and jobs/sources/{SYSTEM}.py for the "
            "views that it reads"
        ) from None
    return [manifest for manifests in landed for manifest in manifests]


# a database that is starting, or out of connections, is not gone
@retry(
    retry=retry_if_exception_type(postgres.OperationalError),
    wait=wait_exponential(multiplier=0.5, max=8),
    stop=stop_after_attempt(4),
    reraise=True,
)
def _connected(address: str) -> postgres.Connection:
    database = postgres.connect(address)
    with database.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
    return database


def _entity(
    database: postgres.Connection, increment: Increment, start: dt.date, end: dt.date
) -> list[Manifest]:
    since = increment.since(start)
    first = at_shop(since)
    days = [first + dt.timedelta(n) for n in range((end - first).days + 1)]
    landed: list[Manifest] = []
    told = f"{SYSTEM}: {increment.entity}"
    for day in track(days, told, disable=not sys.stdout.isatty()):
        # a day at a time: the years of a first load do not fit in memory
        bounds = (max(midnight(day), since), midnight(day + dt.timedelta(1)))
        with database.cursor() as cursor:
            cursor.execute(QUERIES[increment.entity], bounds)
            landed += increment.land(increment.unseen(cursor.fetch_arrow_table(), *bounds))
    rows = sum(file.rows or 0 for manifest in landed for file in manifest.files)
    log.info("%s: %d rows changed since %s", told, rows, since.isoformat())
    return landed
