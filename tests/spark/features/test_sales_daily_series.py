import datetime as dt

import pytest

MONDAY = dt.date(2017, 3, 6)
DELI = {"department": "DELI", "first_sale_date": MONDAY}


def day(after, **told):
    return {
        "calendar_date": MONDAY + dt.timedelta(days=after),
        "week_start_date": MONDAY,
        "is_holiday": False,
        "has_sales": True,
        **told,
    }


def sale(after, usd):
    date = MONDAY + dt.timedelta(days=after)
    return {"business_date": date, "department": "DELI", "sales_usd": usd}


@pytest.fixture
def series(rows, made):
    def build(sales=(), departments=(), weekly=(), calendar=()):
        found = made(
            "features.sales_daily_series",
            rows("gold.daily_sales", *sales),
            rows("gold.departments", *departments),
            rows("features.sales_weekly", *weekly),
            rows("silver.calendar", *calendar),
        )
        return {(row.business_date - MONDAY).days: row for row in found}

    return build


def test_stores_add_up_and_a_day_without_sales_of_the_department_is_a_zero(series):
    found = series([sale(0, 1), sale(0, 2)], [DELI], calendar=[day(0), day(1)])
    assert {n: row.sales_usd for n, row in found.items()} == {0: 3.0, 1: 0.0}


def test_a_closed_day_is_a_zero_once_sales_go_on(series):
    closed = day(1, has_sales=False)
    assert set(series(departments=[DELI], calendar=[day(0), closed, day(2)])) == {0, 1, 2}
    assert set(series(departments=[DELI], calendar=[day(0), closed])) == {0}


def test_days_ahead_of_the_sales_do_not_exist(series):
    ahead = [day(n, has_sales=False) for n in range(1, 50)]
    assert set(series(departments=[DELI], calendar=[day(0), *ahead])) == {0}


def test_a_series_begins_on_the_day_of_its_first_sale(series):
    late = {"department": "DELI", "first_sale_date": MONDAY + dt.timedelta(days=1)}
    assert set(series(departments=[late], calendar=[day(0), day(1)])) == {1}


def test_the_weeks_plan_and_the_holiday_reach_the_day(series):
    weekly = {"series_id": "DELI", "week_start_date": MONDAY, "promotion_share": 0.25}
    found = series([], [DELI], [weekly], [day(0, is_holiday=True), day(1, is_complete_week=False)])
    assert (found[0].promotion_share, found[0].is_holiday) == (0.25, True)
    assert (found[1].promotion_share, found[1].is_complete_week) == (0.25, False)


def test_nothing_makes_nothing(series):
    assert series() == {}
