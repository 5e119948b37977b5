"""churn: an account that still buys will not order in the next days of a horizon.

Eligible at an origin: at least two orders so far, and one in the twelve weeks that end with it.
Examples are all earlier origins, a week apart, whose horizon had ended: weeks of one account say
nearly the same, yet each is one more draw of what comes after a history.
"""

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from jobs.training.data import known
from jobs.training.propensity.calibration import SPREAD
from jobs.training.propensity.classifier import Examples, Rows, together
from jobs.training.propensity.features import features
from jobs.training.propensity.panel import Panel, panel
from jobs.training.propensity.task import Asked, NothingToAsk

FEWEST_ORDERS = 2  # ever
ACTIVE_DAYS = 84  # of which one has an order
HISTORY_DAYS = 84  # before the first origin that is learnt from; half of all where there is less
STEP = dt.timedelta(weeks=1)  # between origins that are learnt from
MOST_EXAMPLES = 120_000  # beyond it every origin has a part of its accounts

Known = tuple[np.ndarray, Rows]  # ids, and what is known of them


@dataclass
class Churn:
    """Of account days (see `transactions`)."""

    days: pd.DataFrame
    horizon_days: int = 28
    name: str = "churn"
    subject: str = "account_id"
    without: tuple[str, ...] = ()
    baseline: str = "recency_days"
    spread: float = SPREAD
    # by origin and the most that are looked at: who is eligible, and what is known of them
    seen: dict[tuple[dt.date, int | None], Known] = field(default_factory=dict)

    @cached_property
    def first(self) -> dt.date:
        found: dt.date = self.days["business_date"].min().date()
        return found

    @cached_property
    def newest(self) -> dt.date:
        found: dt.date = self.days["business_date"].max().date()
        return found

    @cached_property
    def known_on(self) -> dt.date:
        """By which all that is here was known."""
        found: dt.date = self.days["known_date"].max().date()
        return found

    def asked(self, origin: dt.date) -> Asked:
        if self.newest <= origin - dt.timedelta(days=self.horizon_days):
            raise NothingToAsk(
                f"{origin}: the newest day of the file is {self.newest}, so all look gone;"
                f" take {self.newest}"
            )
        ids, rows = self.eligible(origin)
        if not len(ids):
            raise NothingToAsk(
                f"{origin}: no account has {FEWEST_ORDERS} orders, of which one in the"
                f" {ACTIVE_DAYS} days before; take an origin within the file's days"
            )
        is_over = self.newest >= origin + dt.timedelta(days=self.horizon_days)
        return Asked(ids, rows, self.label(ids, origin, self.known_on) if is_over else None)

    def eligible(self, origin: dt.date, most: int | None = None) -> Known:
        """Who is asked about. Args: most: accounts that are looked at, about; null: all."""
        if most is not None and len(self.draws) <= most:
            most = None  # the same for whoever asks
        if (origin, most) not in self.seen:
            self.seen[origin, most] = self._looked_up(origin, most)
        return self.seen[origin, most]

    def _looked_up(self, origin: dt.date, most: int | None) -> Known:
        known = panel(self.days, origin, None if most is None else self._some(origin, most))
        told = self.features(known)
        some = (told["orders"] >= FEWEST_ORDERS) & (told["recency_days"] < ACTIVE_DAYS)
        mask = some.to_numpy()
        return known.account_ids[mask], Rows(told[mask], known.weekly[mask])

    def features(self, known: Panel) -> pd.DataFrame:
        """What is known of each account of a panel, in its order."""
        return features(known)

    def _some(self, origin: dt.date, most: int) -> list[str]:
        """Of the accounts that are known by an origin about so many, the same every time."""
        then = self.days.loc[self.days["business_date"] <= pd.Timestamp(origin), "account_id"]
        codes = np.unique(then.cat.codes)
        taken = codes[self.draws[codes] * len(codes) < most]
        return [str(one) for one in self.days["account_id"].cat.categories[taken]]

    @cached_property
    def draws(self) -> np.ndarray:
        """A number from 0 to 1 for every account, by its hash."""
        ids = self.days["account_id"].cat.categories.astype(str)
        found: np.ndarray = pd.util.hash_array(ids.to_numpy(object)) / 2.0**64
        return found

    def came(self, asked: Asked, origin: dt.date, by: dt.date) -> np.ndarray | None:
        is_over = by >= origin + dt.timedelta(days=self.horizon_days)
        return self.label(asked.ids, origin, by) if is_over else None

    def label(self, ids: np.ndarray, origin: dt.date, known_on: dt.date) -> np.ndarray:
        """1 where no order came in the horizon, which has ended, as known at a day's closing."""
        back = self.ordered(origin, known_on)["account_id"].astype(str).unique()
        return (~pd.Series(ids).isin(back)).to_numpy(int)

    def ordered(self, origin: dt.date, known_on: dt.date) -> pd.DataFrame:
        """Days of the horizon with an order, as known at a day's closing."""
        after = pd.Timestamp(origin)
        end = after + pd.Timedelta(days=self.horizon_days)
        when = self.days["business_date"]
        return known(
            self.days[(when > after) & (when <= end) & (self.days["orders"] > 0)], known_on
        )

    def examples(self, origin: dt.date) -> Examples:
        last = origin - dt.timedelta(days=self.horizon_days)
        start = self.first + dt.timedelta(days=min(HISTORY_DAYS, (last - self.first).days // 2))
        origins, at = [], last
        while at >= start and at > self.first:
            origins.append(at)
            at -= STEP
        parts = [self._part(one, MOST_EXAMPLES // len(origins), origin) for one in origins]
        kept = [one for one in parts if len(one.rows)]
        labels = {label for one in kept for label in np.unique(one.label)}
        if len(labels) < 2:
            raise NothingToAsk(
                f"{origin}: the days from {self.first} are too few to learn from, or all accounts"
                " did the same; take a later origin or a shorter horizon"
            )
        return together(kept)

    def _part(self, origin: dt.date, most: int, known_on: dt.date) -> Examples:
        ids, rows = self.eligible(origin, most)
        return Examples(rows, self.label(ids, origin, known_on), np.ones(len(rows)))

    def before(self, origin: dt.date) -> dt.date | None:
        at = origin - dt.timedelta(days=self.horizon_days)
        return at if at > self.first + dt.timedelta(days=self.horizon_days) else None
