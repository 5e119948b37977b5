"""Intervals from what the same procedure missed at past origins: split conformal, both ends apart.

Lei et al.: Distribution-Free Predictive Inference for Regression (JASA 113, 2018), 5.2: misses are
divided by a scale of the account. Here that is how much its weeks differ, over so many weeks as are
foretold; misses of all accounts and past origins are pooled, and the ends are the floor((n + 1) *
.1)-th smallest and as much as that from the largest of n. Differs in that the past origins are not
exchangeable with the next one: that 80% are covered is measured, not proven.
"""

import math

import numpy as np

from jobs.training.value.history import WEEK, History

TAIL = 0.1  # of accounts whose spend lies beyond each end of the 80% interval
PAST_ORIGINS = 3  # that the misses are from, at most
STEP_DAYS = 28  # between two of them
WEEKS = 16  # that say how much an account's weeks differ
LEAST = 0.1  # of a scale, in the mean one: an account that spent nothing lately may return


def scale(history: History, horizon_days: int) -> np.ndarray:
    """USD by which an account's next days may differ. (A,)"""
    weeks = history.weekly(history.sales, WEEKS)
    spread = weeks.std(axis=1) * math.sqrt(horizon_days / WEEK)
    return spread + max(LEAST * float(spread[history.typical].mean()), 0.01)


def ends(missed: np.ndarray) -> tuple[float, float] | None:
    """How many scales both ends lie from the answer; null where nothing was missed before.

    Args:
        missed: (actual - foretold) / scale, of past origins.
    """
    if not len(missed):
        return None
    ordered = np.sort(missed)
    beyond = max(math.floor((len(ordered) + 1) * TAIL), 1)
    return float(ordered[beyond - 1]), float(ordered[-beyond])


def around(
    value: np.ndarray, scales: np.ndarray, by: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """lo80 and hi80, with the value between and none below 0; NaN where `ends` is null. (A,)"""
    if by is None:
        return np.full(len(value), np.nan), np.full(len(value), np.nan)
    low = np.clip(value + by[0] * scales, 0.0, value)
    return low, np.maximum(value + by[1] * scales, value)
