import datetime as dt
from decimal import Decimal

import pytest

SUNDAY = dt.date(2017, 3, 5)
LATER = dt.date(2017, 3, 20)


def line(**told):
    return {
        "account_id": "900",
        "order_id": "1",
        "business_date": SUNDAY,
        "known_date": SUNDAY,
        "department": "GROCERY",
        **told,
    }


@pytest.fixture
def days(rows, made):
    def build(*lines):
        found = made("gold.account_days", rows("silver.order_lines", *lines))
        return {(row.account_id, row.business_date): row for row in found}

    return build


def test_lines_of_a_day_become_one_row(days):
    found = days(
        line(sales_usd="2.50", loyalty_discount_usd="0.50", fuel_gallons=None),
        line(product_id="bread", sales_usd="1.25", coupon_discount_usd="0.10"),
        line(order_id="2", sales_usd="4.00", coupon_match_discount_usd="0.20"),
    )
    row = found["900", SUNDAY]
    assert (row.orders, row.lines, row.sales_usd) == (2, 3, Decimal("7.75"))
    assert row.loyalty_discount_usd == Decimal("0.50")
    assert row.coupon_discount_usd == Decimal("0.10")
    assert row.coupon_match_discount_usd == Decimal("0.20")


def test_an_order_over_two_departments_is_one_order(days):
    row = days(line(), line(department="MEAT"))["900", SUNDAY]
    assert row.orders == 1


def test_a_late_line_is_in_its_day_and_its_order_counts_once(days):
    row = days(line(sales_usd=2), line(product_id="b", sales_usd=3, known_date=LATER))[
        "900", SUNDAY
    ]
    assert (row.sales_usd, row.orders) == (5, 1)
    assert (row.first_known_date, row.known_date) == (SUNDAY, LATER)


def test_departments_are_sorted_and_an_unknown_one_is_null(days):
    row = days(
        line(department="MEAT", sales_usd=5),
        line(department=None, sales_usd=1),
        line(department="DELI", sales_usd=3),
        line(department="DELI", sales_usd=4),
    )["900", SUNDAY]
    assert [tuple(d) for d in row.departments] == [(None, 1), ("DELI", 7), ("MEAT", 5)]


def test_fuel_and_goods_are_told_apart(days):
    row = days(
        line(sales_usd=5, is_merchandise=True),
        line(sales_usd=30, is_merchandise=False, fuel_gallons=12.5),
        line(sales_usd=1, is_merchandise=False),  # stamps
    )["900", SUNDAY]
    assert (row.sales_usd, row.merchandise_sales_usd, row.fuel_sales_usd) == (36, 5, 30)


def test_no_lines_make_no_rows(days):
    assert days() == {}
