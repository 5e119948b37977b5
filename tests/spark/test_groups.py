"""Pairs become groups: what contradicts is not joined, and the order of pairs does not count."""

import datetime as dt
from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobs.spark.groups import BY_PEOPLE, JOINING, Account, Member, Pair, joined

DAY = dt.date(2017, 3, 5)


def account(account_id: str, **told: Any) -> Account:
    plain = {"is_active": True, "filled_fields": 3, "first_known_date": DAY}
    return Account(account_id, **{**plain, **told})


def pair(a: str | Account, b: str | Account, rule: Any = "key", bits: float = 5.0) -> Pair:
    sides = (each if isinstance(each, Account) else account(each) for each in (a, b))
    return Pair(*sides, rule, bits, DAY)


def groups(*pairs: Pair) -> set[tuple[str, ...]]:
    customers: dict[str, list[str]] = {}
    for member in joined(pairs):
        customers.setdefault(member.customer_id, []).append(member.account_id)
    return {tuple(sorted(ids)) for ids in customers.values()}


def test_what_is_alike_all_round_is_one_customer() -> None:
    assert groups(pair("1", "2"), pair("2", "3"), pair("1", "3", "review")) == {("1", "2", "3")}


def test_a_chain_does_not_join_ends_that_are_apart() -> None:
    # 2 has the mailbox of 1 and the number of 3; 1 and 3 have nothing in common
    assert groups(pair("1", "2", bits=9), pair("2", "3", bits=8)) == {("1", "2")}


def test_a_pair_in_doubt_joins_nobody() -> None:
    assert groups(pair("1", "2", "review")) == set()


def test_a_person_joins_what_is_apart_and_separates_what_is_alike() -> None:
    assert groups(pair("1", "2", "person"), pair("2", "3", "person")) == {("1", "2", "3")}
    assert groups(pair("1", "2", "apart")) == set()


def test_what_a_person_holds_apart_no_third_account_brings_together() -> None:
    told = [pair("1", "2", "apart"), pair("1", "3", bits=9), pair("2", "3", bits=8)]
    assert groups(*told) == {("1", "3")}


def test_accounts_that_a_person_joined_find_others_as_one() -> None:
    # a woman married and moved: only a person knew; her old account was entered twice
    assert groups(pair("1", "2", "person"), pair("1", "3")) == {("1", "2", "3")}


def survivor(*accounts: Account) -> str:
    pairs = [pair(a, b) for a, b in combinations(accounts, 2)]
    return joined(pairs)[0].customer_id


def test_the_survivor_is_active_then_complete_then_known_longest_then_the_smallest() -> None:
    early = DAY - dt.timedelta(1)
    assert survivor(account("1", is_active=False, filled_fields=9), account("2")) == "2"
    assert survivor(account("1", first_known_date=early), account("2", filled_fields=4)) == "2"
    assert survivor(account("1"), account("2", first_known_date=early)) == "2"
    assert survivor(account("10"), account("9")) == "9"


def test_a_member_tells_its_surest_link_and_the_survivor_none() -> None:
    found = joined([pair("1", "2", "score"), pair("2", "3"), pair("1", "3", "person")])
    assert found == [
        Member("1", "1", 3, None, None),
        Member("2", "1", 3, "key", DAY),
        Member("3", "1", 3, "person", DAY),
    ]


def test_no_pairs_make_no_groups() -> None:
    assert joined([]) == []


IDS = [str(n) for n in range(6)]
PAIRS = st.lists(
    st.tuples(
        st.sampled_from(list(combinations(IDS, 2))),
        st.sampled_from([*JOINING, "review", "apart"]),
        st.floats(2, 9),
    ),
    unique_by=lambda told: told[0],
).map(lambda told: [pair(a, b, rule, bits) for (a, b), rule, bits in told])


@given(pairs=PAIRS, seed=st.randoms())
def test_whatever_the_pairs_are(pairs: list[Pair], seed: Any) -> None:
    found = groups(*pairs)
    turned = [Pair(p.b, p.a, p.rule, p.bits, p.known_date) for p in pairs]
    seed.shuffle(turned)
    assert groups(*turned) == found, "the order counts"
    members = [i for ids in found for i in ids]
    assert len(members) == len({*members}), "an account is two customers"
    rules = {p.ids: p.rule for p in pairs}
    for ids in found:
        inside = [rules.get(frozenset(two)) for two in combinations(ids, 2)]
        assert "apart" not in inside
        assert {*inside} & {*BY_PEOPLE} or None not in inside, "joined, and not alike"
        assert {*inside} & {*JOINING}
