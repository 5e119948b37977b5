"""Differences of two means of different accounts, with a 95% interval."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_ind

from jobs.training.metrics import Estimate


def difference(ones: np.ndarray, others: np.ndarray) -> Estimate:
    """mean(ones) - mean(others), in their unit; Welch's interval: variances may differ."""
    found = ttest_ind(ones, others, equal_var=False)
    ends = found.confidence_interval(0.95)
    return Estimate(float(ones.mean() - others.mean()), float(ends.low), float(ends.high))


@dataclass(frozen=True)
class Steadied:
    """Both arms' outcomes without what the time before tells of them."""

    ones: np.ndarray
    others: np.ndarray
    share: float  # of the variance within the arms that is gone, 0..1


def steadied(
    ones: np.ndarray, others: np.ndarray, before_ones: np.ndarray, before_others: np.ndarray
) -> Steadied:
    """Outcome - theta (before - its mean over all), theta = cov(outcome, before) / var(before).

    Both within the arms, so that an effect is no part of theta. Deng, Xu, Kohavi, Walker: Improving
    the sensitivity of online controlled experiments by utilizing pre-experiment data (2013).
    """
    outcomes, befores = (ones, others), (before_ones, before_others)
    within = np.concatenate([of - of.mean() for of in outcomes])
    before = np.concatenate([of - of.mean() for of in befores])
    spread = float(before @ before)
    if not spread:  # nobody, or everybody alike: nothing to learn from
        return Steadied(ones, others, 0.0)
    theta = float(within @ before) / spread
    middle = np.concatenate(befores).mean()
    left = within - theta * before
    total = float(within @ within)
    share = 1 - float(left @ left) / total if total else 0.0
    return Steadied(
        ones - theta * (before_ones - middle), others - theta * (before_others - middle), share
    )
