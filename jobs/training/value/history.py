"""What is known of every account with an order, as of a date: the ground of all value models.

Letters: A accounts, D account days, W weeks; week 0 ends on the date.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.data import known, known_by
from jobs.training.family import NothingToJudge

WEEK = 7  # days
VALID_WINDOWS = 2  # that the choice rests on, at most, one before the other
# Accounts that stand for all, at most: four parameters need no more, and whoever looks at a part of
# the accounts can be given them.
TYPICAL = 5_000


@dataclass(frozen=True)
class History:
    """Accounts that had an order, and their days, as known at the closing of a date."""

    account_ids: np.ndarray  # (A,) sorted text
    days_known: int  # from the first day of all that is known to the date, both included
    place: np.ndarray  # (D,) of a day's account among the ids
    age: np.ndarray  # (D,) days from it to the date, from 0
    orders: np.ndarray  # (D,)
    sales: np.ndarray  # (D,) USD

    @classmethod
    def of(cls, days: pd.DataFrame, as_of: dt.date) -> Self:
        """Of account days, of which those dated or known later than the date are left out.

        Raises:
            NothingToJudge: no account has an order by then.
        """
        seen = known_by(days, as_of)
        names = seen["account_id"].astype(str)
        ids = np.sort(names[seen["orders"] > 0].unique())
        if not len(ids):
            raise NothingToJudge(
                f"no account has an order by {as_of}; give account days of before, or a later date"
            )
        place = pd.Index(ids).get_indexer(names)
        age = (pd.Timestamp(as_of) - seen["business_date"]).dt.days.to_numpy()
        # a table's rows come in no order, and sums differ in their last digits by it
        kept = np.lexsort((age, place))
        kept = kept[place[kept] >= 0]
        return cls(
            ids,
            int(age.max()) + 1,
            place[kept],
            age[kept],
            seen["orders"].to_numpy(float)[kept],
            seen["sales_usd"].to_numpy(float)[kept],
        )

    @cached_property
    def typical(self) -> np.ndarray:
        """Places of the accounts that stand for all: of many, the TYPICAL with the lowest MD5."""
        if len(self.account_ids) <= TYPICAL:
            return np.arange(len(self.account_ids))
        sums = [
            hashlib.md5(i.encode(), usedforsecurity=False).hexdigest() for i in self.account_ids
        ]
        return np.sort(np.argsort(sums)[:TYPICAL])

    def per_account(self, values: np.ndarray) -> np.ndarray:
        """Sum of a value per day. (D,) → (A,)"""
        return np.bincount(self.place, values, minlength=len(self.account_ids))

    def rate(self, values: np.ndarray, days: int) -> np.ndarray:
        """Per day, over the last so many or as many as are known. (D,) → (A,)"""
        days = min(days, self.days_known)
        return self.per_account(np.where(self.age < days, values, 0.0)) / days

    def faded(self, values: np.ndarray, half_life_weeks: float) -> np.ndarray:
        """Per day; what is so many weeks old counts half. (D,) → (A,)"""
        decay = 0.5 ** (1 / (WEEK * half_life_weeks))
        return (
            self.per_account(values * decay**self.age) / (decay ** np.arange(self.days_known)).sum()
        )

    def weekly(self, values: np.ndarray, weeks: int) -> np.ndarray:
        """Per week, the newest first, of so many or as many as are known whole. (D,) → (A, W)"""
        weeks = min(weeks, max(1, self.days_known // WEEK))
        recent = self.age < weeks * WEEK
        cell = self.place[recent] * weeks + self.age[recent] // WEEK
        cells = np.bincount(cell, values[recent], minlength=len(self.account_ids) * weeks)
        return cells.reshape(len(self.account_ids), weeks)

    def days_since(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Days since the first and since the last order. (A,), (A,)

        Args:
            which: (D,) whether a day counts; each account has one that does.
        """
        ages = pd.Series(self.age[which]).groupby(self.place[which])
        return ages.max().to_numpy(), ages.min().to_numpy()


def spent(
    days: pd.DataFrame,
    account_ids: np.ndarray,
    origin: dt.date,
    horizon_days: int,
    known_on: dt.date,
) -> np.ndarray:
    """USD of the days after an origin, as known at the closing of another day. (A,)"""
    first, last = (pd.Timestamp(origin) + pd.Timedelta(days=n) for n in (1, horizon_days))
    window = known(days[days["business_date"].between(first, last)], known_on)
    window = window.sort_values("business_date", kind="stable")  # so that sums are the same
    sums = window.groupby(window["account_id"].astype(str))["sales_usd"].sum()
    found: np.ndarray = sums.reindex(account_ids).fillna(0.0).to_numpy(float)
    return found


def past_origins(
    days: pd.DataFrame, as_of: dt.date, horizon_days: int, step_days: int, most: int
) -> list[dt.date]:
    """Dates whose window after them had ended by as_of, the newest first.

    As many days as a window are known by each of them, and an order is.
    """
    bought = days[days["orders"] > 0]
    first = known_by(bought, as_of)["business_date"].min()
    if pd.isna(first):
        return []
    window = dt.timedelta(days=horizon_days)
    every = [as_of - window - dt.timedelta(days=step_days * n) for n in range(most)]
    enough = [one for one in every if one - first.date() + dt.timedelta(days=1) >= window]
    return [one for one in enough if len(known_by(bought, one))]
