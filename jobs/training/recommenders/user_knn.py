"""user_knn: what accounts bought that buy like this one.

Herlocker et al., An Algorithmic Framework for Performing Collaborative Filtering (SIGIR 1999), for
orders in place of ratings; neighbours as the `implicit` library finds them.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, IntDistribution

from jobs.training.recommenders.neighbours import Weighting, nearest
from jobs.training.recommenders.purchases import logged
from jobs.training.recommenders.recommender import ProductRecommender, where_above_zero


@dataclass(frozen=True)
class Params:
    weighting: Weighting = "tfidf"  # of a product in an account's row
    neighbours: int = 100  # accounts that are asked, 1 or more
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = None
    threads: int = 2  # of the search, 1 or more


SPACE = {
    "weighting": CategoricalDistribution(("cosine", "tfidf", "bm25")),
    "neighbours": IntDistribution(20, 500, log=True),
    "half_life_weeks": CategoricalDistribution((None, 32.0, 16.0, 8.0)),
}


class UserKnn(ProductRecommender):
    name: ClassVar[str] = "user_knn"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"
    learns: ClassVar[bool] = False

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        p = self.params
        self.orders = logged(self.purchases.orders)
        self.alike = nearest(self.orders, p.weighting, p.neighbours, p.threads)  # (A, A)

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # (B, A) x (A, P) → (B, P)
        return where_above_zero((self.alike[places] @ self.orders).toarray())

    def keep(self) -> dict[str, Any]:
        return {"alike": self.alike}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.alike, self.orders = kept["alike"], logged(self.purchases.orders)
