"""What is known of an account and a department on the evening of an origin, as columns.

What the account bought there before (`there_*`), how much it orders at all, how the department is
bought in by others, and what they buy who buy what the account does. The department's name and the
season are in none: what is learnt at one origin must hold at another.
"""

import datetime as dt

import numpy as np
import pandas as pd

from jobs.training.propensity.panel import NEVER

LATELY = "there_days_12_weeks"  # 0: nothing was bought there lately
WINDOWS = (4, 12, 26, 52)  # weeks
HALF_LIVES = (2, 8)  # weeks
LOOK_BACK_DAYS = NEVER
OF_ACCOUNT = (
    *("recency_days", "recency_per_gap", "gap_mean_days", "tenure_days", "empty_share"),
    *("orders_4_weeks", "order_days_4_weeks", "order_days_12_weeks", "order_days_26_weeks"),
    *("orders_half_life_4", "orders_4_of_12_weeks", "spend_12_weeks_usd", "basket_usd"),
)


def features(
    bought: pd.DataFrame,
    ids: np.ndarray,
    accounts: pd.DataFrame,
    departments: np.ndarray,
    origin: dt.date,
    horizon_days: int,
) -> pd.DataFrame:
    """One row per account and department, departments within accounts; float32, no null.

    Args:
        bought: account_id, department, business_date, sales_usd; nothing after the origin.
        accounts: what is known of each of the ids (see `features.features`).
    """
    shape = len(ids), len(departments)
    back = (pd.Timestamp(origin) - bought["business_date"]).dt.days.to_numpy()
    who = pd.Categorical(bought["account_id"].astype(str), categories=ids).codes
    where = pd.Categorical(bought["department"].astype(str), categories=departments).codes
    kept = (who >= 0) & (where >= 0) & (back < LOOK_BACK_DAYS)
    pair = who[kept].astype(np.int64) * shape[1] + where[kept]
    there = There(pair, back[kept], bought["sales_usd"].to_numpy(float)[kept], shape)
    of_account = {name: accounts[name].to_numpy() for name in OF_ACCOUNT}
    seen = (accounts["tenure_days"].to_numpy() + 1) // horizon_days
    found = {
        **there.counts(accounts),
        **there.rhythm(),
        **there.windows(horizon_days, seen),
        **{name: np.repeat(values, shape[1]) for name, values in of_account.items()},
    }
    return pd.DataFrame(found, dtype=np.float32)


class There:
    """What A accounts bought in D departments; P = A x D pairs.

    Args:
        pair: (N) place of the pair, account by account.
        back: (N) days before the origin.
        spent: (N) USD.
    """

    def __init__(
        self, pair: np.ndarray, back: np.ndarray, spent: np.ndarray, shape: tuple[int, int]
    ) -> None:
        self.pair, self.back, self.spent, self.shape = pair, back, spent, shape
        self.size = shape[0] * shape[1]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """By pair. (N) → (P)"""
        return np.bincount(self.pair, values, self.size)

    def counts(self, accounts: pd.DataFrame) -> dict[str, np.ndarray]:
        """Days and spend, over windows and under decays, and their part of the account's."""
        found = {}
        for weeks in WINDOWS:
            within = (self.back < 7 * weeks).astype(float)
            found[f"there_days_{weeks}_weeks"] = self.sums(within)
            found[f"there_spend_{weeks}_weeks_usd"] = self.sums(within * self.spent)
        for weeks in HALF_LIVES:
            found[f"there_half_life_{weeks}"] = self.sums(0.5 ** (self.back / 7 / weeks))
        for name, of in (("days_26_weeks", "order_days_26_weeks"), ("spend_26_weeks_usd",) * 2):
            whole = np.repeat(np.maximum(accounts[of].to_numpy(float), 1), self.shape[1])
            found[f"there_share_of_{name}"] = found[f"there_{name}"] / whole
        lately = self._table(found[LATELY] > 0)
        found["departments_12_weeks"] = np.repeat(lately.sum(axis=1), self.shape[1])
        found["department_affinity"] = affinity(lately).ravel()
        return found

    def rhythm(self) -> dict[str, np.ndarray]:
        """Days since the last time there, against the usual gap; NEVER where there is none."""
        last, first = np.full(self.size, NEVER), np.zeros(self.size, np.int64)
        np.minimum.at(last, self.pair, self.back)
        np.maximum.at(first, self.pair, self.back)
        days = self.sums(np.ones(len(self.pair)))
        gap = np.where(days > 1, (first - last) / np.maximum(days - 1, 1), NEVER)
        return {
            "there_recency_days": last,
            "there_gap_days": gap,
            "there_recency_per_gap": last / np.maximum(gap, 1),
        }

    def windows(self, horizon_days: int, seen: np.ndarray) -> dict[str, np.ndarray]:
        """In how many past stretches as long as the horizon something was bought there.

        Args:
            seen: (A) such stretches since the account's first order.
        """
        most = max(LOOK_BACK_DAYS // horizon_days, 1)
        seen = np.clip(seen, 1, most)
        window = self.back // horizon_days
        some = window < np.repeat(seen, self.shape[1])[self.pair]
        once = np.unique(self.pair[some] * most + window[some])
        bought = np.bincount(once // most, minlength=self.size)
        share = bought / np.repeat(seen, self.shape[1])
        # of those who ordered at all in a stretch, as shops are not always as full
        of_department = []
        for n in range(min(3, most)):
            here = self._table(np.bincount(once[once % most == n] // most, minlength=self.size) > 0)
            came = max(int(here.any(axis=1).sum()), 1)
            of_department.append(here.sum(axis=0) / came)
        lately, usual = of_department[0], np.mean(of_department, axis=0)
        trend = lately / np.maximum(usual, 1e-6)
        return {
            "there_windows_share": share,
            "department_buyers_share": np.tile(usual, self.shape[0]),
            "department_trend": np.tile(trend, self.shape[0]),
        }

    def _table(self, values: np.ndarray) -> np.ndarray:
        found: np.ndarray = values.reshape(self.shape)
        return found


def affinity(bought: np.ndarray) -> np.ndarray:
    """How much of what goes with a department the account bought, 0..1. (A, D) bool → (A, D)

    The mean of 0 and 1 over the other departments, weighted by the cosine of who buys in both.
    """
    of = bought.astype(float)
    together = of.T @ of
    buyers = np.sqrt(np.maximum(np.diag(together), 1))
    alike = together / buyers / buyers[:, None]
    np.fill_diagonal(alike, 0)
    found: np.ndarray = of @ alike / np.maximum(alike.sum(axis=0), 1e-6)
    return found
