"""What was known on a day stays what was known on it: real tables, from landed files on.

A small shop: what it sold in May is corrected in June. A line comes late, a price changes, an order
moves to another day, the ERP moves a product to another department and plans a week anew.
"""

import csv
import datetime as dt
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from jobs import lake as tables
from jobs import landing
from jobs.settings import settings
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.spark.cut import compared, sources
from jobs.table import as_known, in_build_order, table

SHOP = ZoneInfo("America/New_York")
MONDAY = dt.date(2017, 5, 1)
MAY, JUNE = dt.date(2017, 5, 31), dt.date(2017, 6, 10)
MADE = (
    *("features.account_days", "features.account_features", "features.department_days"),
    *("features.departments", "features.interactions", "features.promotion_weeks"),
    *("features.sales_daily_series", "features.sales_weekly"),
    "gold.account_profile",
)
BESIDES = ("silver.calendar", "silver.promotions", "gold.product_weeks")  # no history is made here
# nobody is known to the CRM, and there are no campaigns
UNTOLD = (
    *("silver.account_identities", "silver.accounts", "silver.campaign_accounts"),
    *("silver.campaigns", "silver.coupons", "silver.redemptions"),
)
SERIES = ("features.interactions", "features.sales_daily_series", "features.sales_weekly")
NOT_CUT = ("features.promotion_weeks",)  # gold.product_weeks keeps no history
KEPT = ("account_days", "department_days", "interactions", "sales_daily_series", "sales_weekly")


def needed() -> list[str]:
    """The tables of MADE and all that they are made from, inputs first."""
    found, todo = set(), [*MADE]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [i.name for i in table(name).inputs if i.name not in UNTOLD]
    return [name for name in in_build_order() if name in found]


def land(folder: Path, entity: str, day: dt.date, rows: list[dict[str, object]]) -> None:
    """A drop, complete at six in the morning of a day."""
    path = folder / f"{entity}-{day}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    landing.land(
        entity,
        "till" if entity == "order_lines" else "erp",
        day.isoformat(),
        [path],
        mode="snapshot" if entity == "products" else "events",
        known_at=dt.datetime.combine(day, dt.time(6), SHOP),
        watermark=day.isoformat(),
        columns={},
        format="csv",
    )


def line(day: dt.date, product_id: str, account_id: str = "a", **told: object) -> dict[str, object]:
    """A line sold at noon."""
    sold_at = dt.datetime.combine(day, dt.time(12), SHOP).astimezone(dt.UTC)
    return {
        "account_id": account_id,
        "store_id": "s",
        "order_id": f"{day:%m%d}{account_id}",
        "product_id": product_id,
        "quantity": 1,
        "sales_usd": 2,
        "loyalty_discount_usd": 0,
        "coupon_discount_usd": 0,
        "coupon_match_discount_usd": 0,
        "source_week": 1,
        "sold_at": sold_at.strftime("%Y-%m-%d %H:%M:%S"),
        **told,
    }


def products(**departments: str) -> list[dict[str, object]]:
    names = ("manufacturer_id", "brand", "product_category", "product_type", "package_size")
    return [
        {"product_id": product, "department": department, **dict.fromkeys(names, "x")}
        for product, department in departments.items()
    ]


def plan(week: int, *product_ids: str) -> list[dict[str, object]]:
    """What a week of the ERP (19 begins on the first of May) promotes in the only shop."""
    return [
        {
            "product_id": product_id,
            "store_id": "s",
            "source_week": week,
            "display_location": "1",
            "mailer_location": "0",
        }
        for product_id in product_ids
    ]


def land_march(folder: Path) -> None:
    """Thirty days of milk: what is usual for the lines of May."""
    lines = [line(dt.date(2017, 3, n), "milk") for n in range(2, 32)]
    land(folder, "order_lines", dt.date(2017, 4, 1), lines)


def land_may(folder: Path) -> None:
    land(folder, "products", MONDAY, products(milk="GROCERY", ham="DELI"))
    land(folder, "promotions", MONDAY - dt.timedelta(days=3), plan(19, "milk"))
    land(folder, "promotions", MONDAY + dt.timedelta(days=4), plan(20, "milk"))
    for n in range(14):
        day = MONDAY + dt.timedelta(days=n)
        lines = [line(day, "milk"), line(day, "ham", "b", sales_usd=5)]
        if n == 2:
            lines.append(line(day, "milk", "b", sales_usd=900))  # a slip of the till
        land(folder, "order_lines", day + dt.timedelta(days=1), lines)


def land_june(folder: Path) -> None:
    """All that is wrong with May, in drops that are known by the closing of JUNE."""
    morning_after = JUNE + dt.timedelta(days=1)
    tuesday, friday = MONDAY + dt.timedelta(days=1), MONDAY + dt.timedelta(days=4)
    moved = {**line(friday, "ham", "b", sales_usd=5), "order_id": f"{tuesday:%m%d}b"}
    land(
        folder,
        "order_lines",
        morning_after,
        [
            line(MONDAY, "milk", sales_usd=9),  # a price corrected
            line(tuesday, "ham"),  # a line that comes late, of an order that was known
            moved,  # an order of Tuesday is one of Friday
            line(dt.date(2017, 3, 2), "milk", sales_usd=90),  # of the quarter that tells the usual
        ],
    )
    land(folder, "products", morning_after, products(milk="DAIRY", ham="DELI"))
    land(folder, "promotions", morning_after, plan(20, "ham"))


def build_all() -> None:
    prepare(UNTOLD)
    for name in needed():
        build(table(name))  # type: ignore[arg-type]


def copy(lake: Path, to: Path, names: tuple[str, ...]) -> None:
    """Tables as they are, in another lake."""
    for name in names:
        shutil.copytree(lake / name.replace(".", "/"), to / name.replace(".", "/"))


def rows(name: str, where: str = "true") -> list[dict[str, object]]:
    """Rows that were believed, without the end that a later day put to them."""
    found: pa.Table = tables.read(name, sql=f"select * from t where {where}")
    kept = [c for c in found.column_names if c != "superseded_date"]
    return sorted(found.select(kept).to_pylist(), key=str)


def as_known_on(day: dt.date) -> dict[str, list[dict[str, object]]]:
    names = [f"features.{short}" for short in KEPT]
    found = {name: rows(name, as_known(name, day)) for name in names}
    # a snapshot is as of its Sunday: it does not change at all
    found["features.account_features"] = rows(
        "features.account_features", f"as_of_date <= date '{day}'"
    )
    found["features.promotion_weeks"] = rows("features.promotion_weeks")
    return found


def whole() -> dict[str, list[dict[str, object]]]:
    return {
        name: sorted(tables.read(name).to_pylist(), key=str)
        for name in needed()
        if not name.startswith("bronze.")
    }


@pytest.mark.proof
@pytest.mark.timeout(1200)  # fifty builds: a minute, and ten where others use the machine
def test_a_correction_of_june_changes_nothing_that_was_known_in_may(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_march(tmp_path)
    land_may(tmp_path)
    build_all()
    usual, unusual = rows("silver.line_norms"), rows("silver.unusual_lines")
    assert {row["measure"] for row in usual} == {"unit_price_usd", "units"}
    assert [(row["order_id"], row["is_price_high"]) for row in unusual] == [("0503b", True)]
    known_in_may = as_known_on(MAY)
    assert all(known_in_may.values())
    land_june(tmp_path)
    build_all()
    assert as_known_on(MAY) == known_in_may
    assert rows("silver.line_norms") == usual
    # made again from tables cut in May they are what was known in May: the gate asks that of them
    again = [compared(name, MAY) for name in sources(SERIES) if name not in NOT_CUT]
    assert {found.name for found in again} > {*SERIES}
    assert [found.name for found in again if found.unlike or not found.rows] == []
    assert (
        as_known_on(JUNE - dt.timedelta(days=1))["features.sales_weekly"]
        == (known_in_may["features.sales_weekly"])
    )
    in_june = as_known_on(JUNE)
    differing = {name for name in in_june if in_june[name] != known_in_may[name]}
    assert differing == {*known_in_may} - {"features.account_features", "features.promotion_weeks"}

    # what is believed today is right too
    cut = {
        row["business_date"].day: float(row["sales_usd"] - row["winsorised_sales_usd"])  # type: ignore[operator, union-attr]
        for row in rows("features.account_days", "sales_usd <> winsorised_sales_usd")
    }
    # of 2 USD as ever, 5.44 is the most that is usual: neither the slip is, nor the corrected price
    assert cut == {1: pytest.approx(9 - 5.44), 3: pytest.approx(900 - 5.44)}
    days = {
        (row["account_id"], row["business_date"].day): (row["orders"], row["sales_usd"])
        for row in rows("gold.account_days", f"business_date >= date '{MONDAY}'")
    }
    assert (days["a", 1], days["a", 2], days["b", 5]) == ((1, 9), (1, 4), (2, 10))
    assert ("b", 2) not in days
    series = {
        (row["series_id"], row["week_start_date"].day): row["sales_usd"]
        for row in in_june["features.sales_weekly"]
        if row["week_start_date"] >= MONDAY  # type: ignore[operator]
    }
    assert series == {
        ("DAIRY", 1): 921.0,
        ("DAIRY", 8): 14.0,
        ("DELI", 1): 37.0,
        ("DELI", 8): 35.0,
        ("GROCERY", 1): 0.0,
        ("GROCERY", 8): 0.0,
    }

    # and built from nothing it is the same, row by row
    step_by_step = whole()
    as_they_are = tuple(name for name in needed() if name.startswith("bronze."))
    copy(lake, tmp_path / "again", (*as_they_are, *BESIDES))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "again"))
    settings.cache_clear()
    build_all()
    for name, found in whole().items():
        assert found == step_by_step[name], name
