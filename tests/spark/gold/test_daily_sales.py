import datetime as dt
from decimal import Decimal

import pytest

SUNDAY = dt.date(2017, 3, 5)


def line(**told):
    return {"store_id": "s", "business_date": SUNDAY, "department": "GROCERY", **told}


@pytest.fixture
def sales(rows, made):
    def build(*lines):
        found = made("gold.daily_sales", rows("silver.order_lines", *lines))
        return {(row.store_id, row.department): row for row in found}

    return build


def test_lines_are_summed_per_day_store_and_department(sales):
    found = sales(
        line(order_id="1", sales_usd="1.10", units=2),
        line(order_id="1", sales_usd="2.20", units=None),  # unknown product or fuel
        line(order_id="2", store_id="t", sales_usd="4.00", units=1),
    )
    row = found["s", "GROCERY"]
    assert (row.sales_usd, row.lines, row.orders, row.units) == (Decimal("3.30"), 2, 1, 2)
    assert found["t", "GROCERY"].sales_usd == 4


def test_sales_of_unknown_products_have_a_name(sales):
    assert sales(line(department=None, sales_usd=7))["s", "UNKNOWN"].sales_usd == 7


def test_gallons_are_no_units(sales):
    row = sales(
        line(department="FUEL", units=None, fuel_gallons=10.001),
        line(department="FUEL", units=None, fuel_gallons=0.002),
    )["s", "FUEL"]
    assert (row.units, row.fuel_gallons) == (0, 10.003)


def test_no_lines_make_no_rows(sales):
    assert sales() == {}
