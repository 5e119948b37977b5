"""Customers and decisions landed and built into a lake, up to who is one customer."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import lake
from jobs.landing import Manifest, Mode, land
from jobs.ops.builds import Record
from jobs.spark.bronze.accounts import SCHEMA
from jobs.spark.bronze.order_lines import SCHEMA as LINES
from jobs.spark.build import build
from jobs.spark.selection import selected
from jobs.table import built_table, columns

MONDAY = dt.date(2017, 3, 6)
LAST = "silver.account_identities"

# of not null columns: what a test does not say
PLAIN = {"string": "x", "boolean": "true", "timestamp": "2017-03-06 11:00:00", "date": "2017-03-06"}


def land_accounts(folder: Path, day: int, *accounts: dict[str, Any]) -> Manifest:
    """The CRM's snapshot of a day: all customers that it has."""
    date = MONDAY + dt.timedelta(day)
    rows = [{"as_of_date": date.isoformat(), **account} for account in accounts]
    return _landed(folder, "accounts", "crm", "snapshot", date, SCHEMA, rows)


def land_lines(folder: Path, *lines: tuple[str, str, str]) -> Manifest:
    """Monday's lines of the till: order, account, USD."""
    rows = [
        {"order_id": o, "account_id": a, "sales_usd": usd, "sold_at": f"{MONDAY} 17:00:00"}
        for o, a, usd in lines
    ]
    return _landed(folder, "order_lines", "till", "events", MONDAY, LINES, rows)


def _landed(
    folder: Path,
    entity: str,
    system: str,
    mode: Mode,
    date: dt.date,
    schema: str,
    rows: list[dict[str, Any]],
) -> Manifest:
    """A day's batch; what must be there and is not told has a plain value."""
    contract = columns(schema)
    plain = {c.name: None if c.nullable else PLAIN.get(c.type, "1") for c in contract}
    path = folder / f"{entity}.parquet"
    texts = pa.schema([(c.name, pa.string()) for c in contract])
    pq.write_table(pa.Table.from_pylist([{**plain, **row} for row in rows], schema=texts), path)
    return land(
        entity,
        system,
        date.isoformat(),
        [path],
        mode=mode,
        known_at=dt.datetime.combine(date, dt.time(11), dt.UTC) + dt.timedelta(1),
        watermark=date.isoformat(),
        columns={},
        format="parquet",
    )


def build_all(last: str = LAST) -> dict[str, Record]:
    """Build a table and all that it is made from."""
    return {name: build(built_table(name)) for name in selected([f"+{last}"])}


def rows(name: str) -> list[tuple[Any, ...]]:
    """A table's rows in a fixed order."""
    return sorted((tuple(row.values()) for row in lake.read(name).to_pylist()), key=str)


def customers() -> dict[str, tuple[str, str]]:
    """Customer, and by what it was joined, of each account."""
    found = lake.read(LAST).to_pylist()
    return {row["account_id"]: (row["customer_id"], row["joined_by"]) for row in found}
