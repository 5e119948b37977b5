import datetime as dt

import pytest

from jobs.table import FOREVER


def march(day):
    return dt.date(2017, 3, day)


def line(known=5, until=None, **told):
    return {
        "business_date": march(5),
        "department": "DELI",
        "known_date": march(known),
        "superseded_date": march(until) if until else FOREVER,
        "sales_usd": 2,
        **told,
    }


@pytest.fixture
def days(rows, made):
    """(department, day, known, superseded, USD); lines that end are those believed no more."""

    def build(*lines):
        now = [one for one in lines if one["superseded_date"] == FOREVER]
        once = [one for one in lines if one["superseded_date"] != FOREVER]
        found = made(
            "features.department_days",
            rows("silver.order_lines", *now),
            rows("silver.order_lines_superseded", *once),
        )
        return sorted(
            (
                row.department,
                row.business_date.day,
                row.known_date,
                row.superseded_date,
                row.sales_usd,
            )
            for row in found
        )

    return build


def test_a_day_known_at_once_is_one_row(days):
    found = days(line(), line(sales_usd=3), line(department=None, sales_usd=1))
    assert found == [
        ("DELI", 5, march(5), FOREVER, 5),
        ("UNKNOWN", 5, march(5), FOREVER, 1),
    ]


def test_a_late_line_is_in_the_day_from_when_it_was_known(days):
    assert days(line(), line(known=9, sales_usd=3)) == [
        ("DELI", 5, march(5), march(9), 2),
        ("DELI", 5, march(9), FOREVER, 5),
    ]


def test_a_correction_replaces_what_was_believed(days):
    assert days(line(until=9), line(known=9, sales_usd=3), line(sales_usd=10)) == [
        ("DELI", 5, march(5), march(9), 12),
        ("DELI", 5, march(9), FOREVER, 13),
    ]


def test_a_product_that_moves_takes_its_sales_along(days):
    moved = line(known=9, department="MEAT")
    assert days(line(until=9), moved) == [
        ("DELI", 5, march(5), march(9), 2),
        ("MEAT", 5, march(9), FOREVER, 2),
    ]


def test_a_correction_of_something_else_than_the_amount_makes_no_period(days):
    assert days(line(until=9), line(known=9)) == [("DELI", 5, march(5), FOREVER, 2)]


def test_no_lines_make_no_rows(days):
    assert days() == []
