import datetime as dt

import pytest

from jobs.spark.silver.product_classes import BEGINNING
from jobs.table import FOREVER

MAY, JUNE, JULY = dt.date(2017, 5, 1), dt.date(2017, 6, 10), dt.date(2017, 7, 1)


def listed(known, until=FOREVER, department="GROCERY", first=False, **told):
    """What was believed without end."""
    return {
        "product_id": "milk",
        "valid_to": None,
        "known_date": known,
        "superseded_date": until,
        "department": department,
        "is_in_first_list": first,
        **told,
    }


@pytest.fixture
def classes(rows, made):
    """(known, superseded, department) of milk."""

    def build(*told):
        found = made("silver.product_classes", rows("silver.product_history", *told))
        assert all(row.is_listed == (row.department is not None) for row in found)
        return sorted((row.known_date, row.superseded_date, row.department) for row in found)

    return build


def test_the_first_list_of_all_counts_from_the_beginning(classes):
    assert classes(listed(MAY, first=True)) == [(BEGINNING, FOREVER, "GROCERY")]


def test_a_product_of_a_later_list_was_not_listed_before_it(classes):
    assert classes(listed(MAY)) == [(BEGINNING, MAY, None), (MAY, FOREVER, "GROCERY")]


def test_a_product_that_moves_is_of_its_old_department_until_that_is_known(classes):
    told = [listed(MAY, JUNE, first=True), listed(JUNE, department="DAIRY")]
    # that it was of the old one for so long is believed from then on: no class of today
    ended = listed(JUNE, valid_to=JUNE)
    assert classes(*told, ended) == [
        (BEGINNING, JUNE, "GROCERY"),
        (JUNE, FOREVER, "DAIRY"),
    ]


def test_a_product_that_was_left_out_meanwhile_was_of_no_department(classes):
    assert classes(listed(MAY, JUNE, first=True), listed(JULY)) == [
        (BEGINNING, JUNE, "GROCERY"),
        (JUNE, JULY, None),
        (JULY, FOREVER, "GROCERY"),
    ]
    assert classes(listed(MAY, JUNE, first=True))[-1] == (JUNE, FOREVER, None)


def test_a_new_brand_is_no_new_class(classes):
    told = [listed(MAY, JUNE, first=True), listed(JUNE, brand="Private")]
    assert classes(*told) == [(BEGINNING, FOREVER, "GROCERY")]


def test_no_list_makes_no_rows(classes):
    assert classes() == []
