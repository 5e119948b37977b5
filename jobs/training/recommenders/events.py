"""What accounts bought on which day, as arrays that give any account's past at any origin.

Nothing is kept per origin: 10 million orders are 200 MB, however many origins are learnt from.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.recommenders.purchases import indexed

# weeks after which an order counts half, for each view of what an account owns; null: never
HALF_LIVES = (16.0, 2.0, 8.0, 32.0, None)


@dataclass(frozen=True)
class Past:
    """What B accounts owned at an origin each: N pairs of account and product, by account."""

    rows: np.ndarray  # (N,) place of the account among the B, rising
    products: np.ndarray  # (N,) place of the product
    weights: np.ndarray  # (N, V) orders, weighted by age, one column for each of HALF_LIVES
    again: np.ndarray  # (N,) whether bought again in the days after the origin
    new_rows: np.ndarray  # (W,) for what was bought in those days, and never before
    new_products: np.ndarray  # (W,)
    order_pairs: np.ndarray  # (n,) for each single order before: its place among the N
    order_ages: np.ndarray  # (n,) days before the origin


@dataclass(frozen=True)
class Events:
    """E orders of A accounts, by account, product and day."""

    accounts: np.ndarray  # (A,) ids, sorted
    products: np.ndarray  # (P,) ids, sorted
    begins: np.ndarray  # (A + 1,) where each account's orders begin
    places: np.ndarray  # (E,) of the product
    days: np.ndarray  # (E,) from as_of: 0 or less
    orders: np.ndarray  # (E,)

    @classmethod
    def of(cls, interactions: pd.DataFrame, as_of: dt.date, products: np.ndarray) -> Self:
        """Orders of interactions up to as_of with one of the products, which are sorted ids."""
        kept = interactions[interactions["product_id"].isin(products)]
        accounts, rows = indexed(kept["account_id"])
        found, at = indexed(kept["product_id"])
        columns = np.searchsorted(products, found)[at]
        days = (kept["business_date"] - pd.Timestamp(as_of)).dt.days.to_numpy(np.int32)
        order = np.lexsort((days, columns, rows))
        begins = np.searchsorted(rows[order], np.arange(len(accounts) + 1))
        orders = kept["orders"].to_numpy(np.float32)
        return cls(
            accounts,
            products,
            begins,
            columns[order].astype(np.int32),
            days[order],
            orders[order],
        )

    def bought(self, first: int, last: int) -> np.ndarray:
        """Whether each account bought something on the days from first to last. (A,)"""
        at = np.flatnonzero((self.days >= first) & (self.days <= last))
        accounts = np.searchsorted(self.begins, at, side="right") - 1
        return np.bincount(accounts, minlength=len(self.accounts)) > 0

    def at(self, accounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of all orders of B accounts (n,), and of their accounts among the B (n,)."""
        begins, counts = self.begins[accounts], np.diff(self.begins)[accounts]
        rows = np.repeat(np.arange(len(accounts)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return begins[rows] + within, rows

    def past(self, accounts: np.ndarray, origins: np.ndarray, ahead_days: int) -> Past:
        """Of B accounts (B,), each at its own origin (B,), a day up to which orders are past."""
        at, rows = self.at(accounts)
        ages = origins[rows] - self.days[at]  # (n,) days; below 0 after the origin
        near = ages >= -ahead_days
        at, rows, ages = at[near], rows[near], ages[near]
        places = self.places[at]
        # by account and product already: each pair is a run of rows
        starts = np.ones(len(at), bool)
        starts[1:] = (rows[1:] != rows[:-1]) | (places[1:] != places[:-1])
        pair = np.cumsum(starts) - 1  # (n,)
        count = int(starts.sum())
        before = ages >= 0
        weights = np.empty((count, len(HALF_LIVES)), np.float32)
        orders = np.where(before, self.orders[at], 0)
        for column, weeks in enumerate(HALF_LIVES):
            faded = orders if weeks is None else orders * np.exp2(-np.maximum(ages, 0) / 7 / weeks)
            weights[:, column] = np.bincount(pair, faded, minlength=count)
        owned = np.bincount(pair, before, minlength=count) > 0
        later = np.bincount(pair, ~before, minlength=count) > 0
        rows, places = rows[starts], places[starts]
        new = ~owned
        return Past(
            rows[owned],
            places[owned],
            weights[owned],
            later[owned],
            rows[new],
            places[new],
            (np.cumsum(owned) - 1)[pair[before]],
            ages[before],
        )
