"""What was known on a day of an account, a product, and the two together: the ranker's features.

Everything is made from purchases dated up to that day, and from attributes and promotions known by
then. A week here is seven days counted back from the day. Letters: N pairs, A accounts, P products.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.recommenders.purchases import indexed

HALF_LIVES = (2, 4, 8, 16, 32)  # weeks after which an order counts half
GROUP_HALF_LIVES = (4, 26)  # the same, for what a product belongs to
Group = tuple[str, ...]  # names of attributes that together say what a product belongs to
MOST_GROUPS = 6  # attributes of products that are looked at
NOT_GROUPS = ("product_id", "known_date", "superseded_date")


@dataclass(frozen=True)
class Lines:
    """Purchases as places and ages, sorted by account, then product, newest last."""

    accounts: np.ndarray  # (A,) ids, sorted
    products: np.ndarray  # (P,) ids, sorted
    account: np.ndarray  # (L,) place among accounts
    product: np.ndarray  # (L,) place among products
    days_ago: np.ndarray  # (L,) 0 or more
    orders: np.ndarray  # (L,)

    @classmethod
    def of(cls, interactions: pd.DataFrame, products: np.ndarray, as_of: dt.date) -> Self:
        """Of interactions known by as_of, those with the given products (sorted ids)."""
        rows = interactions[interactions["product_id"].isin(products)]
        accounts, account = indexed(rows["account_id"])
        found, place = indexed(rows["product_id"])
        product = np.searchsorted(products, found)[place]
        days = (pd.Timestamp(as_of) - rows["business_date"]).dt.days.to_numpy()
        order = np.lexsort((-days, product, account))
        orders = rows["orders"].to_numpy(np.float64)
        return cls(accounts, products, account[order], product[order], days[order], orders[order])

    @property
    def weeks_ago(self) -> np.ndarray:
        """(L,) whole weeks."""
        return self.days_ago // 7


@dataclass(frozen=True)
class Sums:
    """Purchases summed by account and a code (of the product, or of what it belongs to)."""

    codes: int  # how many there are
    keys: np.ndarray  # (K,) account x codes + code, rising
    starts: np.ndarray  # (K,) where each key's lines begin, among those in `order`
    order: np.ndarray  # (L,) lines by key

    @classmethod
    def of(cls, lines: Lines, code: np.ndarray, codes: int) -> Self:
        every = lines.account * codes + code
        order = np.argsort(every, kind="stable")
        keys, starts = np.unique(every[order], return_index=True)
        return cls(codes, keys, starts, order)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Per key, of values per line. (L,) → (K,)"""
        found: np.ndarray = np.add.reduceat(values[self.order], self.starts)
        return found

    def least(self, values: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.minimum.reduceat(values[self.order], self.starts)
        return found

    def most(self, values: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.maximum.reduceat(values[self.order], self.starts)
        return found

    def distinct(self, values: np.ndarray) -> np.ndarray:
        """How many different whole numbers each key's lines have. (L,) → (K,)"""
        every = np.repeat(np.arange(len(self.keys)), np.diff([*self.starts, len(self.order)]))
        of, _ = distinct_pairs(every, values[self.order])
        return np.bincount(of, minlength=len(self.keys))

    def places(self, account: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Where pairs stand among the keys; K where an account has none. (N,)"""
        wanted = account * self.codes + code
        at = np.searchsorted(self.keys, wanted)
        found = at < len(self.keys)
        found[found] = self.keys[at[found]] == wanted[found]
        return np.where(found, at, len(self.keys))


def distinct_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of whole numbers from 0, each once, rising. (N,), (N,) → (M,), (M,)

    As one number each and by sorting: NumPy's own `unique` took twenty times as long.
    """
    size = int(second.max(initial=0)) + 1
    pairs = np.sort(first.astype(np.int64) * size + second)
    is_new = np.ones(len(pairs), bool)
    np.not_equal(pairs[1:], pairs[:-1], out=is_new[1:])
    return np.divmod(pairs[is_new], size)


def halved(weeks_ago: np.ndarray, half_life_weeks: float) -> np.ndarray:
    found: np.ndarray = 0.5 ** (weeks_ago / half_life_weeks)
    return found


def padded(values: np.ndarray) -> np.ndarray:
    """With a 0 behind: what Sums.places points to where there is nothing."""
    return np.append(values, 0.0).astype(np.float32)


class Signals:
    """Columns of numbers per pair, by name: see `of`."""

    def __init__(
        self, lines: Lines, attributes: pd.DataFrame | None, groups: Sequence[Group]
    ) -> None:
        """attributes: a row per product of lines.products, in their order; null: none known."""
        self.lines = lines
        self.attributes = attributes
        self.own = Sums.of(lines, lines.product, len(lines.products))
        self.of_own = self._own()
        self.of_product = self._products()
        self.of_account = self._accounts()
        self.groups = []
        about = attributes if attributes is not None else pd.DataFrame()
        for group in groups if len(about) else ():
            code = coded(about, group)
            self.groups.append(("+".join(group), code, *self._group(code)))

    def _own(self) -> dict[str, np.ndarray]:
        lines, own = self.lines, self.own
        ago = lines.weeks_ago
        found = {
            "orders": own.sum(lines.orders),
            **{f"orders_{h}": own.sum(lines.orders * halved(ago, h)) for h in HALF_LIVES},
            **{f"orders_within_{w}": own.sum(lines.orders * (ago < w)) for w in (4, 8)},
            "weeks_since": own.least(ago) + 1,
            "weeks_known": own.most(ago) + 1,
            "weeks": own.distinct(ago),
        }
        self.repeated = found["weeks"] > 1
        gap = (found["weeks_known"] - found["weeks_since"]) / np.maximum(found["weeks"] - 1, 1)
        found["gap"] = np.where(self.repeated, gap, np.nan)
        return {name: padded(values) for name, values in found.items()}

    def _products(self) -> dict[str, np.ndarray]:
        size = len(self.lines.products)
        product = self.own.keys % size
        since, known = (self.of_own[n][:-1] for n in ("weeks_since", "weeks_known"))

        def count(where: np.ndarray | slice, weights: np.ndarray | None = None) -> np.ndarray:
            found = np.bincount(
                product[where], None if weights is None else weights[where], minlength=size
            )
            return found.astype(np.float64)

        buyers = count(slice(None))
        lately = {w: count(since <= w) for w in (1, 2, 4, 8, 16)}
        first = {w: count(known <= w) for w in (4, 8)}
        gaps = count(self.repeated, self.of_own["gap"][:-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {
                "buyers": buyers,
                **{f"buyers_within_{w}": values for w, values in lately.items()},
                "trend": lately[4] / (lately[16] + 5),
                "trend_now": lately[1] / (lately[4] + 3),
                "repeaters": count(self.repeated) / (buyers + 5),
                "orders_per_buyer": count(slice(None), self.of_own["orders"][:-1]) / (buyers + 1),
                **{f"first_within_{w}": values for w, values in first.items()},
                "first_share": first[4] / (lately[4] + 3),
                "gap": gaps / count(self.repeated),
            }
        newest = np.zeros(size)
        np.maximum.at(newest, product, known)
        found["weeks_sold"] = newest
        return {name: values.astype(np.float32) for name, values in found.items()}

    def _accounts(self) -> dict[str, np.ndarray]:
        lines, size = self.lines, len(self.lines.accounts)
        account = self.own.keys // len(lines.products)
        known = self.of_own["weeks_known"][:-1]
        visits, ago = distinct_pairs(lines.account, lines.days_ago)
        within = {w: np.bincount(visits[ago < 7 * w], minlength=size) for w in (4, 8)}
        items = np.bincount(account, minlength=size)
        total = np.bincount(lines.account, lines.orders, minlength=size)
        last = np.full(size, 1e4)
        np.minimum.at(last, lines.account, lines.weeks_ago)
        lately = np.bincount(account, known <= 8, minlength=size)
        found = {
            "visits": np.bincount(visits, minlength=size),
            **{f"visits_within_{w}": values for w, values in within.items()},
            "products": items,
            "orders": total,
            "orders_per_visit": total / np.bincount(visits, minlength=size),
            "weeks_since": last,
            "repeat_share": np.bincount(account, self.repeated, minlength=size)
            / np.maximum(items, 1),
            "new_per_visit": lately / np.maximum(within[8], 1),
        }
        return {name: values.astype(np.float32) for name, values in found.items()}

    def _group(self, code: np.ndarray) -> tuple[Sums, dict[str, np.ndarray]]:
        lines, of = self.lines, code[self.lines.product]
        sums = Sums.of(lines, of, int(code.max(initial=0)) + 1)
        ago = lines.weeks_ago
        found = {
            "orders": sums.sum(lines.orders),
            **{f"orders_{h}": sums.sum(lines.orders * halved(ago, h)) for h in GROUP_HALF_LIVES},
            "weeks_since": sums.least(ago) + 1,
            "weeks_known": sums.most(ago) + 1,
            "weeks": sums.distinct(ago),
            "products": sums.distinct(lines.product),
        }
        return sums, {n: padded(values) for n, values in found.items()}

    def of(self, account: np.ndarray, product: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Name and values (N,) of every column, of pairs of places. (N,), (N,)"""
        at = self.own.places(account, product)
        own = {name: values[at] for name, values in self.of_own.items()}
        visits = self.of_account["visits"][account]
        lately = self.of_account["visits_within_8"][account]
        gap_of_all = self.of_product["gap"][product]
        with np.errstate(invalid="ignore", divide="ignore"):
            own |= {
                "share": own["orders"] / visits,
                "share_lately": own["orders_8"] / np.maximum(lately, 0.5),
                "due": own["weeks_since"] / own["gap"],
                "due_as_others": own["weeks_since"] / gap_of_all,
                "per_week": own["weeks"] / np.maximum(own["weeks_known"], 1),
            }
        yield from ((f"own.{name}", values) for name, values in own.items())
        yield from ((f"product.{n}", values[product]) for n, values in self.of_product.items())
        yield from ((f"account.{n}", values[account]) for n, values in self.of_account.items())
        popular = self.of_product["buyers_within_8"]
        for group, code, sums, values in self.groups:
            at = sums.places(account, code[product])
            for name, column in values.items():
                yield f"{group}.{name}", column[at]
            sold = np.bincount(code, popular)[code[product]].astype(np.float32)
            yield f"{group}.popular", sold
            share = popular[product] / (sold + 5)
            yield f"{group}.share", share
            yield f"{group}.expected", share * values["orders_26"][at]
            # how faithful the account is to the product among its like, and whether it has left it
            yield f"{group}.own_share", own["orders"] / np.maximum(values["orders"][at], 1e-6)
            yield f"{group}.behind", own["weeks_since"] - values["weeks_since"][at]
            weeks = np.maximum(values["weeks"][at] - 1, 1)
            gap = (values["weeks_known"] - values["weeks_since"])[at] / weeks
            yield f"{group}.due", values["weeks_since"][at] / np.maximum(gap, 0.5)


def groups(attributes: pd.DataFrame | None) -> list[Group]:
    """What products belong to: attributes that tell some apart, not all, the finest first.

    The finest is crossed with the next two as well: a size, or a maker, within a kind.
    """
    if attributes is None:
        return []
    found = {}
    for name in attributes.columns:
        if name in NOT_GROUPS or attributes[name].dtype.kind in "fM":
            continue
        values = attributes[name].nunique(dropna=False)
        if 2 <= values <= len(attributes) / 2:
            found[str(name)] = values
    finest_first = sorted(found, key=lambda name: -found[name])[:MOST_GROUPS]
    kept: list[Group] = [(name,) for name in finest_first]
    return kept + [(finest_first[0], name) for name in finest_first[1:3]]


def coded(attributes: pd.DataFrame, group: Group) -> np.ndarray:
    """A number per product and different values of the group's attributes. (P,)"""
    found = np.zeros(len(attributes), np.int64)
    for name in group:
        codes, values = pd.factorize(attributes[name].astype(object), use_na_sentinel=False)
        found = found * len(values) + codes
    return np.unique(found, return_inverse=True)[1]
