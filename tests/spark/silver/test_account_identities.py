import datetime as dt

import pytest

MONDAY, TUESDAY = dt.date(2017, 3, 6), dt.date(2017, 3, 7)


@pytest.fixture
def identities(rows, made):
    """(customer, accounts, joined by, since) by account."""

    def build(accounts=("1", "2", "3"), matches=(), decisions=(), former=()):
        found = made(
            "silver.account_identities",
            rows(
                "silver.account_blocks",
                *({"block": f"account/{i}", "account_id": i} for i in accounts),
            ),
            rows("silver.account_matches", *matches),
            rows("bronze.identity_decisions", *decisions),
            rows("silver.former_accounts", *former),
        )
        assert sorted(r.account_id for r in found) == sorted(accounts)
        return {r.account_id: (r.customer_id, r.accounts, r.joined_by, r.since_date) for r in found}

    return build


def match(a, b, rule="key"):
    return {"account_id_a": a, "account_id_b": b, "rule": rule, "known_date": MONDAY}


def said(a, b, decision, hour=17, **told):
    at = dt.datetime(2017, 3, 7, hour, tzinfo=dt.UTC)
    told = {"decided_at": at, "_known_at": at, "_batch_id": f"decisions/{hour}", **told}
    return {"account_id_a": a, "account_id_b": b, "decision": decision, **told}


ALONE = {i: (i, 1, "itself", None) for i in "123"}


def test_a_match_makes_two_accounts_one_customer(identities):
    found = identities(matches=[match("1", "2")])
    assert found == {**ALONE, "1": ("1", 2, "itself", None), "2": ("1", 2, "key", MONDAY)}


def test_a_pair_in_doubt_stays_apart(identities):
    assert identities(matches=[match("1", "2", "review")]) == ALONE


def test_a_person_s_word_overrides_what_was_found_both_ways_round(identities):
    found = identities(
        matches=[match("1", "2"), match("2", "3", "review")],
        decisions=[said("2", "1", "different"), said("3", "2", "same")],
    )
    assert found == {**ALONE, "2": ("2", 2, "itself", None), "3": ("2", 2, "person", TUESDAY)}


def test_of_two_words_on_a_pair_the_later_one_holds(identities):
    words = [said("1", "2", "different", hour=19), said("2", "1", "same", hour=18)]
    assert identities(decisions=words) == ALONE
    assert identities(decisions=[*words, said("1", "2", "same", hour=20)])["2"][0] == "1"


def test_accounts_merged_in_the_crm_are_one_unless_somebody_says_otherwise(identities):
    merged = [{"account_id": "1", "merged_into": "2", "left_date": MONDAY}, {"account_id": "3"}]
    one = {"1": ("1", 2, "itself", None), "2": ("1", 2, "crm", MONDAY)}
    assert identities(former=merged) == {**ALONE, **one}
    assert identities(former=merged, decisions=[said("1", "2", "different")]) == ALONE


def test_a_word_about_an_account_that_is_not_there_is_kept_for_later(identities):
    assert identities(decisions=[said("1", "9", "same"), said("1", "1", "same")]) == ALONE


def test_no_accounts_make_no_rows(identities):
    assert identities(accounts=()) == {}


def test_who_objects_with_one_account_objects_with_all_of_them(rows, made):
    told = [("1", False, None), ("2", True, MONDAY), ("3", False, None)]
    names = ("account_id", "has_objected", "objected_date")
    blocks = [{"block": f"account/{t[0]}", **dict(zip(names, t, strict=True))} for t in told]
    found = made(
        "silver.account_identities",
        rows("silver.account_blocks", *blocks),
        rows("silver.account_matches", match("1", "2")),
        rows("bronze.identity_decisions"),
        rows("silver.former_accounts"),
    )
    said = {r.account_id: (r.has_objected, r.objected_date) for r in found}
    assert said == {"1": (True, MONDAY), "2": (True, MONDAY), "3": (False, None)}
