import pytest

from tests.spark.silver.crm_batches import said, snapshot


@pytest.fixture
def former(rows, made):
    """account → (reason, merged into, day of January on which it was first told)."""

    def build(*told):
        found = made("silver.former_accounts", rows("bronze.accounts", *told))
        return {r.account_id: (r.reason, r.merged_into, r.left_date.day) for r in found}

    return build


def test_it_says_why_and_since_when(former):
    told = [
        *snapshot(1, "stays", "deleted", "aside", "merged", "aside and deleted", "back"),
        said(2, "aside", is_active=False),
        said(2, "aside and deleted", is_active=False),
        said(2, "back", is_active=False),
        said(3, "merged", is_active=False, merged_into="stays"),
        said(3, "back"),
        *snapshot(4, "stays", "back"),
        *snapshot(4, "aside", is_active=False),
        *snapshot(4, "merged", is_active=False, merged_into="stays"),
        *snapshot(8, "stays", "back"),
        *snapshot(8, "aside", is_active=False),
        *snapshot(8, "merged", is_active=False, merged_into="stays"),
        said(9, "new"),
    ]
    expected = {
        "deleted": ("deleted", None, 4),
        "aside": ("inactive", None, 2),
        "merged": ("merged", "stays", 3),
        "aside and deleted": ("deleted", None, 2),
    }
    assert former(*told) == expected
    assert former(*reversed(told)) == expected


def test_who_was_never_there_left_when_that_was_told(former):
    assert former(*snapshot(1, "7", is_active=False)) == {"7": ("inactive", None, 1)}


def test_nobody_told_of_nobody_gone(former):
    assert former() == {}
    assert former(*snapshot(1, "7"), said(2, "8")) == {}
