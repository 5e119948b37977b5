import datetime as dt

import pytest

from jobs.table import FOREVER

MONDAY = dt.date(2017, 3, 6)
SUNDAY = dt.date(2017, 3, 12)
NEXT = MONDAY + dt.timedelta(days=7)
DELI = {"department": "DELI", "first_sale_date": MONDAY, "known_date": MONDAY}


def after(days):
    return MONDAY + dt.timedelta(days=days)


def calendar(*mondays, holidays=()):
    return [
        {
            "calendar_date": monday + dt.timedelta(days=n),
            "week_start_date": monday,
            "is_holiday": n in holidays,
        }
        for monday in mondays
        for n in range(7)
    ]


def sale(date, usd=1, department="DELI", known=None, **told):
    """Sales of a day of MONDAY's week, by its number, or of a date."""
    date = after(date) if isinstance(date, int) else date
    return {
        "business_date": date,
        "department": department,
        "sales_usd": usd,
        "known_date": known or date,
        **told,
    }


@pytest.fixture
def series(rows, made):
    def build(sales=(), departments=(DELI,), plan=(), days=()):
        return made(
            "features.sales_weekly",
            rows("features.department_days", *sales),
            rows("features.departments", *departments),
            rows("features.promotion_weeks", *plan),
            rows("silver.calendar", *(days or calendar(MONDAY, NEXT))),
        )

    return build


@pytest.fixture
def weeks(series):
    def build(*told, **more):
        return {(row.series_id, row.week_start_date): row for row in series(*told, **more)}

    return build


@pytest.fixture
def versions(series):
    """(known, superseded, USD, complete) of DELI in MONDAY's week."""

    def build(*told, **more):
        return sorted(
            (row.known_date, row.superseded_date, row.sales_usd, row.is_complete)
            for row in series(*told, **more)
            if (row.series_id, row.week_start_date) == ("DELI", MONDAY)
        )

    return build


def test_days_add_up_to_the_week(weeks):
    found = weeks([sale(0, 1), sale(1, 2), sale(6, 4), sale(7, 8)])
    assert found["DELI", MONDAY].sales_usd == 7.0
    assert found["DELI", NEXT].sales_usd == 8.0


def test_a_week_without_sales_of_a_department_is_a_zero(weeks):
    found = weeks([sale(0), sale(7, department="MEAT")])
    assert found["DELI", NEXT].sales_usd == 0.0


def test_a_series_begins_in_the_week_of_its_first_sale(weeks):
    late = {"department": "DELI", "first_sale_date": NEXT + dt.timedelta(days=6)}
    found = weeks([sale(0, department="MEAT"), sale(7, department="MEAT")], [late])
    assert ("DELI", MONDAY) not in found
    assert found["DELI", NEXT].sales_usd == 0.0


def test_weeks_without_any_sales_do_not_exist(weeks):
    assert set(weeks([sale(0)])) == {("DELI", MONDAY)}


def test_a_week_is_known_by_its_sunday_once_each_day_has_sales_it_is_complete(versions):
    running = [sale(n, n) for n in range(6)]
    assert versions(running) == [(SUNDAY, FOREVER, 15.0, False)]
    assert versions([*running, sale(6, 6)]) == [(SUNDAY, FOREVER, 21.0, True)]


def test_a_late_or_corrected_day_is_a_version_from_when_it_was_known(versions):
    week = [sale(n, n) for n in range(7)]
    late = sale(2, 100, known=after(20))
    ended = {**week[2], "superseded_date": after(20)}
    assert versions([*week[:2], ended, late, *week[3:]]) == [
        (SUNDAY, after(20), 21.0, True),
        (after(20), FOREVER, 119.0, True),
    ]


def test_a_day_whose_drop_is_late_completes_the_week_when_it_is_known(versions):
    week = [sale(n, n) for n in range(6)]
    assert versions([*week, sale(6, 6, known=after(9))]) == [
        (SUNDAY, after(9), 15.0, False),
        (after(9), FOREVER, 21.0, True),
    ]
    # also where nothing of this department was sold on that day
    other = sale(6, 6, department="MEAT", known=after(9))
    assert versions([*week, other]) == [
        (SUNDAY, after(9), 15.0, False),
        (after(9), FOREVER, 15.0, True),
    ]


def test_what_was_corrected_within_the_week_is_one_version(versions):
    corrected = sale(1, 5, superseded_date=after(3))
    week = [sale(n, 1) for n in range(7)]
    assert versions([*week, corrected]) == [(SUNDAY, FOREVER, 7.0, True)]


def test_a_department_that_is_new_in_june_was_no_series_in_may(versions):
    june = dt.date(2017, 6, 10)
    known = {**DELI, "known_date": june}
    moved = [sale(n, 1, known=june) for n in range(2)]
    others = [sale(n, 1, department="MEAT") for n in range(7)]
    assert versions([*moved, *others], [known]) == [(june, FOREVER, 2.0, True)]


def test_holidays_and_the_plan_reach_the_week(weeks):
    plan = {"department": "DELI", "week_start_date": MONDAY, "promotion_share": 0.25}
    row = weeks([sale(0)], plan=[plan], days=calendar(MONDAY, holidays=(1, 3)))["DELI", MONDAY]
    assert (row.promotion_share, row.holiday_days) == (0.25, 2)
    assert weeks([sale(0)])["DELI", MONDAY].promotion_share == 0.0


def test_nothing_makes_nothing(weeks):
    assert weeks() == {}
