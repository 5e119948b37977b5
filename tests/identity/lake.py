"""Customers and decisions landed and built into a lake, up to who is one customer."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs import lake
from jobs.landing import Manifest, land
from jobs.ops.builds import Record
from jobs.spark.bronze.accounts import SCHEMA
from jobs.spark.bronze.order_lines import SCHEMA as LINES
from jobs.spark.build import build
from jobs.table import Log, columns, in_build_order, table

MONDAY = dt.date(2017, 3, 6)
LAST = "silver.account_identities"

# of not null columns: what a test does not say
PLAIN = {"string": "x", "boolean": "true", "timestamp": "2017-03-06 11:00:00", "date": "2017-03-06"}


def land_accounts(folder: Path, day: int, *accounts: dict[str, Any]) -> Manifest:
    """The CRM's snapshot of a day: all customers that it has."""
    contract = columns(SCHEMA)
    plain = {c.name: None if c.nullable else PLAIN[c.type] for c in contract}
    date = MONDAY + dt.timedelta(day)
    rows = [{**plain, "as_of_date": date.isoformat(), **account} for account in accounts]
    path = folder / "accounts.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema([(c.name, pa.string()) for c in contract])),
        path,
    )
    return land(
        "accounts",
        "crm",
        date.isoformat(),
        [path],
        mode="snapshot",
        known_at=dt.datetime.combine(date, dt.time(11), dt.UTC) + dt.timedelta(1),
        watermark=date.isoformat(),
        columns={},
        format="parquet",
    )


def land_lines(folder: Path, *lines: tuple[str, str, str]) -> Manifest:
    """Monday's lines of the till: order, account, USD."""
    contract = columns(LINES)
    plain = {c.name: None if c.nullable else PLAIN.get(c.type, "1") for c in contract}
    rows = [
        {**plain, "order_id": o, "account_id": a, "sales_usd": usd, "sold_at": f"{MONDAY} 17:00:00"}
        for o, a, usd in lines
    ]
    path = folder / "lines.parquet"
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema([(c.name, pa.string()) for c in contract])),
        path,
    )
    return land(
        "order_lines",
        "till",
        MONDAY.isoformat(),
        [path],
        mode="events",
        known_at=dt.datetime.combine(MONDAY, dt.time(11), dt.UTC) + dt.timedelta(1),
        watermark=MONDAY.isoformat(),
        columns={},
        format="parquet",
    )


def upstream(name: str) -> set[str]:
    made = table(name)
    assert not isinstance(made, Log)
    return {name}.union(*(upstream(arrow.name) for arrow in made.inputs))


def build_all(last: str = LAST) -> dict[str, Record]:
    """Build a table and all that it is made from."""
    wanted = upstream(last)
    built = {}
    for name in in_build_order():
        if name in wanted:
            made = table(name)
            assert not isinstance(made, Log)
            built[name] = build(made)
    return built


def rows(name: str) -> list[tuple[Any, ...]]:
    """A table's rows in a fixed order."""
    return sorted((tuple(row.values()) for row in lake.read(name).to_pylist()), key=str)


def customers() -> dict[str, tuple[str, str]]:
    """Customer, and by what it was joined, of each account."""
    found = lake.read(LAST).to_pylist()
    return {row["account_id"]: (row["customer_id"], row["joined_by"]) for row in found}
