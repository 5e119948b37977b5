import datetime as dt

import pytest

from jobs.spark.silver.calendar import WEEKS_AHEAD


@pytest.fixture
def calendar(rows, made):
    """silver.calendar by date, of lines sold on the days given."""

    def build(*days):
        lines = rows("silver.order_lines", *({"business_date": day} for day in days))
        return {row.calendar_date: row for row in made("silver.calendar", lines)}

    return build


def test_it_covers_whole_weeks_and_the_weeks_ahead(calendar):
    found = calendar(dt.date(2017, 1, 4), dt.date(2017, 1, 10))  # Wednesday, Tuesday
    assert min(found) == dt.date(2017, 1, 2)
    assert max(found) == dt.date(2017, 1, 15) + dt.timedelta(weeks=WEEKS_AHEAD)
    assert len(found) == 14 + 7 * WEEKS_AHEAD


def test_weeks_are_numbered_as_the_source_does(calendar):
    found = calendar(dt.date(2017, 1, 1), dt.date(2017, 12, 31))
    assert found[dt.date(2017, 1, 1)].business_week == 1  # a Sunday, alone in its week
    assert found[dt.date(2017, 1, 2)].business_week == 2
    assert found[dt.date(2017, 12, 31)].business_week == 53
    assert found[dt.date(2018, 1, 1)].business_week == 54


def test_a_week_is_complete_when_each_of_its_days_has_sales(calendar):
    monday = dt.date(2017, 1, 2)
    week = [monday + dt.timedelta(days=n) for n in range(7)]
    found = calendar(*week, week[-1] + dt.timedelta(days=1))
    assert all(found[day].is_complete_week for day in week)
    next_monday = found[monday + dt.timedelta(weeks=1)]
    assert (next_monday.has_sales, next_monday.is_complete_week) == (True, False)


def test_a_week_with_a_closed_day_is_not_complete(calendar):
    christmas = [dt.date(2017, 12, 25 + n) for n in range(7)]
    found = calendar(*christmas[1:])
    assert not any(found[day].is_complete_week for day in christmas)
    assert found[christmas[0]].holiday_name == "Christmas Day"


def test_holidays_are_known_on_their_day_only(calendar):
    found = calendar(dt.date(2017, 11, 20))
    assert found[dt.date(2017, 11, 23)].holiday_name.startswith("Thanksgiving")
    assert found[dt.date(2017, 11, 24)].holiday_name is None
    # Veterans Day 2017 was a Saturday: the shops keep the day, not the Friday before
    assert not calendar(dt.date(2017, 11, 6))[dt.date(2017, 11, 10)].is_holiday


def test_monday_is_day_one(calendar):
    found = calendar(dt.date(2017, 1, 2))
    assert found[dt.date(2017, 1, 2)].day_of_week == 1
    assert found[dt.date(2017, 1, 8)].day_of_week == 7


def test_nothing_sold_makes_no_calendar(calendar):
    assert calendar() == {}
