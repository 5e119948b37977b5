"""bpr: matrix factorisation that puts what was bought above what was not.

Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback (UAI 2009), as computed by
the `implicit` library. An account that was not learnt stands where its products stand on average.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from implicit.cpu.bpr import BayesianPersonalizedRanking
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.sparse import csr_matrix

from jobs.training.recommenders.neighbours import weighted
from jobs.training.recommenders.recommender import ProductRecommender, everywhere


@dataclass(frozen=True)
class Params:
    factors: int = 64  # size of an account's and a product's vector, 8..256
    learning_rate: float = 0.05  # of stochastic gradient descent, above 0
    regularization: float = 0.01  # weight of the vectors' squared length, 0 or more
    iterations: int = 100  # passes over the purchases, 1 or more
    threads: int = 1  # of the solver, 1 or more; with more than one no two fits are the same
    seed: int = 0  # of the first vectors and of the samples


SPACE = {
    "factors": IntDistribution(16, 128, log=True),
    "learning_rate": FloatDistribution(0.01, 0.2, log=True),
    "regularization": FloatDistribution(0.001, 0.1, log=True),
    "iterations": IntDistribution(20, 200, log=True),
}


class Bpr(ProductRecommender):
    """Letters: accounts A, products P, factors F; the last factor is the product's own bias."""

    name: ClassVar[str] = "bpr"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        p = self.params
        model = BayesianPersonalizedRanking(
            factors=p.factors,
            learning_rate=p.learning_rate,
            regularization=p.regularization,
            iterations=p.iterations,
            num_threads=p.threads,
            random_state=p.seed,
        )
        model.fit((self.purchases.orders > 0).astype(np.float32).tocsr(), show_progress=False)
        self.of_learnt = model.user_factors  # (A, F)
        self.of_products = model.item_factors  # (P, F)
        self.learnt = self.purchases.accounts

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        mean: csr_matrix = weighted((self.purchases.orders > 0).astype(np.float64), "cosine")
        self.of_accounts = (mean @ self.of_products).astype(np.float32)
        self.of_accounts[:, -1] = 1  # the bias counts once
        _, here, there = np.intersect1d(self.purchases.accounts, self.learnt, return_indices=True)
        self.of_accounts[here] = self.of_learnt[there]

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # (B, F) x (F, P) → (B, P)
        return everywhere(self.of_accounts[places] @ self.of_products.T)

    def keep(self) -> dict[str, Any]:
        return {
            "accounts": self.of_accounts,
            "products": self.of_products,
            "learnt": self.learnt,
            "of_learnt": self.of_learnt,
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.of_accounts, self.of_products = kept["accounts"], kept["products"]
        self.learnt, self.of_learnt = kept["learnt"], kept["of_learnt"]
