import datetime as dt

import pytest

from jobs.table import FOREVER


def march(day):
    return dt.date(2017, 3, day)


def sold(day, known=None, department="DELI", **told):
    return {
        "department": department,
        "business_date": march(day),
        "known_date": march(known or day),
        **told,
    }


@pytest.fixture
def departments(rows, made):
    """(department, first sale, known, superseded)."""

    def build(*days):
        found = made("features.departments", rows("features.department_days", *days))
        return sorted(
            (row.department, row.first_sale_date, row.known_date, row.superseded_date)
            for row in found
        )

    return build


def test_a_department_begins_with_its_first_sale(departments):
    assert departments(sold(6), sold(5), sold(7), sold(9, department="MEAT")) == [
        ("DELI", march(5), march(5), FOREVER),
        ("MEAT", march(9), march(9), FOREVER),
    ]


def test_an_earlier_sale_that_came_late_counts_from_when_it_was_known(departments):
    assert departments(sold(5), sold(3, known=8), sold(4, known=9)) == [
        ("DELI", march(3), march(8), FOREVER),
        ("DELI", march(5), march(5), march(8)),
    ]


def test_a_first_sale_that_is_taken_back_stays(departments):
    taken_back = sold(3, superseded_date=march(20))
    assert departments(taken_back, sold(5)) == [("DELI", march(3), march(3), FOREVER)]


def test_no_sales_make_no_departments(departments):
    assert departments() == []
