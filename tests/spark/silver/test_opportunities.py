import datetime as dt
from decimal import Decimal

import pytest


def said(day, opportunity_id="7", mode="changes", known=None, system="crm", **told):
    """An opportunity in a batch of a day of January 2017, known in the next morning."""
    return {
        "opportunity_id": opportunity_id,
        "status": "open",
        "as_of_date": dt.date(2017, 1, day),
        "_batch_id": f"{system}/2017-01-{day:02d}.001",
        "_known_at": dt.datetime(2017, 1, (known or day) + 1, 11, tzinfo=dt.UTC),
        "_mode": mode,
        **told,
    }


def snapshot(day, *opportunities, **told):
    return [said(day, each, mode="snapshot", **told) for each in opportunities]


@pytest.fixture
def opportunities(rows, made):
    def build(*told, identities=()):
        customers = rows("silver.account_identities", *identities)
        found = made("silver.opportunities", rows("bronze.opportunities", *told), customers)
        return {row.opportunity_id: row for row in found}

    return build


def test_the_latest_version_wins_and_one_that_a_snapshot_lacks_is_gone(opportunities):
    told = [
        *snapshot(1, "7", "8", "gone", stage="New"),
        said(2, "8", stage="before the snapshot"),
        *snapshot(3, "7", "8", stage="Qualified"),
        said(4, "8", stage="Proposition"),
        said(4, "new", stage="New"),
    ]
    found = opportunities(*told)
    stages = {i: row.stage for i, row in found.items()}
    assert stages == {"7": "Qualified", "8": "Proposition", "new": "New"}
    assert opportunities(*reversed(told)) == found, "whatever the order in which they came"


def test_a_snapshot_that_came_late_changes_nothing_newer(opportunities):
    late = snapshot(2, "7", "gone", stage="old", known=9)
    found = opportunities(*snapshot(3, "7", stage="new"), *late)
    assert {i: row.stage for i, row in found.items()} == {"7": "new"}


def test_a_snapshot_says_nothing_of_what_another_system_has(opportunities):
    others = snapshot(2, "9", system="crm_other")
    assert set(opportunities(*snapshot(3, "7"), *others)) == {"7", "9"}


def test_those_lost_are_there_and_those_put_aside_while_open_are_not(opportunities):
    found = opportunities(
        said(1, "lost", status="lost", is_active=False),
        said(1, "won", status="won"),
        said(1, "put aside", is_active=False),
    )
    assert {i: row.status for i, row in found.items()} == {"lost": "lost", "won": "won"}


def test_the_customer_is_the_survivor_of_several_accounts_or_nobody(opportunities):
    merged = {"account_id": "dup", "customer_id": "101"}
    told = [said(1, i, account_id=i if i != "nobody" else None) for i in ("dup", "5", "nobody")]
    found = opportunities(*told, identities=[merged])
    assert {i: row.account_id for i, row in found.items()} == {
        "dup": "101",
        "5": "5",
        "nobody": None,
    }


def test_an_amount_keeps_its_currency(opportunities):
    found = opportunities(said(1, expected_amount="1200.5", currency_code="EUR"))
    row = found["7"]
    assert (row.expected_amount, row.currency_code) == (Decimal("1200.5000"), "EUR")


def test_a_crm_without_opportunities_makes_no_rows(opportunities):
    assert opportunities() == {}
