import datetime as dt

import pytest

from jobs.table import FOREVER


def listed(day, product_id="milk", hour=11, **attributes):
    """A product in the ERP's list of a day of January: at 11 UTC it is 06:00 at the shop."""
    return {
        "product_id": product_id,
        "_batch_id": f"erp/{day}/{hour}",
        "_known_at": dt.datetime(2017, 1, day, hour, tzinfo=dt.UTC),
        **attributes,
    }


@pytest.fixture
def periods(rows, made):
    """(known, superseded, from, to, department) of milk, days of January 2017; 0: no end."""

    def build(*told):
        def day(date):
            return 0 if date in (None, FOREVER) else date.day

        found = made("silver.product_history", rows("bronze.products", *told))
        return sorted(
            (
                day(row.known_date),
                day(row.superseded_date),
                day(row.valid_from),
                day(row.valid_to),
                row.department,
            )
            for row in found
            if row.product_id == "milk"
        )

    return build


def test_a_change_ends_what_was_believed_without_end_and_begins_another(periods):
    found = periods(
        listed(5, department="GROCERY"),
        listed(6, department="GROCERY"),
        listed(9, department="DAIRY"),
    )
    # the list of 06:00 on the 5th is known by the closing of the 4th, which is at noon of the 5th
    assert found == [
        (4, 8, 5, 0, "GROCERY"),
        (8, 0, 5, 9, "GROCERY"),
        (8, 0, 9, 0, "DAIRY"),
    ]


def test_a_product_that_a_list_leaves_out_is_not_listed_from_then_on(periods):
    found = periods(
        listed(5, department="GROCERY"),
        listed(7, "bread"),
        listed(9, department="GROCERY"),
    )
    assert found == [
        (4, 6, 5, 0, "GROCERY"),
        (6, 0, 5, 7, "GROCERY"),
        (8, 0, 9, 0, "GROCERY"),
    ]


def test_of_two_lists_known_by_one_closing_the_last_counts(periods):
    found = periods(
        listed(5, department="GROCERY"),
        listed(8, hour=20, department="MEAT"),  # 15:00 on the 8th
        listed(9, department="DAIRY"),
    )
    assert found[0] == (4, 8, 5, 0, "GROCERY")
    assert found[1:] == [(8, 0, 5, 9, "GROCERY"), (8, 0, 9, 0, "DAIRY")]


def test_an_attribute_that_becomes_unknown_is_a_change(periods):
    found = periods(listed(5, product_type="FLUID MILK"), listed(6, product_type=None))
    assert len(found) == 3


def test_only_what_the_very_first_list_says_is_marked_as_of_it(rows, made):
    told = [listed(5), listed(6), listed(6, "bread")]
    found = made("silver.product_history", rows("bronze.products", *told))
    assert {row.product_id: row.is_in_first_list for row in found} == {"milk": True, "bread": False}


def test_no_list_makes_no_rows(periods):
    assert periods() == []
