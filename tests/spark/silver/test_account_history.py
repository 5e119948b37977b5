import datetime as dt

import pytest

from jobs.table import FOREVER, as_known, table
from tests.spark.silver.crm_batches import said, snapshot


def number(date):
    return None if date in (None, FOREVER) else date.day


@pytest.fixture
def history(rows, made):
    """(from, to, home ownership, known, superseded) of account 7, days of January; None: open."""

    def build(*told):
        found = made("silver.account_history", rows("bronze.accounts", *told))
        return sorted(
            (
                (
                    *(number(row.valid_from), number(row.valid_to), row.home_ownership),
                    *(number(row.known_date), number(row.superseded_date)),
                )
                for row in found
                if row.account_id == "7"
            ),
            key=lambda row: (row[3], row[0]),
        )

    return build


@pytest.fixture
def periods(history):
    """(from, to, home ownership) as believed now."""

    def build(*told):
        return [row[:3] for row in history(*told) if row[4] is None]

    return build


def test_a_change_ends_one_period_and_begins_the_next(history):
    assert history(
        *snapshot(1, "7", home_ownership="Renter"),
        *snapshot(2, "7", home_ownership="Renter"),
        said(3, home_ownership="Homeowner"),
    ) == [
        (1, None, "Renter", 1, 3),
        (1, 3, "Renter", 3, None),
        (3, None, "Homeowner", 3, None),
    ]


def test_a_snapshot_that_came_late_supersedes_what_was_believed_and_rewrites_nothing(history):
    told = [
        said(1, home_ownership="Renter"),
        said(5, home_ownership="Renter"),
        *snapshot(3, "7", home_ownership="Homeowner", known=7),
    ]
    expected = [
        (1, None, "Renter", 1, 7),
        (1, 3, "Renter", 7, None),
        (3, 5, "Homeowner", 7, None),
        (5, None, "Renter", 7, None),
    ]
    assert history(*told) == expected
    assert history(*reversed(told)) == expected, "whatever the order in which they came"


def test_what_was_believed_again_later_is_two_beliefs(history):
    assert history(
        said(1, home_ownership="Renter"),
        said(1, home_ownership="Homeowner", known=3),
        said(1, home_ownership="Renter", known=5),
    ) == [
        (1, None, "Renter", 1, 3),
        (1, None, "Homeowner", 3, 5),
        (1, None, "Renter", 5, None),
    ]


def test_as_known_on_a_day_there_is_one_state_a_day(rows):
    told = rows(
        "bronze.accounts",
        said(1, home_ownership="Renter"),
        said(5, home_ownership="Renter"),
        *snapshot(3, "7", home_ownership="Homeowner", known=7),
    )
    frame = table("silver.account_history").make(told)

    def believed(day):
        known = frame.where(as_known("silver.account_history", dt.date(2017, 1, day)))
        return [r.home_ownership for r in known.orderBy("valid_from").collect()]

    assert believed(6) == ["Renter"]
    assert believed(7) == ["Renter", "Homeowner", "Renter"]


def test_an_unknown_is_a_state_like_others(periods):
    assert periods(said(1, home_ownership="Renter"), said(2)) == [(1, 2, "Renter"), (2, None, None)]
    assert periods(said(1), said(2)) == [(1, None, None)]


def test_an_account_missing_in_a_snapshot_was_not_there_then(periods):
    assert periods(
        *snapshot(1, "7", home_ownership="Renter"),
        *snapshot(2, "8"),
        *snapshot(3, "7", home_ownership="Renter"),
    ) == [(1, 2, "Renter"), (3, None, "Renter")]


def test_who_was_put_aside_or_merged_was_not_there_then(periods):
    assert periods(said(1), said(2, is_active=False), said(4)) == [(1, 2, None), (4, None, None)]
    assert periods(said(1), said(2, is_active=False, merged_into="8")) == [(1, 2, None)]


def test_of_what_is_told_of_one_day_the_last_counts(periods):
    assert periods(
        said(1, home_ownership="Renter"),
        said(2, home_ownership="Homeowner"),
        said(2, home_ownership="Renter", number=2),
    ) == [(1, None, "Renter")]


def test_an_objection_is_a_period_of_its_own(rows, made):
    found = made(
        "silver.account_history",
        rows("bronze.accounts", said(1), said(2, has_objected=True)),
    )
    believed = [row for row in found if row.superseded_date == FOREVER]
    assert {row.valid_from.day: row.is_contactable for row in believed} == {1: True, 2: False}


def test_no_batch_makes_no_rows(periods):
    assert periods() == []
