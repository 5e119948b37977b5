"""What accounts had bought by a day, as matrices: one row per account, one column per week back.

A week counts back from the origin: week 0 is the seven days that end with it. What is dated or
known after the origin is not in it.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from jobs.training.data import known_by

WEEKS = 52  # that are looked at, at most
NEVER = 7 * WEEKS  # days, in place of the recency of who has not ordered
CHANNELS = ("orders", "sales_usd", "products", "discount_usd", "coupon_usd", "order_days")


@dataclass(frozen=True)
class Panel:
    """Purchases of A accounts up to an origin, C channels of T weeks, newest first."""

    account_ids: np.ndarray  # (A) text, sorted
    origin: dt.date
    day: np.ndarray  # (D) days before the origin, 0 or more, of every day with an order
    account: np.ndarray  # (D) place in account_ids, rising; newest day last
    coupon: np.ndarray  # (D) whether a coupon was used on that day, bool
    weekly: np.ndarray  # (A, T, C) sums by week, float32
    weeks: int  # of history before the origin, of all accounts together

    def channel(self, name: str) -> np.ndarray:
        """Sums of a channel by week. (A, T)"""
        found: np.ndarray = self.weekly[:, :, CHANNELS.index(name)]
        return found

    @cached_property
    def tenure(self) -> np.ndarray:
        """Days from the first day with an order to the origin; 0 without one. (A)"""
        found = np.zeros(len(self.account_ids), np.int64)
        np.maximum.at(found, self.account, self.day)
        return found

    @cached_property
    def recency(self) -> np.ndarray:
        """Days from the last day with an order to the origin; NEVER without one. (A)"""
        found = np.full(len(self.account_ids), NEVER)
        np.minimum.at(found, self.account, self.day)
        return found


def by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per account and day: a day that was told in parts has several that are known."""
    key = ["account_id", "business_date"]
    if not rows.duplicated(key).any():
        return rows
    sums = [name for name in rows.columns if name in CHANNELS]
    return rows.groupby(key, observed=True, as_index=False)[sums].sum()


def panel(days: pd.DataFrame, origin: dt.date, account_ids: Collection[str] | None = None) -> Panel:
    """Account days (see `transactions`) as they were known at the closing of a day.

    Args:
        account_ids: accounts that are looked at; null: all that ordered by then.
    """
    then = by_day(known_by(days, origin))
    then = then[then["orders"] > 0]
    names = then["account_id"].astype(str)
    ids = np.unique(names if account_ids is None else np.asarray(list(account_ids), dtype=str))
    place = pd.Categorical(names, categories=ids).codes.astype(np.int64)
    then, place = then[place >= 0], place[place >= 0]
    back = (pd.Timestamp(origin) - then["business_date"]).dt.days.to_numpy()
    order = np.lexsort((-back, place))
    first = (pd.Timestamp(origin) - days["business_date"].min()).days
    weekly = np.zeros((len(ids), WEEKS, len(CHANNELS)), np.float32)  # (A, T, C)
    recent = back < 7 * WEEKS
    at = (place[recent], back[recent] // 7)
    for number, name in enumerate(CHANNELS):
        values = np.ones(len(then)) if name == "order_days" else then[name].fillna(0).to_numpy()
        np.add.at(weekly[:, :, number], at, values[recent].astype(np.float32))
    coupon = then["coupon_usd"].to_numpy() > 0
    weeks = max(first // 7 + 1, 0)
    return Panel(ids, origin, back[order], place[order], coupon[order], weekly, weeks)
