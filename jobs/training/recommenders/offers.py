"""offers: what may be offered of what was recommended, by the rules of offers.yaml.

Each rule takes rows away and says how many; a list is asked for longer, so that it still is as long
as wanted after them. What a rule cannot judge (a product without a price, a type that nobody buys
twice) it leaves alone; a rule that lacks its whole ground is left out with a warning.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from jobs.training.family import Count
from jobs.training.recommenders.facts import PAIR, Facts
from jobs.training.recommenders.ladder import Ladder

FILE = Path(__file__).with_suffix(".yaml")
SPARE = 3  # lists are asked for so many times as long as wanted, and again where that was too short
LONGEST = 30  # times: where rules leave too little of that, a list is short
# (accounts, how many) → rows (account_id, rank, product_id, score, reason_code, rung), best first
Ask = Callable[[np.ndarray, int], pd.DataFrame]


class CannotOffer(Exception):
    """offers.yaml is not what it should be."""


@dataclass(frozen=True)
class Rule:
    is_active: bool
    reason: str


@dataclass(frozen=True)
class Replenishment(Rule):
    fewest_gaps: int
    ahead_days: int


@dataclass(frozen=True)
class PerCategory(Rule):
    column: str
    most: int


@dataclass(frozen=True)
class DiscountBudget(Rule):
    discount_pct: float
    usd: float


@dataclass(frozen=True)
class RareProducts(Rule):
    places: int


@dataclass(frozen=True)
class Rules:
    """offers.yaml, in the order in which the rules are applied."""

    contactable: Rule
    in_assortment: Rule
    replenishment: Replenishment
    per_category: PerCategory
    discount_budget: DiscountBudget
    rare_products: RareProducts


@cache
def rules(path: Path = FILE) -> Rules:
    """Read offers.yaml.

    Raises:
        CannotOffer: a rule or a value is missing, unknown, or of another kind.
    """
    told = yaml.safe_load(path.read_text())
    return Rules(**_checked(told, Rules, path.name, lambda cls, rule, at: _rule(cls, rule, at)))


def _rule(kind: type[Any], told: Any, at: str) -> Any:
    found = _checked(told, kind, at, _value)
    low = [name for name, value in found.items() if not isinstance(value, bool | str) and value < 0]
    if low:
        raise CannotOffer(f"{at}: {low[0]} is {found[low[0]]}: 0 or more is needed")
    return kind(**found)


def _value(kind: type[Any], told: Any, at: str) -> Any:
    if kind is float and type(told) is int:
        return float(told)
    if type(told) is not kind:
        raise CannotOffer(f"{at} is {told!r}: a value of type {kind.__name__} is needed")
    return told


def _checked(
    told: Any, kind: type[Any], at: str, each: Callable[[type[Any], Any, str], Any]
) -> dict[str, Any]:
    """The fields of a dataclass from a mapping that has these and no others."""
    wanted = {field.name: field.type for field in fields(kind)}
    if not isinstance(told, Mapping) or set(told) != set(wanted):
        given = set(told) if isinstance(told, Mapping) else set()
        odd = ", ".join(sorted(set(wanted) ^ given))
        raise CannotOffer(f"{at}: missing or unknown: {odd}; it has {', '.join(wanted)}")
    return {
        name: each(wanted[name], told[name], f"{at}: {name}")  # type: ignore[arg-type]
        for name in wanted
    }


def not_due(rows: pd.DataFrame, facts: Facts, rule: Replenishment) -> pd.Series:
    """Whether the account still has the product after so many days ahead."""
    since = rows[PAIR].merge(facts.days_since, how="left", on=PAIR)["days"].to_numpy(np.float64)
    usual = rows["product_id"].map(facts.gap_days).to_numpy(np.float64)
    return pd.Series(since + rule.ahead_days < usual, rows.index)


def refused(rows: pd.DataFrame, facts: Facts, by: Rules) -> pd.Series:
    """The rule that takes each row away; null: it may be offered. Rows: best first."""
    why = pd.Series(None, rows.index, dtype=object)
    if by.in_assortment.is_active and len(facts.listed):
        why[~rows["product_id"].isin(facts.listed.index)] = "in_assortment"
    if by.replenishment.is_active:
        why[why.isna() & not_due(rows, facts, by.replenishment)] = "replenishment"
    if by.per_category.is_active:
        left = rows[why.isna()]
        category = facts.told(left["product_id"], by.per_category.column)
        place = left.groupby([left["account_id"], category], sort=False).cumcount()
        why[left.index[(place >= by.per_category.most) & category.notna()]] = "per_category"
    return why


def cut(rows: pd.DataFrame, why: pd.Series, size: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first rows of each account that may be offered, and what was refused above its last."""
    kept = rows[why.isna()]
    kept = kept[kept.groupby("account_id").cumcount() < size]
    full = kept.groupby("account_id")["rank"].agg(["size", "max"])
    last = full["max"].where(full["size"] == size)  # a list too short was refused all the rest
    last = rows["account_id"].map(last).fillna(np.inf)
    return kept, rows[why.notna() & (rows["rank"] < last)].assign(rule=why)


def filled(
    ask: Ask, ids: np.ndarray, size: int, most: int, facts: Facts, by: Rules
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lists of `size` products that may be offered, as far as there are so many; and the refused.

    Args:
        most: rows that are asked for of an account, at most.
    """
    kept, gone = [], []
    wanted = min(SPARE * size, most)
    while len(ids) and size:
        rows = ask(ids, wanted).sort_values(["account_id", "rank"], ignore_index=True)
        why = refused(rows, facts, by)
        offered, refused_ones = cut(rows, why, size)
        count = offered["account_id"].value_counts()
        done = ids if wanted >= most else count.index[count == size].to_numpy(str)
        kept.append(offered[offered["account_id"].isin(done)])
        gone.append(refused_ones[refused_ones["account_id"].isin(done)])
        ids, wanted = np.setdiff1d(ids, done), min(SPARE * wanted, most)
    empty = pd.DataFrame(columns=["account_id", "rank", "product_id", "score"])
    return (
        pd.concat(kept, ignore_index=True) if kept else empty,
        pd.concat(gone, ignore_index=True) if gone else empty.assign(rule=None),
    )


def within_budget(rows: pd.DataFrame, facts: Facts, rule: DiscountBudget) -> pd.Series:
    """Whether the budget reaches as far as each row, first places first, then by score.

    An offer costs discount_pct of the product's price; of the mean of all where none is known.
    """
    usd = rows["product_id"].map(facts.price_usd).astype(float).fillna(facts.price_of_all_usd)
    order = rows.assign(usd=usd).sort_values(["rank", "score"], ascending=[True, False])
    spent = (order["usd"] * rule.discount_pct / 100).cumsum()
    return (spent <= rule.usd).reindex(rows.index)


def closed_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Ranks from 1 without gaps; a score never above the one before it."""
    place = rows.groupby("account_id", sort=False)
    return rows.assign(rank=(place.cumcount() + 1).astype(np.int32), score=place["score"].cummin())


def offered(
    champion: Any,
    interactions: pd.DataFrame,
    accounts: pd.DataFrame,
    products: pd.DataFrame,
    catalogue: np.ndarray,
    as_of: dt.date,
    size: int,
    by: Rules | None = None,
) -> tuple[pd.DataFrame, list[Count]]:
    """Lists of all accounts by the ladder's rungs, within the rules; and what each of them did.

    Args:
        champion: has observed the interactions with the catalogue.
        interactions: up to as_of, with rare products too.
        products: as they were listed then.
    """
    by = by or rules()
    ladder = Ladder(champion).fit(interactions, accounts, products, catalogue, as_of)
    facts = Facts.of(interactions, accounts, products, as_of, by.replenishment.fewest_gaps)
    ids = np.sort(accounts["account_id"].unique().astype(str))
    silent = ids[:0]
    if by.contactable.is_active and facts.contactable is not None:
        silent = ids[~facts.contactable.reindex(ids).to_numpy(bool)]
    ids = np.setdiff1d(ids, silent)

    def ask(who: np.ndarray, k: int) -> pd.DataFrame:
        return ladder.recommend(who, k, catalogue, False, as_of)

    def ask_rare(who: np.ndarray, k: int) -> pd.DataFrame:
        return ladder.rare(who, k, False)

    places = min(by.rare_products.places, size) if by.rare_products.is_active else 0
    rare, _ = filled(ask_rare, ids, places, SPARE * places, facts, by)
    longest = min(len(catalogue), LONGEST * size)
    rows, gone = filled(ask, ids, size, longest, facts, by)
    lists = joined(rows, rare, size)
    if by.discount_budget.is_active and not np.isnan(facts.price_of_all_usd):
        paid = within_budget(lists, facts, by.discount_budget)
        gone = pd.concat([gone, lists[~paid].assign(rule="discount_budget")], ignore_index=True)
        lists = closed_up(lists[paid])
    return lists, [*served(lists), *took(gone, silent, size, by)]


def joined(rows: pd.DataFrame, rare: pd.DataFrame, size: int) -> pd.DataFrame:
    """Lists whose last places are the rare products', where an account has some."""
    places = rows["account_id"].map(rare["account_id"].value_counts()).fillna(0)
    rows = rows[rows.groupby("account_id").cumcount() < size - places]
    # a rare product's score is of another scale: it takes that of the place before it
    last = rows.groupby("account_id")["score"].min()
    rare = rare.assign(score=rare["account_id"].map(last)).dropna(subset=["score"])
    both = pd.concat([rows, rare], ignore_index=True) if len(rare) else rows
    return closed_up(both.sort_values("account_id", kind="stable", ignore_index=True))


def served(lists: pd.DataFrame) -> list[Count]:
    told = lists.groupby("rung")["account_id"].agg(["nunique", "size"])
    return [
        Count("rung", str(rung), int(row["nunique"]), int(row["size"]), "")
        for rung, row in told.iterrows()
    ]


def took(gone: pd.DataFrame, silent: np.ndarray, size: int, by: Rules) -> list[Count]:
    """One count per rule that is active, those that took nothing too."""
    found = []
    for name in ("in_assortment", "replenishment", "per_category", "discount_budget"):
        rule, rows = getattr(by, name), gone[gone["rule"] == name]
        if rule.is_active:
            accounts = rows["account_id"].nunique()
            found.append(Count("rule", name, accounts, len(rows), rule.reason))
    if by.contactable.is_active:
        lists = size * len(silent)
        found.append(Count("rule", "contactable", len(silent), lists, by.contactable.reason))
    return found
