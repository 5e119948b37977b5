import datetime as dt

import pytest


def said(day, activity_id="7", mode="changes", system="crm", **told):
    """An activity in a batch of a day of January 2017, known in the next morning."""
    return {
        "source_object": "mail.activity",
        "activity_id": activity_id,
        "as_of_date": dt.date(2017, 1, day),
        "_batch_id": f"{system}/2017-01-{day:02d}.001",
        "_known_at": dt.datetime(2017, 1, day + 1, 11, tzinfo=dt.UTC),
        "_mode": mode,
        **told,
    }


@pytest.fixture
def activities(rows, made):
    def build(*told, identities=()):
        customers = rows("silver.account_identities", *identities)
        found = made("silver.activities", rows("bronze.activities", *told), customers)
        return {(row.source_object, row.activity_id): row for row in found}

    return build


def test_one_that_was_done_stays_and_one_that_was_deleted_is_gone(activities):
    day = dt.date(2017, 1, 2)
    found = activities(
        *(said(1, i, mode="snapshot") for i in ("done", "deleted")),
        said(2, "done", is_active=False, done_date=day),
        *(said(3, i, mode="snapshot", is_active=False, done_date=day) for i in ("done",)),
    )
    assert [(i, row.is_done, row.done_date) for (_, i), row in found.items()] == [
        ("done", True, day)
    ]


def test_two_kinds_of_records_share_numbers_and_are_read_apart(activities):
    of_deals = "crm_activities_of_opportunities"
    found = activities(
        said(3, mode="snapshot"),
        said(2, source_object="task", mode="snapshot", system="crm_tasks"),
        said(1, "9", mode="snapshot", system=of_deals, opportunity_id="5"),
    )
    assert set(found) == {("mail.activity", "7"), ("task", "7"), ("mail.activity", "9")}
    assert found["mail.activity", "9"].opportunity_id == "5"


def test_the_customer_is_the_survivor_of_several_accounts_or_nobody(activities):
    merged = {"account_id": "dup", "customer_id": "101"}
    told = [said(1, "1", account_id="dup"), said(1, "2", account_id=None)]
    found = activities(*told, identities=[merged])
    assert [row.account_id for row in found.values()] == ["101", None]


def test_a_crm_without_activities_makes_no_rows(activities):
    assert activities() == {}
