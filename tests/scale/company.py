"""A small company's two days, from the drops of its till and its ERP to gold, in real tables.

`python -m tests.scale.company` builds them, in a process that a test can kill.
"""

import csv
import datetime as dt

from jobs import command, lake
from jobs.ops.builds import Record
from jobs.settings import settings
from jobs.sources import erp, till
from jobs.spark.build import build
from jobs.table import Log, built_table, table

MONDAY = dt.date(2017, 3, 6)
TUESDAY = MONDAY + dt.timedelta(days=1)
NOBODY = "silver.account_identities"  # of whom there are none: no CRM is asked
TABLES = (
    "bronze.products",
    "bronze.order_lines",
    "silver.product_history",
    "silver.product_classes",
    "silver.order_lines",
    "gold.daily_sales",
)
# till's columns; times are UTC
LINES = {
    MONDAY: [
        ("a", "s1", "o1", "ham", 2, "5.00", "0.50", "0", "0", 10, "2017-03-06 15:00:00"),
        ("b", "s1", "o2", "tea", 1, "3.35", "0", "0", "0", 10, "2017-03-06 16:30:00"),
        # no number: refused, and in quarantine
        ("b", "s1", "o3", "tea", 1, "cheap", "0", "0", "0", 10, "2017-03-06 17:00:00"),
    ],
    TUESDAY: [
        ("a", "s2", "o4", "rye", 3, "4.50", "0", "0", "0", 10, "2017-03-07 15:00:00"),
        # a line of Monday that was corrected
        ("b", "s1", "o2", "tea", 2, "6.70", "0", "0", "0", 10, "2017-03-06 16:30:00"),
    ],
}
PRODUCTS = [
    ("ham", "1", "DELI", "National", "MEAT", "HAM", "1 LB"),
    ("tea", "2", "GROCERY", "Private", "TEA", "BLACK TEA", ""),
]

# what gold holds after both days, by hand: Monday's tea as corrected, rye that the ERP lacks
SALES = [
    (MONDAY, "s1", "DELI", "5.00", 1),
    (MONDAY, "s1", "GROCERY", "6.70", 1),
    (TUESDAY, "s2", "UNKNOWN", "4.50", 1),
]


def drop(day: dt.date) -> None:
    """What till and ERP put into their folders for a day."""
    _write("till", "order_lines", day, [tuple(till.COLUMNS["order_lines"]), *LINES[day]])
    if day == MONDAY:
        _write("erp", "products", day, [tuple(erp.DROPS["products"].columns), *PRODUCTS])


def _write(system: str, entity: str, day: dt.date, rows: list[tuple[object, ...]]) -> None:
    path = settings().drops / system / entity / day.isoformat() / f"{entity}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def know_nobody() -> None:
    """The customers' table, empty, by no build."""
    lake.create(Log(NOBODY, table(NOBODY).full_schema))


def land(day: dt.date) -> None:
    know_nobody()
    drop(day)
    erp.land(day, day)
    till.land(day, day)


def build_all() -> dict[str, Record]:
    know_nobody()
    found = {}
    for name in TABLES:
        which = built_table(name)
        found[name] = build(which)
    return found


def rows(name: str) -> list[str]:
    """A table's rows without the place they came from, in a fixed order."""
    found = lake.read(name)
    kept = [c for c in found.column_names if not c.startswith("_")]
    return sorted(str(row) for row in found.select(kept).to_pylist())


def sales() -> list[tuple[object, ...]]:
    """gold.daily_sales in short, in a fixed order."""
    found = lake.read("gold.daily_sales").to_pylist()
    short = ("business_date", "store_id", "department")
    return sorted((*(r[c] for c in short), str(r["sales_usd"]), r["lines"]) for r in found)


def refused() -> list[tuple[str, list[str]]]:
    found = lake.read("ops.quarantine").to_pylist()
    return [(row["table_name"], row["rules"]) for row in found]


def staged(name: str) -> set[str]:
    """Files that a running build of a table has staged."""
    return lake.file_names(f"{settings().staging}/{name}")


if __name__ == "__main__":
    command.tell_facts()
    build_all()
