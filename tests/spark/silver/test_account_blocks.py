import datetime as dt

import pytest

from jobs.spark.silver.account_blocks import MAX_BLOCK
from jobs.table import columns, table

ANNA = {
    "account_id": "1",
    "display_name": "Anna Müller",
    "email": "anna.mueller@example.com",
    "phone": "(212) 555-0123",
    "street": "5 Main Street",
    "postal_code": "02134",
}
AGAIN = {
    "account_id": "2",
    "display_name": "MUELLER, Anna",
    "email": "Anna.Mueller+shop@Example.com",
    "phone": "+1 212 555 0123",
    "street": "5 Main St.",
    "postal_code": "02134",
}
KINDS = {"email", "mailbox", "phone", "address", "name", "place"}


def day(number: int, hour: int = 11) -> dt.datetime:
    return dt.datetime(2017, 1, number, hour, tzinfo=dt.UTC)


@pytest.fixture
def blocks(rows, made):
    def build(*accounts, in_crm=("1",)):
        crm = rows("silver.accounts", *({"account_id": i} for i in in_crm))
        return made("silver.account_blocks", rows("bronze.accounts", *accounts), crm)

    return build


def kinds(found, account_id):
    return sorted(r.block.split("/")[0] for r in found if r.account_id == account_id)


def test_accounts_that_share_something_share_its_block(blocks):
    found = blocks(ANNA, AGAIN)
    shared = sorted([*KINDS - {"place"}, "place", "place", "account"])
    assert kinds(found, "1") == kinds(found, "2") == shared
    by_account = {r.account_id: r for r in found}
    assert {*by_account["1"].blocks} == {r.block for r in found if r.block[:7] != "account"}
    assert by_account["1"].is_active
    assert not by_account["2"].is_active
    # of two accounts both have each value: nothing is rare
    assert (by_account["1"].word_bits, by_account["1"].email_bits) == ([0, 0], 0)
    assert by_account["1"].filled_fields == 5


def test_who_shares_nothing_has_a_block_of_its_own_alone(blocks):
    other = {"account_id": "2", "display_name": "Peter Brown", "email": "peter@example.com"}
    found = blocks(ANNA, other, {"account_id": "3"})
    assert sorted((r.account_id, r.blocks) for r in found) == [("1", []), ("2", []), ("3", [])]
    empty = next(r for r in found if r.account_id == "3")
    assert (empty.word_bits, empty.email_bits, empty.filled_fields) == ([], None, 0)


def test_a_block_of_too_many_is_left_out_and_told(blocks):
    switchboard = {"phone": "(212) 555-0100"}
    found = blocks(*({"account_id": str(n), **switchboard} for n in range(MAX_BLOCK + 1)))
    assert {r.skipped_blocks for r in found} == {1}
    assert {r.block.split("/")[0] for r in found} == {"account"}
    full = blocks(*({"account_id": str(n), **switchboard} for n in range(MAX_BLOCK)))
    assert {r.skipped_blocks for r in full} == {0}
    assert len(full) == 2 * MAX_BLOCK


def test_what_was_told_last_is_compared_and_the_first_day_is_kept(blocks):
    old = {**ANNA, "email": "a@example.com", "_batch_id": "crm/1", "_known_at": day(2)}
    old["has_objected"] = True  # and took it back
    new = {**ANNA, "_batch_id": "crm/2", "_known_at": day(5)}
    same = {**ANNA, "_batch_id": "crm/3", "_known_at": day(9)}
    other = {**AGAIN, "_batch_id": "crm/3", "_known_at": day(9)}
    found = blocks(old, new, same, other)
    mine = next(r for r in found if r.account_id == "1")
    # complete in the morning: known by the closing of the day before
    assert (mine.first_known_date, mine.known_date) == (dt.date(2017, 1, 1), dt.date(2017, 1, 4))
    assert not mine.has_objected
    assert "email" in kinds(found, "1")


def test_rarity_is_counted_in_powers_of_two(blocks):
    others = [{"account_id": str(n), "display_name": f"Peter No{n}"} for n in range(2, 9)]
    found = blocks({"account_id": "1", "display_name": "Anna Brown"}, *others)
    bits = {r.account_id: r.word_bits for r in found}
    assert {r.population_bits for r in found} == {3}
    assert bits["1"] == [3, 3]
    assert bits["2"] == [3, 1]  # no2, and peter of whom there are seven


def test_no_name_and_no_address_leaves_bronze():
    names = {column.name for column in columns(table("silver.account_blocks").full_schema)}
    assert not names & {"display_name", "email", "phone", "street", "postal_code"}


def test_an_empty_crm_makes_no_rows(blocks):
    assert blocks(in_crm=()) == []
