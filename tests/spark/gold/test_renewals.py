import datetime as dt
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MONDAY = dt.date(2017, 3, 6)
COFFEE = {"product_id": "c", "product_category": "COFFEE"}


def line(day, account_id="7", product_id="c", **told):
    return {
        "account_id": account_id,
        "order_id": f"{account_id}/{day}",
        "product_id": product_id,
        "business_date": MONDAY + dt.timedelta(days=day),
        "sales_usd": 4,
        "line_kind": "sale",
        **told,
    }


@pytest.fixture
def renewals(rows, made):
    def build(*lines, products=(COFFEE,), deals=()):
        return made(
            "gold.renewals",
            rows("silver.order_lines", *lines),
            rows("silver.products", *products),
            rows("silver.opportunities", *deals),
        )

    return build


def test_what_is_bought_regularly_is_due_after_the_customer_s_own_median_gap(renewals):
    # gaps of 20, 22, 20 and 28 days: the median is 21
    [row] = renewals(*(line(day) for day in (0, 20, 42, 62, 90)))
    assert (row.account_id, row.kind, row.subject) == ("7", "reorder", "COFFEE")
    assert (row.purchases, row.gap_days) == (5, 21)
    assert row.last_date == MONDAY + dt.timedelta(days=90)
    assert row.due_date == MONDAY + dt.timedelta(days=111)
    assert row.valid_until == MONDAY + dt.timedelta(days=132)
    assert (row.expected_amount, row.currency_code) == (4, "USD")


def test_articles_of_a_category_are_one_thing_and_a_day_is_one_purchase(renewals):
    other = {"product_id": "d", "product_category": "COFFEE"}
    days = (0, 20, 40, 60, 80)
    lines = [line(day, product_id="cd"[day % 40 == 0]) for day in days]
    # the same day once more: 4 + 6 USD; the median of 4, 4, 4, 4, 10 is 4
    [row] = renewals(
        *lines, line(80, product_id="x"), line(80, sales_usd=6), products=(COFFEE, other)
    )
    assert (row.purchases, row.expected_amount) == (5, 4)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ((0, 20, 40, 60), "four purchases show no rhythm"),
        ((0, 3, 6, 9, 12), "it comes with any visit"),
        ((0, 130, 260, 390, 520), "too seldom"),
        ((0, 10, 50, 60, 110), "gaps of 10, 40, 10, 50 days are no rhythm"),
    ],
)
def test_what_has_no_rhythm_is_no_renewal(renewals, days, why):
    assert renewals(*(line(day) for day in days)) == [], why


def test_free_goods_fuel_and_what_nobody_bought_are_none(renewals):
    days = (0, 20, 40, 60, 80)
    for told in (
        {"line_kind": "zero"},
        {"is_merchandise": False},
        {"account_id": None, "order_id": "1"},
        {"product_id": "not in the list"},
    ):
        assert renewals(*(line(day) | told for day in days)) == []
    nameless = {"product_id": "c", "product_category": None}
    assert renewals(*(line(day) for day in days), products=[nameless]) == []


def test_an_open_opportunity_is_due_when_it_is_expected_to_close(renewals):
    deal = {
        "account_id": "7",
        "opportunity_id": "31",
        "status": "open",
        "expected_close_date": MONDAY,
        "expected_amount": Decimal("1200.5"),
        "currency_code": "EUR",
    }
    others = [
        {"opportunity_id": "32", "status": "won"},
        {"opportunity_id": "33", "expected_close_date": None},
        {"opportunity_id": "34", "account_id": None},
        {"opportunity_id": "35", "expected_amount": 0},
    ]
    found = {r.subject: r for r in renewals(deals=[deal, *(deal | told for told in others)])}
    assert set(found) == {"31", "35"}
    row = found["31"]
    assert (row.kind, row.due_date, row.valid_until) == ("opportunity", MONDAY, None)
    assert (row.expected_amount, row.currency_code, row.purchases) == (1200.5, "EUR", None)
    assert (found["35"].expected_amount, found["35"].currency_code) == (None, None)


def test_nothing_sold_and_nothing_open_makes_no_rows(renewals):
    assert renewals() == []


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    days=st.lists(st.tuples(st.sampled_from("78"), st.integers(0, 300)), max_size=40, unique=True)
)
def test_each_row_rests_on_purchases_that_are_there_and_follows_them(renewals, days):
    bought = {}
    for account, day in days:
        bought.setdefault(account, []).append(MONDAY + dt.timedelta(days=day))
    found = renewals(*(line(day, account) for account, day in days))
    assert max(Counter(row.account_id for row in found).values(), default=0) <= 1
    for row in found:
        own = bought[row.account_id]
        assert (row.purchases, row.last_date) == (len(own), max(own))
        assert 7 <= (row.due_date - row.last_date).days == row.gap_days <= 120
        assert row.valid_until - row.due_date == row.due_date - row.last_date
