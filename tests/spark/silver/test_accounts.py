import datetime as dt

import pytest

from jobs.table import columns, table
from tests.spark.silver.crm_batches import said, snapshot


@pytest.fixture
def accounts(rows, made):
    def build(*told):
        found = made("silver.accounts", rows("bronze.accounts", *told))
        return {row.account_id: row for row in found}

    return build


def test_the_newest_snapshot_says_who_there_is_and_changes_lie_over_it(accounts):
    told = [
        *snapshot(1, "7", "8", "gone", age_band="45-54"),
        said(2, "8", age_band="before the snapshot"),
        *snapshot(3, "7", "8", "9", age_band="55-64"),
        said(3, "9", age_band="65+", number=2),
        said(4, "new"),
    ]
    found = accounts(*told)
    assert {a: row.age_band for a, row in found.items()} == {
        "7": "55-64",
        "8": "55-64",
        "9": "65+",
        "new": None,
    }
    assert accounts(*reversed(told)) == found, "whatever the order in which they came"


def test_a_snapshot_that_came_late_changes_nothing_newer(accounts):
    late = snapshot(2, "7", "gone", age_band="old", known=9)
    found = accounts(*snapshot(3, "7", age_band="new"), *late)
    assert {a: row.age_band for a, row in found.items()} == {"7": "new"}


def test_who_was_put_aside_or_merged_is_not_there_and_may_come_back(accounts):
    found = accounts(
        *snapshot(1, "7", "8", "9"),
        said(2, "7", is_active=False),
        said(2, "8", is_active=False, merged_into="9"),
        said(2, "9", is_active=False),
        said(3, "9"),
    )
    assert list(found) == ["9"]


def test_changes_alone_make_customers_too(accounts):
    assert list(accounts(said(1, "7"))) == ["7"]


def test_who_objects_is_not_contactable_from_the_day_it_was_said(accounts):
    day = dt.date(2017, 1, 2)
    found = accounts(
        *snapshot(1, "never asked", "objects", "took it back", has_objected=None),
        said(2, "objects", has_objected=True, objected_date=day),
        said(2, "took it back", has_objected=False, objected_date=day),
    )
    assert {a: (row.is_contactable, row.objected_date) for a, row in found.items()} == {
        "never asked": (True, None),
        "objects": (False, day),
        "took it back": (True, None),
    }


def test_who_looks_after_a_customer_is_whom_the_crm_named_last(accounts):
    found = accounts(
        *snapshot(1, "7", "8", "9", rep_id="2"),
        said(2, "7", rep_id="5"),
        said(2, "8", rep_id=None),
    )
    assert {a: row.rep_id for a, row in found.items()} == {"7": "5", "8": None, "9": "2"}


def test_names_and_addresses_stay_in_bronze():
    names = {column.name for column in columns(table("silver.accounts").full_schema)}
    assert not names & {"display_name", "email"}


def test_an_empty_crm_makes_no_rows(accounts):
    assert accounts() == {}
