import datetime as dt

import pytest

SUNDAY = dt.date(2017, 3, 5)


def line(**told):
    return {
        "account_id": "900",
        "product_id": "milk",
        "business_date": SUNDAY,
        "known_date": SUNDAY,
        "department": "GROCERY",
        "quantity": 1,
        "units": 1,
        "sales_usd": 2,
        **told,
    }


@pytest.fixture
def interactions(rows, made):
    def build(*lines):
        found = made("features.interactions", rows("silver.order_lines", *lines))
        return {(row.product_id, row.known_date): row for row in found}

    return build


def test_orders_of_a_day_are_counted(interactions):
    row = interactions(line(order_id="1"), line(order_id="2", units=3))["milk", SUNDAY]
    assert (row.orders, row.units, row.sales_usd) == (2, 4, 4)


@pytest.mark.parametrize(
    "odd",
    [
        {"is_product_known": False},
        {"is_merchandise": False},
        {"quantity": 0},
        {"sales_usd": 0},
    ],
)
def test_lines_that_say_nothing_of_taste_are_left_out(interactions, odd):
    assert interactions(line(**odd)) == {}


def test_a_late_line_is_a_row_of_its_own(interactions):
    late = SUNDAY + dt.timedelta(days=9)
    found = interactions(line(order_id="1"), line(order_id="2", known_date=late))
    assert set(found) == {("milk", SUNDAY), ("milk", late)}


def test_a_product_without_a_type_stays(interactions):
    assert interactions(line(product_type=None))["milk", SUNDAY].product_type is None


def test_no_lines_make_no_rows(interactions):
    assert interactions() == {}
