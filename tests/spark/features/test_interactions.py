import datetime as dt

import pytest

from jobs.table import FOREVER

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
    def build(*lines, superseded=()):
        once = rows("silver.order_lines_superseded", *superseded)
        found = made("features.interactions", rows("silver.order_lines", *lines), once)
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


def test_a_corrected_line_is_a_row_as_it_was_and_a_row_as_it_is(interactions):
    june = dt.date(2017, 6, 10)
    before = line(order_id="1", sales_usd=9, superseded_date=june)
    found = interactions(
        line(order_id="1", known_date=june), line(order_id="2"), superseded=[before]
    )
    assert found["milk", june].sales_usd == 2
    assert found["milk", june].superseded_date == FOREVER


def test_two_orders_of_a_day_of_which_one_is_believed_no_more_are_two_rows(rows, made):
    once = rows(
        "silver.order_lines_superseded",
        line(order_id="1", superseded_date=dt.date(2017, 6, 10)),
    )
    now = rows("silver.order_lines", line(order_id="2"))
    found = made("features.interactions", now, once)
    assert sorted((row.superseded_date.year, row.orders) for row in found) == [(2017, 1), (9999, 1)]


def test_a_product_that_moved_out_of_the_range_is_merchandise_until_that_was_known(interactions):
    june = dt.date(2017, 6, 10)
    toys = line(department="TOYS", is_merchandise=False, known_date=june)
    found = interactions(toys, superseded=[line(superseded_date=june)])
    assert {key: row.superseded_date for key, row in found.items()} == {("milk", SUNDAY): june}


def test_a_product_without_a_type_stays(interactions):
    assert interactions(line(product_type=None))["milk", SUNDAY].product_type is None


def test_no_lines_make_no_rows(interactions):
    assert interactions() == {}
