"""als: matrix factorisation for implicit feedback by alternating least squares.

Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008), as computed
by the `implicit` library. Differs in that the confidence grows with log(1 + orders).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from threadpoolctl import threadpool_limits

from jobs.training.recommenders.purchases import logged
from jobs.training.recommenders.recommender import ProductRecommender, everywhere


@dataclass(frozen=True)
class Params:
    # size of an account's and a product's vector, 8..256; chosen on weeks 41 to 44 of the public
    # panel, for products and for kinds of products
    factors: int = 128
    regularization: float = 20.0  # weight of the vectors' squared length, above 0
    alpha: float = 1.0  # confidence per log(1 + orders), above 0
    iterations: int = 15  # alternating steps, 1..50
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = None
    threads: int = 2  # of the solver, 1 or more
    seed: int = 0  # of the first vectors


SPACE = {
    "factors": IntDistribution(16, 192, log=True),
    "regularization": FloatDistribution(0.1, 100.0, log=True),
    "alpha": FloatDistribution(0.25, 16.0, log=True),
    "iterations": IntDistribution(5, 30),
    "half_life_weeks": CategoricalDistribution((None, 32.0, 16.0, 8.0)),
}


class Als(ProductRecommender):
    """Letters: accounts A, products P, factors F."""

    name: ClassVar[str] = "als"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        # the solver has threads of its own; BLAS threads below them only get in their way
        with threadpool_limits(1, "blas"):
            model = self._solver()
            model.fit(logged(self.purchases.orders), show_progress=False)
        self.of_products = model.item_factors  # (P, F)

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        accounts = len(self.purchases.accounts)
        with threadpool_limits(1, "blas"):
            model = self._solver()
            model.item_factors = self.of_products
            model.user_factors = np.zeros((accounts, self.params.factors), "f4")
            orders = logged(self.purchases.orders)
            self.of_accounts = model.recalculate_user(np.arange(accounts), orders)  # (A, F)

    def _solver(self) -> AlternatingLeastSquares:
        p = self.params
        return AlternatingLeastSquares(
            factors=p.factors,
            regularization=p.regularization,
            alpha=p.alpha,
            iterations=p.iterations,
            num_threads=p.threads,
            random_state=p.seed,
        )

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # (B, F) x (F, P) → (B, P)
        return everywhere(self.of_accounts[places] @ self.of_products.T)

    def keep(self) -> dict[str, Any]:
        return {"accounts": self.of_accounts, "products": self.of_products}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.of_accounts, self.of_products = kept["accounts"], kept["products"]
