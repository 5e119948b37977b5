"""item_knn: products like those that the account has bought, by who else bought them.

Sarwar et al., Item-Based Collaborative Filtering Recommendation Algorithms (WWW 2001), as computed
by the `implicit` library.
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
    weighting: Weighting = "cosine"  # of an account in a product's row
    neighbours: int = 200  # products that are kept as like a product, 1 or more
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = None
    threads: int = 2  # of the search, 1 or more


SPACE = {
    "weighting": CategoricalDistribution(("cosine", "tfidf", "bm25")),
    "neighbours": IntDistribution(20, 1_000, log=True),
    "half_life_weeks": CategoricalDistribution((None, 32.0, 16.0, 8.0)),
}


class ItemKnn(ProductRecommender):
    name: ClassVar[str] = "item_knn"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "goes_with_bought"

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        p = self.params
        bought_by = logged(self.purchases.orders).T.tocsr()  # (P, A)
        self.alike = nearest(bought_by, p.weighting, p.neighbours, p.threads)  # (P, P)

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return where_above_zero((logged(self.purchases.orders[places]) @ self.alike.T).toarray())

    def keep(self) -> dict[str, Any]:
        return {"alike": self.alike}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.alike = kept["alike"]
