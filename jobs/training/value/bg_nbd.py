"""BG/NBD: how often each account buys, and whether it still does, from three numbers an account.

Fader, Hardie, Lee: "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model
(Marketing Science 24, 2005). While an account is alive its purchases are Poisson with a rate from
gamma(r, alpha); after each purchase it drops out for good with a probability from beta(a, b).
Differs in how it is computed only: in logarithms, over the distinct accounts with their counts, and
with the expectation (equation 10) after Euler's transformation of the hypergeometric function,
whose terms stay small however often an account bought.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

# Logarithms of parameters, time in units of the longest known: beyond, the data say nothing of them
# (at r or a of e^4 accounts are alike to 14%), and up to here the expectation never overflows.
LIMITS = [(-8.0, 4.0), (-8.0, 8.0), (-8.0, 4.0), (-8.0, 8.0)]  # r, alpha, a, b
APART = 1e-6  # of `a` from 1, where the expectation is 0 / 0; it moves by less than that


@dataclass(frozen=True)
class Bought:
    """What the model is told of accounts; time in any unit, the same for all. (A,) each."""

    repeats: np.ndarray  # purchases after the first, 0 or more: x
    last: np.ndarray  # time from the first purchase to the last one: t_x
    known: np.ndarray  # time from the first purchase to now: T

    def at(self, places: np.ndarray) -> Self:
        """Of some of the accounts."""
        return type(self)(self.repeats[places], self.last[places], self.known[places])


@dataclass(frozen=True)
class BgNbd:
    r: float
    alpha: float  # time
    a: float
    b: float

    @classmethod
    def fit(cls, bought: Bought) -> Self:
        """By maximum likelihood, from one start: the same accounts give the same parameters."""
        told = np.stack([bought.repeats, bought.last, bought.known], axis=1)
        rows, counts = np.unique(told, axis=0, return_counts=True)
        x, last, known = rows.T
        unit = max(float(known.max()), 1e-9)  # of time, so that any is alike to the search

        def loss(logs: np.ndarray) -> float:
            of = cls(*(float(one) for one in np.exp(logs)))
            scaled = Bought(x, last / unit, known / unit)
            return -float(np.average(of.log_likelihood(scaled), weights=counts))

        r, alpha, a, b = np.exp(minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=LIMITS).x)
        return cls(float(r), float(alpha * unit), float(a), float(b))

    def log_likelihood(self, bought: Bought) -> np.ndarray:
        """Equation 6, per account. (A,)"""
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, bought.repeats
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        common += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        alive = common - (r + x) * np.log(alpha + bought.known)
        found: np.ndarray = alive + np.logaddexp(0.0, self._log_odds_gone(bought))
        return found

    def _log_odds_gone(self, bought: Bought) -> np.ndarray:
        """Of having dropped out; minus infinity where nothing was bought again. (A,)"""
        x = np.maximum(bought.repeats, 1.0)
        longer = np.log(self.alpha + bought.known) - np.log(self.alpha + bought.last)
        odds = np.log(self.a) - np.log(self.b + x - 1) + (self.r + x) * longer
        return np.where(bought.repeats > 0, odds, -np.inf)

    def alive(self, bought: Bought) -> np.ndarray:
        """Probability of not having dropped out, 0..1; 1 where nothing was bought again. (A,)"""
        found: np.ndarray = np.exp(-np.logaddexp(0.0, self._log_odds_gone(bought)))
        return found

    def expected(self, bought: Bought, time: float) -> np.ndarray:
        """Purchases in the next so much time, given what was bought. (A,)"""
        a = self.a if abs(self.a - 1) > APART else 1 + APART
        x, total = bought.repeats, self.alpha + bought.known + time
        stays = (self.alpha + bought.known) / total
        series = hyp2f1(a + self.b - 1 - self.r, a - 1, a + self.b + x - 1, time / total)
        if_alive = (a + self.b + x - 1) / (a - 1) * (1 - stays ** (a - 1) * series)
        found: np.ndarray = np.maximum(if_alive, 0.0) * self.alive(bought)
        return found
