"""What the learnt model sees of an account: numbers of its past, in USD and orders of a horizon.

Rates are per horizon, so that what was learnt at one past date holds at another. Products and
discounts did not help at origins up to week 32 of the public panel, and are not among them.
"""

import numpy as np
import pandas as pd

from jobs.training.value.history import WEEK, History
from jobs.training.value.lifetime import Purchases, learnt

WEEKS = (1, 2, 4, 8, 12, 24, 52)  # of the plain rates
HALF_LIVES = (4, 8, 16)  # weeks, of the fading rates
LATELY = 16  # weeks that say how regular an account is
SHORTEST = 2 * WEEK  # days by which an account's own rate is divided at least


def signals(history: History, horizon_days: int) -> pd.DataFrame:
    """One row per account of the history, in its order."""
    found = _rates(history, horizon_days) | _life(history, horizon_days) | _weeks(history)
    return pd.DataFrame(found)


def _rates(history: History, horizon_days: int) -> dict[str, np.ndarray]:
    found = {}
    for weeks in WEEKS:
        for name, values in (("sales", history.sales), ("orders", history.orders)):
            found[f"{name}_{weeks}w"] = history.rate(values, weeks * WEEK) * horizon_days
    for weeks in HALF_LIVES:
        found[f"fading_{weeks}w"] = history.faded(history.sales, weeks) * horizon_days
    return found


def _life(history: History, horizon_days: int) -> dict[str, np.ndarray]:
    """Recency, age and what BG/NBD and Gamma-Gamma, fitted on the same day, make of them."""
    of = Purchases.of(history)
    buying, spending = learnt(of.at(history.typical))
    first, last = history.days_since(history.orders > 0)
    purchases = buying.expected(of.bought, horizon_days / WEEK)
    each = spending.expected(of.bought.repeats, of.repeat_usd)
    own = np.maximum(first + 1, SHORTEST)
    quarter = np.where(history.age < 12 * WEEK, history.sales, 0.0)
    return {
        "recency_days": last.astype(float),
        "age_days": first.astype(float),
        "repeats": of.bought.repeats,
        "gap_days": (first - last) / np.maximum(of.bought.repeats, 1),
        "alive": buying.alive(of.bought),
        "purchases": purchases,
        "mean_usd": of.mean_usd,
        "expected_usd": each,
        "purchases_mean_usd": purchases * of.mean_usd,
        "purchases_expected_usd": purchases * each,
        "own_rate": history.per_account(history.sales) / own * horizon_days,
        "own_rate_12w": history.per_account(quarter) / np.minimum(own, 12 * WEEK) * horizon_days,
    }


def _weeks(history: History) -> dict[str, np.ndarray]:
    sales = history.weekly(history.sales, LATELY)
    return {
        "weeks_sd": sales.std(axis=1),
        "weeks_median": np.median(sales, axis=1),
        "weeks_max": sales.max(axis=1),
        "weeks_with_sales": (sales > 0).mean(axis=1),
    }
