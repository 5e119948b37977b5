import datetime as dt
from decimal import Decimal

import pytest

SUNDAY = dt.date(2017, 3, 5)
MORNING_AFTER = dt.datetime(2017, 3, 6, 11, tzinfo=dt.UTC)  # 06:00 in New York on the 6th
JUNE = dt.date(2017, 6, 10)


def known(days):
    """By how many days after its own a line's drop was known, and the batch that it came with."""
    return {
        "_known_at": MORNING_AFTER + dt.timedelta(days=days),
        "_batch_id": f"till/{SUNDAY + dt.timedelta(days=days)}",
    }


def line(days=0, **told):
    return {
        "order_id": "1",
        "product_id": "milk",
        "sold_at": dt.datetime(2017, 3, 5, 15, tzinfo=dt.UTC),
        "sales_usd": 2,
        **known(days),
        **told,
    }


MILK = {"product_id": "milk", "department": "GROCERY"}
MOVED = [
    {**MILK, "superseded_date": JUNE},
    {**MILK, "department": "DAIRY", "known_date": JUNE},
]


@pytest.fixture
def superseded(rows, made):
    """(business, known, superseded in March; USD; department) of what is believed no more."""

    def build(*lines, listed=(MILK,)):
        classes = rows("silver.product_classes", *listed)
        lines = rows("bronze.order_lines", *lines)
        found = made(
            "silver.order_lines_superseded", lines, classes, rows("silver.account_identities")
        )
        return sorted(
            (row.business_date, row.known_date, row.superseded_date, row.sales_usd, row.department)
            for row in found
        )

    return build


def march(day):
    return dt.date(2017, 3, day)


def test_a_corrected_line_was_believed_until_its_correction_was_known(superseded):
    found = superseded(line(), line(3, sales_usd=3))
    assert found == [(march(5), march(5), march(8), Decimal(2), "GROCERY")]


def test_each_version_but_the_last_is_there_and_a_copy_is_no_version(superseded):
    found = superseded(line(), line(1), line(3, sales_usd=3), line(4), line(6, sales_usd=4))
    assert [(known.day, until.day, int(usd)) for _, known, until, usd, _ in found] == [
        (5, 8, 2),
        (8, 9, 3),
        (9, 11, 2),
    ]


def test_what_was_replaced_by_the_same_closing_was_never_believed(superseded):
    noon = MORNING_AFTER + dt.timedelta(hours=2)
    assert superseded(line(), line(sales_usd=3, _known_at=noon)) == []


def test_a_version_of_another_day_lies_in_its_own_day(superseded):
    moved = line(3, sold_at=dt.datetime(2017, 3, 2, 15, tzinfo=dt.UTC))
    assert superseded(line(), moved) == [(march(5), march(5), march(8), Decimal(2), "GROCERY")]


def test_a_line_dated_ahead_of_its_drop_is_believed_from_its_day_and_not_beside_another(superseded):
    ahead = line(1, sold_at=dt.datetime(2017, 3, 20, 15, tzinfo=dt.UTC))
    # by the 6th the line of the 5th is gone, and that of the 20th is still to come
    assert superseded(line(), ahead, line(2)) == [
        (march(5), march(5), march(6), Decimal(2), "GROCERY")
    ]


def test_a_line_is_believed_in_the_old_department_until_the_new_list_is_known(superseded):
    assert superseded(line(), listed=MOVED) == [(march(5), march(5), JUNE, Decimal(2), "GROCERY")]


def test_a_late_line_of_a_product_that_has_moved_was_never_of_its_old_department(superseded):
    late = line(98)  # known by the closing of the 11th of June
    assert superseded(late, listed=MOVED) == []
    # and a correction of such a line: in the new department only
    assert superseded(line(97), line(99, sales_usd=3), listed=MOVED) == [
        (march(5), JUNE, JUNE + dt.timedelta(days=2), Decimal(2), "DAIRY")
    ]


def test_a_product_was_unknown_before_a_later_list_had_it(superseded):
    unlisted = {"product_id": "milk", "is_listed": False, "superseded_date": JUNE}
    listed = [unlisted, {**MILK, "known_date": JUNE}]
    assert superseded(line(), listed=listed) == [(march(5), march(5), JUNE, Decimal(2), None)]


def test_lines_told_once_make_no_rows(superseded):
    assert superseded() == []
    assert superseded(line(), line(order_id="2"), listed=()) == []
