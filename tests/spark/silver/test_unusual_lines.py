import datetime as dt
from decimal import Decimal

import pytest

from jobs.table import FOREVER

APRIL = dt.date(2017, 4, 3)
QUARTER_END = dt.date(2017, 3, 31)


def line(order_id="1", price="2.00", units=1, **told):
    return {
        "order_id": order_id,
        "product_id": "milk",
        "product_type": "MILK",
        "business_date": APRIL,
        "known_date": APRIL,
        "sales_usd": price,
        "units": units,
        **told,
    }


NORMS = [
    {
        "as_of_date": QUARTER_END,
        "measure": "unit_price_usd",
        "group_id": "milk",
        "low": 1.0,
        "high": 4.0,
    },
    {"as_of_date": QUARTER_END, "measure": "units", "group_id": "MILK", "low": 0.0, "high": 6.0},
]


@pytest.fixture
def unusual(rows, made):
    def build(*lines, superseded=(), norms=NORMS):
        found = made(
            "silver.unusual_lines",
            rows("silver.order_lines", *lines),
            rows("silver.order_lines_superseded", *superseded),
            rows("silver.line_norms", *norms),
        )
        return {(row.order_id, row.known_date): row for row in found}

    return build


def test_what_keeps_the_limits_is_not_here(unusual):
    assert unusual(line("1", "1.00"), line("2", "4.00"), line("3", "12.00", 6)) == {}


def test_each_way_of_being_unusual_has_its_flag_and_its_usual_amount(unusual):
    found = unusual(
        line("dear", "5.00"),
        line("cheap", "0.50"),
        line("many", "20.00", 10),
        line("both", "50.00", 10),
    )
    flags = {
        order: (row.is_price_low, row.is_price_high, row.is_units_high, row.winsorised_sales_usd)
        for (order, _), row in found.items()
    }
    assert flags == {
        "dear": (False, True, False, Decimal("4.00")),
        "cheap": (True, False, False, Decimal("1.00")),
        "many": (False, False, True, Decimal("12.00")),
        "both": (False, True, True, Decimal("24.00")),
    }
    assert found["dear", APRIL].sales_usd == Decimal("5.00")


def test_discounts_stay_in_proportion(unusual):
    # at the shelf 8 USD a piece, of which the shop received half
    row = unusual(line("1", "4.00", loyalty_discount_usd="4.00"))["1", APRIL]
    assert (row.unit_price_usd, row.winsorised_sales_usd) == (8.0, Decimal("2.00"))


def test_without_limits_nothing_is_unusual(unusual):
    assert unusual(line("1", "900.00", 100), norms=[]) == {}
    of_another_quarter = [{**norm, "as_of_date": dt.date(2016, 12, 31)} for norm in NORMS]
    assert unusual(line("1", "900.00", 100), norms=of_another_quarter) == {}
    assert unusual(line("1", "900.00", product_id="tea", product_type=None)) == {}


def test_what_was_believed_once_is_judged_as_well(unusual):
    may = dt.date(2017, 5, 1)
    found = unusual(
        line("1", "3.00", known_date=may), superseded=[line("1", "300.00", superseded_date=may)]
    )
    assert [(key, row.superseded_date) for key, row in found.items()] == [(("1", APRIL), may)]
    assert unusual(line("1", "300.00"))["1", APRIL].superseded_date == FOREVER


def test_no_lines_make_no_rows(unusual):
    assert unusual() == {}
