"""department: an account will buy in a department of the shop in the days of a horizon.

Asked about is every account that churn asks about, with every department in which at least one in a
hundred of them has bought: one pooled model of all pairs, which knows a department by how it is
bought in, never by its name. A pair that is new to the account, nothing there in the twelve weeks
before, is cross-sell, and is judged beside all others.
"""

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from jobs.training.data import known, known_by
from jobs.training.propensity import accuracy
from jobs.training.propensity.calibration import SPREAD
from jobs.training.propensity.churn import HISTORY_DAYS, Churn
from jobs.training.propensity.classifier import Examples, Rows, together
from jobs.training.propensity.department_features import LATELY, features
from jobs.training.propensity.task import Asked, NothingToAsk

FEWEST_BUYERS = 0.01  # of the accounts that are asked about
STEP = dt.timedelta(weeks=4)  # between origins that are learnt from: pairs are many
MOST_ACCOUNTS = 4_000  # of all origins together; beyond it every origin has a part of them

Pairs = tuple[np.ndarray, np.ndarray, Rows]  # accounts, departments, and what is known of each pair


@dataclass
class Department:
    """Of account days (see `transactions`), and of what was bought by department."""

    days: pd.DataFrame
    bought: pd.DataFrame  # see `transactions.by_department`
    horizon_days: int = 28
    name: str = "department"
    subject: str = "account_id"
    # pairs are not told by week, and deep trees of so many are slow to say why
    without: tuple[str, ...] = ("sequence", "forest", "blend")
    baseline: str = "there_windows_share"
    spread: float = SPREAD
    seen: dict[tuple[dt.date, int | None], Pairs] = field(default_factory=dict)

    @cached_property
    def accounts(self) -> Churn:
        """Who is asked about."""
        return Churn(self.days, self.horizon_days)

    def asked(self, origin: dt.date) -> Asked:
        is_over = self.accounts.asked(origin).label is not None
        ids, departments, rows = self._pairs(origin)
        if not len(rows):
            raise NothingToAsk(
                f"{origin}: in no department {FEWEST_BUYERS:.0%} of the accounts have bought; take"
                " a later origin, or coarser departments"
            )
        asked = Asked(ids, rows, None, departments)
        if is_over:
            label = self._label(asked.ids, departments, origin, self.accounts.known_on)
            return Asked(ids, rows, label, departments)
        return asked

    def came(self, asked: Asked, origin: dt.date, by: dt.date) -> np.ndarray | None:
        is_over = by >= origin + dt.timedelta(days=self.horizon_days)
        assert asked.about is not None
        return self._label(asked.ids, asked.about, origin, by) if is_over else None

    def examples(self, origin: dt.date) -> Examples:
        last = origin - dt.timedelta(days=self.horizon_days)
        first = self.accounts.first
        start = first + dt.timedelta(days=min(HISTORY_DAYS, (last - first).days // 2))
        count = max((last - start) // STEP + 1, 0) if last > first else 0
        origins = [last - n * STEP for n in range(count)]
        parts = [self._part(one, MOST_ACCOUNTS // len(origins), origin) for one in origins]
        kept = [one for one in parts if len(one.rows)]
        if len({label for one in kept for label in np.unique(one.label)}) < 2:
            raise NothingToAsk(
                f"{origin}: the days from {first} are too few to learn from, or all accounts bought"
                " alike; take a later origin or a shorter horizon"
            )
        return together(kept)

    def _part(self, origin: dt.date, most: int, known_on: dt.date) -> Examples:
        ids, departments, rows = self._pairs(origin, most)
        label = self._label(ids, departments, origin, known_on)
        return Examples(rows, label, np.ones(len(rows)))

    def before(self, origin: dt.date) -> dt.date | None:
        return self.accounts.before(origin)

    def _pairs(self, origin: dt.date, most: int | None = None) -> Pairs:
        """Sorted by account, then department. Args: most: accounts, about; null: all."""
        if (origin, most) not in self.seen:
            self.seen[origin, most] = self._looked_up(origin, most)
        return self.seen[origin, most]

    def _looked_up(self, origin: dt.date, most: int | None) -> Pairs:
        ids, rows = self.accounts.eligible(origin, most)
        then = known_by(self.bought, origin)
        then = then[then["account_id"].isin(ids)]
        buyers = then.groupby("department", observed=True)["account_id"].nunique()
        departments = np.sort(buyers.index[buyers >= FEWEST_BUYERS * len(ids)].to_numpy(str))
        told = features(then, ids, rows.features, departments, origin, self.horizon_days)
        pairs = Rows(told, np.zeros((len(told), 0, 0), np.float32))
        return np.repeat(ids, len(departments)), np.tile(departments, len(ids)), pairs

    def _label(
        self, ids: np.ndarray, departments: np.ndarray, origin: dt.date, known_on: dt.date
    ) -> np.ndarray:
        """1 where something was bought there in the horizon, as known at a day's closing."""
        after = pd.Timestamp(origin)
        end = after + pd.Timedelta(days=self.horizon_days)
        when = self.bought["business_date"]
        came = known(self.bought[(when > after) & (when <= end)], known_on)
        bought = pd.MultiIndex.from_frame(came[["account_id", "department"]].astype(str))
        return pd.MultiIndex.from_arrays([ids, departments]).isin(bought).astype(int)


def judged(asked: Asked, chance: np.ndarray) -> dict[str, pd.Series]:
    """All metrics, of all pairs and of those new to their account; `auc_in_department` too.

    Of each account one number, whose mean is the metric, since its departments are not separate
    draws: a bootstrap over accounts gives the interval.
    """
    label, departments = asked.label, asked.about
    assert label is not None
    assert departments is not None
    found = {
        metric: accuracy.by_account(values, asked.ids)
        for metric, values in accuracy.per_account(chance, label).items()
    }
    areas = np.full(len(label), np.nan)
    for one in np.unique(departments):
        here = departments == one
        areas[here] = accuracy.auc(chance[here], label[here])
    found["auc_in_department"] = accuracy.by_account(pd.Series(areas), asked.ids)
    new = (asked.rows.features[LATELY] == 0).to_numpy()
    if new.any():
        of_new = accuracy.per_account(chance[new], label[new]).items()
        found |= {f"new_{m}": accuracy.by_account(v, asked.ids[new], asked.ids) for m, v in of_new}
    return found
