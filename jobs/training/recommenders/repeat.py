"""repeat: what the account itself buys often, lately more than long ago; then what is popular."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from optuna.distributions import CategoricalDistribution

from jobs.training.recommenders.recommender import ProductRecommender, where_above_zero


@dataclass(frozen=True)
class Params:
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = 16.0


SPACE = {"half_life_weeks": CategoricalDistribution((None, 32.0, 16.0, 12.0, 8.0, 4.0))}


class Repeat(ProductRecommender):
    name: ClassVar[str] = "repeat"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "bought_often"
    learns: ClassVar[bool] = False

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return where_above_zero(self.purchases.orders[places].toarray())
