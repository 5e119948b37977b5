import datetime as dt

import pytest


def day(number: int, hour: int = 11) -> dt.datetime:
    return dt.datetime(2017, 1, number, hour, tzinfo=dt.UTC)


def said(number, account_id="7", hour=11, **attributes):
    return {
        "account_id": account_id,
        "_batch_id": f"crm/{number}/{hour}",
        "_known_at": day(number, hour),
        **attributes,
    }


@pytest.fixture
def periods(rows, made):
    """(from, to, home ownership) of account 7, days of January 2017."""

    def build(*told):
        found = made("silver.account_history", rows("bronze.accounts", *told))
        return sorted(
            (row.valid_from.day, row.valid_to and row.valid_to.day, row.home_ownership)
            for row in found
            if row.account_id == "7"
        )

    return build


def test_a_change_ends_one_period_and_begins_the_next(periods):
    assert periods(
        said(1, home_ownership="Renter"),
        said(2, home_ownership="Renter"),
        said(3, home_ownership="Homeowner"),
    ) == [(1, 3, "Renter"), (3, None, "Homeowner")]


def test_a_change_to_unknown_is_a_change(periods):
    found = periods(said(1, home_ownership="Renter"), said(2, home_ownership=None))
    assert found == [(1, 2, "Renter"), (2, None, None)]


def test_an_unknown_that_stays_unknown_is_one_period(periods):
    assert periods(said(1), said(2)) == [(1, None, None)]


def test_an_account_missing_in_a_snapshot_was_not_there_then(periods):
    assert periods(
        said(1, home_ownership="Renter"),
        said(2, account_id="8"),  # a snapshot without account 7
        said(3, home_ownership="Renter"),
    ) == [(1, 2, "Renter"), (3, None, "Renter")]


def test_of_two_snapshots_of_a_day_the_later_counts(periods):
    assert periods(
        said(1, home_ownership="Renter"),
        said(2, hour=11, home_ownership="Homeowner"),
        said(2, hour=15, home_ownership="Renter"),
    ) == [(1, None, "Renter")]


def test_a_change_and_back_is_three_periods(periods):
    assert periods(
        said(1, home_ownership="Renter"),
        said(2, home_ownership="Homeowner"),
        said(3, home_ownership="Renter"),
    ) == [(1, 2, "Renter"), (2, 3, "Homeowner"), (3, None, "Renter")]


def test_no_snapshot_makes_no_rows(periods):
    assert periods() == []
