import datetime as dt
import math

import pytest

QUARTER_END = dt.date(2017, 3, 31)
YEAR = [dt.date(2017, 1, 1) + dt.timedelta(n) for n in range(365)]


def line(number, price="2.00", units=1, **told):
    date = dt.date(2017, 3, 1 + number % 31)
    return {
        "order_id": str(number),
        "product_id": "milk",
        "product_type": "MILK",
        "business_date": date,
        "known_date": date,
        "sales_usd": price,
        "units": units,
        **told,
    }


@pytest.fixture
def norms(rows, made):
    """{(as_of_date, measure, group): row}"""

    def build(*lines, superseded=(), dates=YEAR):
        found = made(
            "silver.line_norms",
            rows("silver.order_lines", *lines),
            rows("silver.order_lines_superseded", *superseded),
            list(dates),
        )
        return {(row.as_of_date, row.measure, row.group_id): row for row in found}

    return build


def test_limits_are_worked_by_hand(norms):
    prices = ["1.00", "2.00", "2.00", "4.00", "4.00"] * 2
    row = norms(*[line(n, price) for n, price in enumerate(prices)])[
        QUARTER_END, "unit_price_usd", "milk"
    ]
    # quartiles of ln x: ln 2, ln 2, ln 4; the scale is ln 2 / 1.349
    reach = 5 * math.log(2) / 1.349
    assert (row.lines, row.median) == (10, 2.0)
    assert row.low == pytest.approx(2 * math.exp(-reach), rel=1e-4)
    assert row.high == pytest.approx(2 * math.exp(reach), rel=1e-4)


def test_a_price_that_never_moves_has_the_least_scale(norms):
    row = norms(*[line(n) for n in range(10)])[QUARTER_END, "unit_price_usd", "milk"]
    assert (row.low, row.high) == (pytest.approx(2 / math.e), pytest.approx(2 * math.e))


def test_pieces_are_judged_by_product_type_and_one_is_never_too_few(norms):
    lines = [line(n, units=8, product_id=f"p{n}") for n in range(30)]
    found = norms(*lines)
    assert list(found) == [(QUARTER_END, "units", "MILK")]
    row = found[QUARTER_END, "units", "MILK"]
    assert (row.low, row.median, row.high) == (0, 8, pytest.approx(8 * math.exp(2)))


def test_too_few_lines_say_nothing(norms):
    assert norms(*[line(n) for n in range(9)]) == {}


def test_the_price_is_that_of_the_shelf_and_what_is_free_has_none(norms):
    discounted = [
        line(n, "1.00", loyalty_discount_usd="0.50", coupon_match_discount_usd="0.50", units=2)
        for n in range(10)
    ]
    free = [line(n, "0.00", units=3) for n in range(20, 30)]
    fuel = [line(n, units=None) for n in range(30, 40)]
    row = norms(*discounted, *free, *fuel)[QUARTER_END, "unit_price_usd", "milk"]
    assert (row.lines, row.median) == (10, 1.0)


def test_what_was_not_known_by_the_quarters_end_moves_no_limit(norms):
    lines = [line(n) for n in range(10)]
    seen = norms(*lines)
    late = line(11, "900.00", known_date=dt.date(2017, 4, 1))
    assert norms(*lines, late) == seen
    corrected = {**lines[0], "superseded_date": dt.date(2017, 5, 1)}
    later = line(0, "900.00", known_date=dt.date(2017, 5, 1))
    assert norms(*lines[1:], later, superseded=[corrected]) == seen


def test_only_the_ends_of_quarters_have_rows(norms):
    lines = [line(n) for n in range(10)]
    assert norms(*lines, dates=[d for d in YEAR if d != QUARTER_END]) == {}


def test_no_lines_make_no_rows(norms):
    assert norms() == {}
