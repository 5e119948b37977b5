import datetime as dt

import pytest

from jobs.table import FOREVER

MONDAY = dt.date(2017, 3, 6)
DELI = {"department": "DELI", "first_sale_date": MONDAY, "known_date": MONDAY}


def after(days):
    return MONDAY + dt.timedelta(days=days)


def sale(day, usd=1, known=None, department="DELI", **told):
    return {
        "business_date": after(day),
        "department": department,
        "sales_usd": usd,
        "known_date": after(day if known is None else known),
        **told,
    }


@pytest.fixture
def series(rows, made):
    """(day, known, superseded, USD) of DELI, days counted from MONDAY; none: still believed."""

    def build(sales=(), departments=(DELI,)):
        found = made(
            "features.sales_daily_series",
            rows("features.department_days", *sales),
            rows("features.departments", *departments),
            rows("features.promotion_weeks"),
            rows("silver.calendar"),
        )

        def number(date):
            return None if date == FOREVER else (date - MONDAY).days

        return sorted(
            (
                number(row.business_date),
                number(row.known_date),
                number(row.superseded_date),
                row.sales_usd,
            )
            for row in found
            if row.series_id == "DELI"
        )

    return build


def test_a_day_without_sales_of_the_department_is_a_zero(series):
    assert series([sale(0, 3), sale(1, department="MEAT")]) == [
        (0, 0, None, 3.0),
        (1, 1, None, 0.0),
    ]


def test_a_closed_day_is_a_zero_once_sales_go_on_within_a_week(series):
    assert series([sale(0), sale(3)]) == [
        (0, 0, None, 1.0),
        (1, 3, None, 0.0),
        (2, 3, None, 0.0),
        (3, 3, None, 1.0),
    ]
    assert [day for day, *_ in series([sale(0), sale(9)])] == [0, *range(2, 10)]


def test_days_ahead_of_the_sales_do_not_exist(series):
    assert [day for day, *_ in series([sale(0), sale(1)])] == [0, 1]


def test_a_series_begins_on_the_day_of_its_first_sale(series):
    late = {**DELI, "first_sale_date": after(1)}
    assert [day for day, *_ in series([sale(0, department="MEAT"), sale(1)], [late])] == [1]


def test_a_late_day_looks_closed_until_it_is_known(series):
    assert series([sale(0), sale(1, 5, known=4), sale(2)]) == [
        (0, 0, None, 1.0),
        (1, 2, 4, 0.0),
        (1, 4, None, 5.0),
        (2, 2, None, 1.0),
    ]


def test_a_correction_is_a_version_from_when_it_was_known(series):
    before = sale(0, 5, superseded_date=after(30))
    assert series([before, sale(0, 7, known=30)]) == [(0, 0, 30, 5.0), (0, 30, None, 7.0)]


def test_the_weeks_plan_and_the_holiday_reach_the_day(rows, made):
    [row] = made(
        "features.sales_daily_series",
        rows("features.department_days", sale(2)),
        rows("features.departments", {**DELI, "first_sale_date": after(2)}),
        rows(
            "features.promotion_weeks",
            {"department": "DELI", "week_start_date": MONDAY, "promotion_share": 0.25},
        ),
        rows("silver.calendar", {"calendar_date": after(2), "is_holiday": True}),
    )
    assert (row.promotion_share, row.is_holiday) == (0.25, True)


def test_nothing_makes_nothing(series):
    assert series() == []
