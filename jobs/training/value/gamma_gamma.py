"""Gamma-Gamma: what an account spends per purchase, drawn towards all the more the less it bought.

Fader, Hardie: The Gamma-Gamma Model of Monetary Value (2013), used in Fader, Hardie, Lee: RFM and
CLV (Journal of Marketing Research 42, 2005). A purchase is gamma(p, v) and v differs between
accounts as gamma(q, gamma). Differs in that q is held above 1: below, the mean over accounts is
infinite.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

SMALLEST, LARGEST = np.exp(-8.0), np.exp(10.0)  # of a parameter
SMALLEST_Q = 1.01


@dataclass(frozen=True)
class GammaGamma:
    p: float
    q: float
    gamma: float  # USD

    @classmethod
    def fit(cls, purchases: np.ndarray, mean_usd: np.ndarray) -> Self:
        """By maximum likelihood; accounts without a purchase, or without spend, are left out.

        Without anybody left, all spend nothing.
        """
        told = (purchases > 0) & (mean_usd > 0)
        if not told.any():
            return cls(1.0, 2.0, 0.0)
        x, mean = purchases[told], mean_usd[told]
        unit = float(np.median(mean))  # of money, so that any is alike to the search

        def loss(logs: np.ndarray) -> float:
            of = cls(*(float(one) for one in np.exp(logs)))
            return -float(of.log_likelihood(x, mean / unit).mean())

        smallest, largest = np.log(SMALLEST), np.log(LARGEST)
        limits = [(smallest, largest), (np.log(SMALLEST_Q), largest), (smallest, largest)]
        start = np.log([1.0, 2.0, 1.0])
        p, q, gamma = np.exp(minimize(loss, start, method="L-BFGS-B", bounds=limits).x)
        return cls(float(p), float(q), float(gamma * unit))

    def log_likelihood(self, purchases: np.ndarray, mean_usd: np.ndarray) -> np.ndarray:
        """Of a mean of so many purchases, 1 or more, above 0 USD. (A,)"""
        shape = self.p * purchases
        found: np.ndarray = (
            gammaln(shape + self.q)
            - gammaln(shape)
            - gammaln(self.q)
            + self.q * np.log(self.gamma)
            + (shape - 1) * np.log(mean_usd)
            + shape * np.log(purchases)
            - (shape + self.q) * np.log(self.gamma + purchases * mean_usd)
        )
        return found

    def expected(self, purchases: np.ndarray, mean_usd: np.ndarray) -> np.ndarray:
        """USD per purchase; that of all, p * gamma / (q - 1), where there was none. (A,)

        p * (gamma + x * mean) / (p * x + q - 1), with x purchases.
        """
        total = self.gamma + purchases * np.maximum(mean_usd, 0.0)
        found: np.ndarray = self.p * total / (self.p * purchases + self.q - 1)
        return found
