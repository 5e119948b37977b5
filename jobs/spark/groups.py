"""Which accounts are one customer: pairs joined into groups, and the survivor of each.

Pairs are taken from the surest to the least sure: a person's word here or
in the CRM, a key, then the score downwards.
Two groups are joined only if no pair across them contradicts: a chain A~B~C does not make A and C
one where they were compared and found apart, or have nothing in common that would have brought
them together. Only what a person says joins nevertheless; what people hold apart stays apart.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

Rule = Literal["person", "crm", "key", "score", "review", "apart"]
JOINING: tuple[Rule, ...] = ("person", "crm", "key", "score")  # the surest first
BY_PEOPLE: tuple[Rule, ...] = ("person", "crm")  # crm: merged there, by people too


@dataclass(frozen=True)
class Account:
    """What decides which account of a group survives."""

    account_id: str
    is_active: bool  # in the CRM now
    filled_fields: int
    first_known_date: dt.date

    @property
    def rank(self) -> tuple[object, ...]:
        """The smallest survives: active, most complete, known longest, smallest id."""
        number = (len(self.account_id), self.account_id)  # 9 before 10
        return (not self.is_active, -self.filled_fields, self.first_known_date, number)


@dataclass(frozen=True)
class Pair:
    """Two accounts, what was found about them (`apart`: a person holds them apart), since when."""

    a: Account
    b: Account
    rule: Rule
    bits: float
    known_date: dt.date

    @property
    def ids(self) -> frozenset[str]:
        return frozenset((self.a.account_id, self.b.account_id))

    @property
    def rank(self) -> tuple[object, ...]:
        """The surest first; of equal ones the order of the ids decides."""
        return (JOINING.index(self.rule), -self.bits, sorted(self.ids))


@dataclass(frozen=True)
class Member:
    """An account of a group of several: whose it is, by what, since when (null: the survivor)."""

    account_id: str
    customer_id: str
    accounts: int
    rule: Rule | None
    since_date: dt.date | None


@dataclass(eq=False)
class _Group:
    """Sets of accounts that count as one each: a person joined them."""

    parts: list[set[str]] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        return set().union(*self.parts)


def joined(pairs: Iterable[Pair]) -> list[Member]:
    """Members of all groups of two accounts or more, in any order; one pair per two accounts."""
    found = list(pairs)
    accounts = {account.account_id: account for p in found for account in (p.a, p.b)}
    apart = {p.ids for p in found if p.rule == "apart"}
    alike = {p.ids for p in found if p.rule != "apart"}
    links = sorted((p for p in found if p.rule in JOINING), key=lambda p: p.rank)
    group_of = {account_id: _Group([{account_id}]) for account_id in accounts}
    for link in links:
        one, other = group_of[link.a.account_id], group_of[link.b.account_id]
        if one is other or any(frozenset(p) in apart for p in product(one.ids, other.ids)):
            continue
        if link.rule in BY_PEOPLE:
            one.parts = [one.ids | other.ids]
        elif _agree(one, other, alike):
            one.parts += other.parts
        else:
            continue
        group_of |= dict.fromkeys(one.ids, one)
    inside: dict[int, list[Pair]] = defaultdict(list)
    for link in links:
        if group_of[link.a.account_id] is group_of[link.b.account_id]:
            inside[id(group_of[link.a.account_id])].append(link)
    return [member for found in inside.values() for member in _members(found)]


def _agree(one: _Group, other: _Group, alike: set[frozenset[str]]) -> bool:
    """Whether every part of one is alike some account of every part of the other."""
    return all(
        any(frozenset(p) in alike for p in product(left, right))
        for left, right in product(one.parts, other.parts)
    )


def _members(links: list[Pair]) -> list[Member]:
    """Members of the group that links, the surest first, lie in."""
    surest: dict[str, Pair] = {}
    accounts: dict[str, Account] = {}
    for link in links:
        for account in (link.a, link.b):
            accounts[account.account_id] = account
            surest.setdefault(account.account_id, link)
    survivor = min(accounts.values(), key=lambda account: account.rank).account_id
    return [
        Member(i, survivor, len(accounts), None, None)
        if i == survivor
        else Member(i, survivor, len(accounts), link.rule, link.known_date)
        for i, link in sorted(surest.items())
    ]
