import datetime as dt
from decimal import Decimal

import pytest

from jobs.table import FOREVER, table


def march(day):
    return dt.date(2017, 3, day)


def line(order_id="1", product_id="milk", known=5, until=None, **told):
    return {
        "account_id": "900",
        "order_id": order_id,
        "product_id": product_id,
        "business_date": march(5),
        "known_date": march(known),
        "superseded_date": march(until) if until else FOREVER,
        "sales_usd": 2,
        **told,
    }


@pytest.fixture
def days(rows, made):
    """(known, superseded, orders, USD) of account 900; lines that end are believed no more."""

    def build(*lines, unusual=(), amount="sales_usd"):
        now = rows(
            "silver.order_lines", *[one for one in lines if one["superseded_date"] == FOREVER]
        )
        once = rows(
            "silver.order_lines_superseded",
            *[one for one in lines if one["superseded_date"] != FOREVER],
        )
        gold = table("gold.account_days").make(now)  # type: ignore[union-attr]
        odd = rows("silver.unusual_lines", *unusual)
        found = made("features.account_days", gold, now, once, odd)
        return sorted(
            (row.known_date, row.superseded_date, row.orders, row[amount])
            for row in found
            if row.account_id == "900"
        )

    return build


def test_a_day_known_at_once_is_as_gold_has_it(days):
    found = days(line(), line(product_id="tea"), line("2"), line("3", account_id="7", known=9))
    assert found == [(march(5), FOREVER, 2, 6)]


def test_an_order_counts_once_from_the_first_day_any_of_its_lines_was_known(days):
    found = days(line(), line(product_id="tea", known=9, sales_usd=3), line("2", known=12))
    assert found == [
        (march(5), march(9), 1, 2),
        (march(9), march(12), 1, 5),
        (march(12), FOREVER, 2, 7),
    ]


def test_a_correction_replaces_what_was_believed(days):
    found = days(line(until=9), line(known=9, sales_usd=3), line(product_id="tea"))
    assert found == [(march(5), march(9), 1, 4), (march(9), FOREVER, 1, 5)]


def test_a_day_whose_only_line_moves_away_ends(days):
    moved = line(known=9, business_date=march(4))
    assert days(line(until=9), moved) == [
        (march(5), march(9), 1, 2),
        (march(9), FOREVER, 1, 2),  # the 4th of March
    ]


def test_amounts_of_a_day_in_parts_are_those_of_its_lines(rows, made):
    told = {
        "fuel_gallons": 9.5,
        "loyalty_discount_usd": "0.50",
        "coupon_discount_usd": "0.10",
        "coupon_match_discount_usd": "0.20",
    }
    now = rows("silver.order_lines", line(**told), line(product_id="tea", known=9))
    gold = table("gold.account_days").make(now)  # type: ignore[union-attr]
    odd = rows("silver.unusual_lines")
    found = made("features.account_days", gold, now, rows("silver.order_lines_superseded"), odd)
    [first, second] = sorted(found, key=lambda row: row.known_date)
    assert (first.sales_usd, second.sales_usd) == (2, 4)
    for row in found:
        assert row.fuel_sales_usd == 2
        assert row.loyalty_discount_usd == Decimal("0.50")
        assert row.coupon_discount_usd == Decimal("0.10")
        assert row.coupon_match_discount_usd == Decimal("0.20")


def test_an_unusual_line_counts_in_full_and_winsorised_as_what_is_usual(days):
    odd = line(sales_usd=90, winsorised_sales_usd=4)
    assert days(odd, line("2"), unusual=[odd]) == [(march(5), FOREVER, 2, 92)]
    found = days(odd, line("2"), unusual=[odd], amount="winsorised_sales_usd")
    assert found == [(march(5), FOREVER, 2, 6)]


def test_a_version_that_was_unusual_is_winsorised_as_long_as_it_was_believed(days):
    odd = line(until=9, sales_usd=90, winsorised_sales_usd=4)
    found = days(odd, line(known=9, sales_usd=3), unusual=[odd], amount="winsorised_sales_usd")
    assert found == [(march(5), march(9), 1, 4), (march(9), FOREVER, 1, 3)]


def test_no_lines_make_no_rows(days):
    assert days() == []
