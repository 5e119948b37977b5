import datetime as dt

import pytest

from jobs.table import columns, table

DAY = dt.datetime(2017, 1, 2, 11, tzinfo=dt.UTC)
# enough others that a name is rare
CROWD = [
    {"account_id": f"x{n}", "display_name": f"Person{n} Nobody{n}", "postal_code": f"{n:05}"}
    for n in range(128)
]
ANNA = {
    "account_id": "1",
    "display_name": "Anna Müller",
    "email": "anna.mueller@example.com",
    "phone": "(212) 555-0123",
    "street": "5 Main Street",
    "postal_code": "02134",
}


@pytest.fixture
def matches(rows, made):
    """Rule and evidence by pair, each pair once."""

    def build(*accounts):
        bronze = rows("bronze.accounts", *({"_known_at": DAY, **a} for a in (*accounts, *CROWD)))
        blocks = table("silver.account_blocks").make(bronze, rows("silver.accounts"))
        found = made("silver.account_matches", blocks, bronze)
        by_pair = {(r.account_id_a, r.account_id_b): (r.rule, r.evidence) for r in found}
        assert len(by_pair) == len(found)
        return by_pair

    return build


def test_a_key_a_score_and_a_doubt_are_told_with_their_evidence(matches):
    key = {"account_id": "2", "display_name": "mueller anna", "phone": "212 555 0123"}
    # a slip of the pen, and a mailbox that moved
    slip = {**ANNA, "account_id": "3", "display_name": "Anna Mülller", "phone": None}
    slip["email"] = "anna.mueller@example.org"
    # nothing but the name
    doubt = {"account_id": "4", "display_name": "Anna Müller", "email": "other@example.com"}
    found = matches(ANNA, key, slip, doubt)
    assert found["1", "2"] == ("key", ["name_equal", "phone_equal"])
    assert found["1", "3"] == ("score", ["name_close", "email_close", "address_equal"])
    assert found["1", "4"] == ("review", ["name_equal", "email_other"])
    assert ("3", "4") not in found


def test_members_of_a_household_are_apart(matches):
    peter = {**ANNA, "account_id": "2", "display_name": "Peter Müller", "email": "p@example.com"}
    assert matches(ANNA, peter) == {}


def test_only_the_newest_words_are_compared(matches):
    before = {**ANNA, "account_id": "2", "_batch_id": "crm/1"}
    now = {"account_id": "2", "display_name": "Peter Brown", "_batch_id": "crm/2"}
    assert matches(ANNA, {**before, "_known_at": DAY}, {**now, "_known_at": DAY}) == {}


def test_no_name_and_no_address_leaves_bronze():
    names = {column.name for column in columns(table("silver.account_matches").full_schema)}
    assert not names & {"display_name", "email", "phone", "street", "postal_code"}


def test_no_accounts_make_no_pairs(matches):
    assert matches() == {}
