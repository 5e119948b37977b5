import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MONDAY = dt.date(2017, 3, 6)
INPUTS = {
    "days": "gold.account_days",
    "weeks": "gold.closed_weeks",
    "accounts": "silver.accounts",
    "identities": "silver.account_identities",
    "scores": "scores.account_scores",
    "activities": "silver.activities",
    "opportunities": "silver.opportunities",
}
ANN, BOB = "2", "5"
CUSTOMERS = [
    {"account_id": "7", "rep_id": ANN},
    {"account_id": "8", "rep_id": ANN},
    {"account_id": "9", "rep_id": BOB},
    {"account_id": "10", "rep_id": None},
]


def monday(week):
    return MONDAY + dt.timedelta(days=7 * week)


def day(week, account_id="7", sales_usd=10, after=0, **told):
    on = monday(week) + dt.timedelta(days=after)
    return {"account_id": account_id, "business_date": on, "sales_usd": sales_usd, **told}


def noon(week, after=0):
    return dt.datetime.combine(monday(week) + dt.timedelta(days=after), dt.time(17))


def churn(week, grade, account_id="7", held=6, **told):
    return {
        "account_id": account_id,
        "score_name": "churn",
        "grade": grade,
        "as_of_date": monday(week),
        "valid_until": monday(week) + dt.timedelta(days=held),
        **told,
    }


@pytest.fixture
def rep_weeks(rows, made):
    def build(count=1, **told):
        weeks = [
            {"week_start_date": monday(n), "week_end_date": monday(n) + dt.timedelta(days=6)}
            for n in range(count)
        ]
        told = {"accounts": CUSTOMERS, "weeks": weeks, **told}
        frames = [rows(name, *told.get(key, ())) for key, name in INPUTS.items()]
        found = made("scores.rep_weeks", *frames)
        return {(r.rep_id, (r.week_start_date - MONDAY).days // 7): r for r in found}

    return build


def test_a_week_sums_what_the_customers_of_a_rep_bought(rep_weeks):
    found = rep_weeks(
        days=[
            day(0, "7", 10, orders=2),
            day(0, "7", 5, after=6),
            day(0, "9", 3),
            day(0, "11", 2),  # not in the CRM
            day(1, "7", 100),  # the week is not over
        ]
    )
    told = {
        rep: (r.customers, r.active_customers, r.orders, r.sales_usd)
        for (rep, _), r in found.items()
    }
    assert told == {ANN: (2, 1, 3, 15), BOB: (1, 1, 1, 3), "none": (2, 1, 1, 2)}


def test_another_account_of_a_customer_counts_for_who_looks_after_the_customer(rep_weeks):
    same = [{"account_id": "9", "customer_id": "7", "has_objected": False}]
    found = rep_weeks(identities=same)
    assert {rep: row.customers for (rep, _), row in found.items()} == {ANN: 2, "none": 1}


def test_a_week_is_compared_with_the_one_before_and_the_twelve_before(rep_weeks):
    # 0, 1, 2 … 14 USD; in week 14 the twelve before are 2 … 13, which is 7.50 on average
    found = rep_weeks(15, days=[day(n, sales_usd=n) for n in range(1, 15)])
    last = found[ANN, 14]
    assert (last.sales_usd, last.sales_week_before_usd) == (14, 13)
    assert last.sales_12_weeks_mean_usd == Decimal("7.50")
    first, second = found[ANN, 0], found[ANN, 1]
    assert (first.sales_week_before_usd, first.sales_12_weeks_mean_usd) == (None, None)
    assert (second.sales_week_before_usd, second.sales_12_weeks_mean_usd) == (0, 0)


def test_at_risk_is_who_had_a_bad_grade_that_held_when_the_week_ended(rep_weeks):
    found = rep_weeks(
        3,
        scores=[
            churn(0, "A"),
            churn(0, "D", "8", held=13),
            churn(1, "E"),
            churn(1, "E", "9", score_name="offer_response"),
        ],
    )
    told = [found[ANN, week].customers_at_risk for week in range(3)]
    assert told == [1, 2, None]
    assert found[BOB, 0].customers_at_risk is None


def test_activities_count_in_the_week_in_which_they_were_done(rep_weeks):
    done = {"account_id": "7", "is_done": True, "done_date": monday(0)}
    found = rep_weeks(
        2,
        activities=[
            {**done, "activity_id": "1"},
            {**done, "activity_id": "2", "done_date": monday(1)},
            {**done, "activity_id": "3", "is_done": False, "done_date": None},
            {**done, "activity_id": "4", "account_id": None},
        ],
    )
    assert [found[ANN, week].activities_done for week in (0, 1)] == [1, 1]


def test_opportunities_are_open_until_they_are_won_or_lost(rep_weeks):
    def deal(number, status, closed=None, **told):
        told = {"currency_code": "EUR", "expected_amount": 10, "opened_at": noon(0), **told}
        told = {"closed_at": closed, "opportunity_id": number, "status": status, **told}
        return {"account_id": "7", **told}

    found = rep_weeks(
        2,
        opportunities=[
            deal("1", "won", noon(1)),
            deal(
                *("2", "lost", None),
                expected_close_date=monday(1),
                changed_at=noon(1),
                currency_code="USD",
            ),
            deal("3", "open"),
            # its expected day lies ahead: it was lost when that was written down
            deal("5", "lost", None, expected_close_date=monday(9), changed_at=noon(1)),
            deal("4", "open", opened_at=noon(2)),
        ],
    )
    told = [
        (r.opportunities_open, r.opportunities_won, r.opportunities_lost)
        for r in (found[ANN, 0], found[ANN, 1])
    ]
    assert told == [(4, 0, 0), (1, 1, 2)]
    amounts = [tuple(each) for each in found[ANN, 1].opportunity_amounts]
    assert amounts == [("EUR", 10, 10, 10), ("USD", 0, 0, 10)]
    assert found[BOB, 1].opportunity_amounts == []


def test_no_week_that_is_over_makes_no_rows(rep_weeks):
    assert rep_weeks(0, days=[day(0)]) == {}
    assert rep_weeks(1, accounts=[]) == {}


def test_no_week_has_more_buyers_than_customers_or_orders(broken):
    assert broken("scores.rep_weeks", {"customers_at_risk": 1}) == set()
    assert broken("scores.rep_weeks") == set()
    bad = {"active_customers": 3, "orders": 2, "customers_at_risk": 2}
    assert broken("scores.rep_weeks", bad) == {
        "more_bought_than_there_are",
        "more_at_risk_than_there_are",
        "bought_without_an_order",
    }


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["7", "8", "9", "10", "11"]), st.integers(0, 99)
        ),
        max_size=15,
    )
)
def test_the_parts_sum_to_the_whole_and_what_comes_later_is_not_in_them(rep_weeks, bought):
    found = rep_weeks(3, days=[day(week, account, usd) for week, account, usd in bought])
    for week in range(3):
        parts = [row for (_, of), row in found.items() if of == week]
        assert sum(row.sales_usd for row in parts) == sum(u for w, _, u in bought if w == week)
        assert sum(row.orders for row in parts) == sum(w == week for w, _, _ in bought)
