import datetime as dt

MONDAY = dt.date(2017, 3, 6)


def week(monday, number, sold):
    """Seven days, of which those of `sold` (1 = Monday) have sales."""
    return [
        {
            "calendar_date": monday + dt.timedelta(days=n - 1),
            "week_start_date": monday,
            "business_week": number,
            "day_of_week": n,
            "has_sales": n in sold,
        }
        for n in range(1, 8)
    ]


def closed(rows, made, *days):
    found = made("gold.closed_weeks", rows("silver.calendar", *days))
    return [(row.week_start_date, row.week_end_date, row.business_week) for row in found]


def test_a_week_is_over_with_its_sunday(rows, made):
    assert closed(rows, made, *week(MONDAY, 11, range(1, 7))) == []
    assert closed(rows, made, *week(MONDAY, 11, range(1, 8))) == [
        (MONDAY, dt.date(2017, 3, 12), 11)
    ]


def test_a_week_without_a_sunday_is_over_with_the_next_sale(rows, made):
    later = MONDAY + dt.timedelta(days=7)
    found = closed(rows, made, *week(MONDAY, 11, {1, 6}), *week(later, 12, {2}))
    assert found == [(MONDAY, dt.date(2017, 3, 12), 11)]


def test_where_nothing_was_sold_no_week_is_over(rows, made):
    assert closed(rows, made, *week(MONDAY, 11, {})) == []
    assert closed(rows, made) == []
