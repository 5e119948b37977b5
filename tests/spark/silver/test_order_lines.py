import csv
import datetime as dt
import gzip
import json
from decimal import Decimal

import pyarrow.compute as pc
import pytest

from infra.demo import drops
from jobs import lake as tables
from jobs.sources import erp, till
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.table import table

UTC = dt.UTC
MORNING_AFTER = dt.datetime(2017, 3, 6, 11, tzinfo=UTC)  # 06:00 in New York on the 6th


def line(**told):
    return {
        "order_id": "1",
        "product_id": "milk",
        "sold_at": dt.datetime(2017, 3, 5, 15, tzinfo=UTC),
        "sales_usd": 2,
        "_known_at": MORNING_AFTER,
        **told,
    }


LISTED = [
    {"product_id": "milk", "department": "GROCERY", "product_type": "FLUID MILK"},
    {"product_id": "petrol", "department": "FUEL", "product_type": "GASOLINE-REG UNLEADED"},
    {"product_id": "stamps", "department": "POSTAL CENTER"},  # without a type
]


@pytest.fixture
def silver(rows, made):
    """silver.order_lines of the lines given, by (order, product)."""

    def build(*lines, listed=LISTED, identities=()):
        products = rows("silver.product_classes", *listed)
        same = rows("silver.account_identities", *identities)
        found = made("silver.order_lines", rows("bronze.order_lines", *lines), products, same)
        return {(row.order_id, row.product_id): row for row in found}

    return build


def test_what_another_account_of_the_customer_bought_is_the_customer_s(silver):
    same = [{"account_id": "7", "customer_id": "7"}, {"account_id": "8", "customer_id": "7"}]
    found = silver(
        *(line(order_id=n, account_id=n) for n in ("7", "8", "9")),  # 9 is not in the CRM
        identities=same,
    )
    told = {order: (row.account_id, row.source_account_id) for (order, _), row in found.items()}
    assert told == {"7": ("7", "7"), "8": ("7", "8"), "9": ("9", "9")}


@pytest.mark.parametrize(
    ("sold_at", "business_date"),
    [
        # 23:30 in New York is 04:30 UTC of the next day in winter
        (dt.datetime(2017, 3, 6, 4, 30, tzinfo=UTC), dt.date(2017, 3, 5)),
        (dt.datetime(2017, 3, 6, 5, 0, tzinfo=UTC), dt.date(2017, 3, 6)),
        # … and 03:30 UTC in summer
        (dt.datetime(2017, 7, 3, 3, 30, tzinfo=UTC), dt.date(2017, 7, 2)),
        # the clock is set forward at 07:00 UTC of 12 March: midnight moves by an hour
        (dt.datetime(2017, 3, 12, 4, 59, tzinfo=UTC), dt.date(2017, 3, 11)),
        (dt.datetime(2017, 3, 13, 4, 0, tzinfo=UTC), dt.date(2017, 3, 13)),
    ],
)
def test_the_business_day_is_the_shops_day_and_not_the_utc_date(silver, sold_at, business_date):
    row = silver(line(sold_at=sold_at))["1", "milk"]
    assert row.business_date == business_date
    assert row.week_start_date == business_date - dt.timedelta(days=business_date.weekday())


def test_a_product_that_the_erp_does_not_know_stays_and_is_flagged(silver):
    row = silver(line(product_id="?", sales_usd=7))["1", "?"]
    assert (row.is_product_known, row.is_merchandise) == (False, False)
    assert (row.department, row.units, row.sales_usd) == (None, None, Decimal("7.00"))


def test_petrol_is_measured_in_gallons_and_not_in_units(silver):
    row = silver(line(product_id="petrol", quantity=12510))["1", "petrol"]
    assert (row.quantity, row.units, row.fuel_gallons) == (12510, None, 12.51)
    assert not row.is_merchandise


def test_the_volume_of_prepaid_petrol_is_unknown(silver):
    row = silver(line(product_id="petrol", quantity=1, sales_usd=15))["1", "petrol"]
    assert (row.units, row.fuel_gallons) == (None, None)


def test_goods_are_merchandise_and_services_are_not(silver):
    found = silver(line(), line(product_id="stamps"))
    assert found["1", "milk"].is_merchandise
    assert not found["1", "stamps"].is_merchandise
    assert found["1", "stamps"].units == 1  # its product_type is null, which is no petrol


def test_a_line_of_no_sales_is_a_zero_line(silver):
    found = silver(line(sales_usd=0, quantity=0), line(order_id="2"))
    assert found["1", "milk"].line_kind == "zero"
    assert found["2", "milk"].line_kind == "sale"


def test_the_newest_version_of_a_line_wins_and_the_older_one_is_counted(silver):
    later = MORNING_AFTER + dt.timedelta(days=3)
    row = silver(
        line(sales_usd=2, _row_number=9),
        line(sales_usd=3, _known_at=later, _batch_id="till/2017-03-08"),
    )["1", "milk"]
    assert row.sales_usd == Decimal("3.00")
    assert (row._duplicates, row._superseded) == (0, 1)
    assert row.known_date == dt.date(2017, 3, 8)


def test_a_line_sent_twice_word_by_word_is_a_duplicate(silver):
    row = silver(line(_row_number=1), line(_row_number=2))["1", "milk"]
    assert (row._duplicates, row._superseded) == (1, 0)


def test_a_line_of_the_days_own_drop_was_known_by_the_days_closing(silver):
    assert silver(line())["1", "milk"].known_date == dt.date(2017, 3, 5)


def test_a_line_that_came_with_a_later_drop_is_known_by_that_days_closing(silver):
    late = dt.datetime(2017, 3, 21, 10, tzinfo=UTC)  # the drop of the 20th
    row = silver(line(_known_at=late))["1", "milk"]
    assert (row.business_date, row.known_date) == (dt.date(2017, 3, 5), dt.date(2017, 3, 20))


def test_a_line_sent_again_word_by_word_stays_known_as_long_as_it_was(silver):
    again = dt.datetime(2017, 3, 21, 10, tzinfo=UTC)
    row = silver(line(), line(_known_at=again))["1", "milk"]
    assert (row.known_at, row.known_date) == (MORNING_AFTER.replace(tzinfo=None), row.business_date)
    corrected = silver(line(), line(_known_at=again, sales_usd=3))["1", "milk"]
    assert (corrected.sales_usd, corrected.known_date) == (3, dt.date(2017, 3, 20))


def test_a_line_corrected_and_corrected_back_is_known_from_its_last_correction(silver):
    third, fifth = (MORNING_AFTER + dt.timedelta(days=n) for n in (2, 4))
    row = silver(line(), line(sales_usd=9, _known_at=third), line(_known_at=fifth))["1", "milk"]
    assert (row.sales_usd, row.known_date) == (2, dt.date(2017, 3, 9))


def test_the_newest_list_classes_all_lines_and_they_are_known_as_that_from_then_on(silver):
    moved = dt.date(2017, 6, 10)
    listed = [
        {"product_id": "milk", "department": "GROCERY", "superseded_date": moved},
        {"product_id": "milk", "department": "DAIRY", "known_date": moved},
    ]
    row = silver(line(), listed=listed)["1", "milk"]
    assert (row.department, row.known_date) == ("DAIRY", moved)


def test_a_product_that_the_newest_list_leaves_out_is_unknown_from_then_on(silver):
    left = dt.date(2017, 6, 10)
    gone = {"product_id": "milk", "is_listed": False, "known_date": left}
    row = silver(line(), listed=[{**LISTED[0], "superseded_date": left}, gone])["1", "milk"]
    assert (row.department, row.is_product_known, row.known_date) == (None, False, left)


def test_a_line_that_came_before_noon_is_known_on_the_day_it_was_sold(silver):
    same_day = dt.datetime(2017, 3, 5, 15, 30, tzinfo=UTC)  # 10:30 in New York
    assert silver(line(_known_at=same_day))["1", "milk"].known_date == dt.date(2017, 3, 5)


def test_no_lines_make_no_rows(silver):
    assert silver() == {}


WEEK = [dt.date(2017, 1, 2) + dt.timedelta(days=n) for n in range(7)]


def drop_of(day):
    return drops.drop("till", "order_lines", day, "order_lines.csv.gz")


def rewrite(day, change):
    """Put `change(rows)` in the place of a drop's rows."""
    with gzip.open(drop_of(day), "rt") as file:
        rows = list(csv.DictReader(file))
    with gzip.open(drop_of(day), "wt") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(change(rows))
    return rows


def negated(line):
    return {**line, "sales_value": f"-{line['sales_value']}"}


def raised(line):
    return {**line, "sales_value": str(Decimal(line["sales_value"]) + 1)}


@pytest.mark.proof
def test_a_real_year_reconciles_line_by_line_and_cent_by_cent(lake, monkeypatch):
    """Landed = kept + quarantined + duplicates + superseded, in rows and in USD."""
    monkeypatch.setattr(drops, "WEEKS", 0)  # no promotions
    drops.cut()
    # a line comes twice, and another with a wrong sign
    _, _, third, *_ = rewrite(WEEK[2], lambda r: [r[0], r[0], negated(r[1]), *r[2:]])
    # a third is corrected by the drop of the next day
    rewrite(WEEK[3], lambda rows: [*rows, raised(third)])
    landed = till.land(drops.FIRST_DAY, drops.LAST_DAY)
    erp.land(drops.FIRST_DAY, drops.FIRST_DAY)
    prepare(["silver.account_identities"])
    names = (
        "bronze.products",
        "silver.product_history",
        "silver.product_classes",
        "bronze.order_lines",
        "silver.order_lines",
        "silver.order_lines_superseded",
    )
    built = {name: build(table(name)) for name in names}
    bronze, silver = built["bronze.order_lines"], built["silver.order_lines"]

    source = drops.read("transactions")
    in_files = sum(f.rows or 0 for m in landed if m.entity == "order_lines" for f in m.files)
    assert in_files == source.num_rows + 2  # the copy and the correction
    assert bronze.rows_landed == in_files
    assert (bronze.rows_refused, silver.rows_duplicate, silver.rows_superseded) == (1, 1, 1)
    kept = tables.read("silver.order_lines", sql="select sales_usd, business_date from t")
    assert in_files == kept.num_rows + 3
    [corrected] = tables.read("silver.order_lines_superseded").to_pylist()
    assert (corrected["known_date"], corrected["superseded_date"]) == (WEEK[2], WEEK[3])

    (refused,) = tables.read("ops.quarantine").to_pylist()
    assert refused["rules"] == ["negative(sales_usd)"]
    refused_usd = -Decimal(json.loads(refused["received"])["sales_usd"])
    assert min(kept["business_date"].to_pylist()) == drops.FIRST_DAY
    source_usd = pc.sum(pc.round(source["sales_value"], 2).cast(drops.USD)).as_py()
    assert round(source_usd, -4) == 4_600_000
    assert pc.sum(kept["sales_usd"]).as_py() + refused_usd == source_usd + 1
