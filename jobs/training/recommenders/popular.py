"""popular: the products in most orders of late, the same for every account: the naive baseline."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import IntDistribution

from jobs.training.recommenders.purchases import Purchases
from jobs.training.recommenders.recommender import ProductRecommender, Task


@dataclass(frozen=True)
class Params:
    weeks: int = 52  # weeks back from as_of, 1 or more


SPACE = {"weeks": IntDistribution(1, 52, log=True)}


class Popular(ProductRecommender):
    name: ClassVar[str] = "popular"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "popular_now"
    settings: ClassVar[Mapping[Task, Mapping[str, Any]]] = {
        "any": {"weeks": 52},
        "new": {"weeks": 4},
    }
    learns: ClassVar[bool] = False

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        since = pd.Timestamp(as_of - dt.timedelta(weeks=self.params.weeks))
        late = interactions[interactions["business_date"] > since]
        kept = Purchases.of(late, as_of, products=self.purchases.products)
        self.orders = np.asarray(kept.orders.sum(axis=0)).ravel()  # (P,)

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.tile(self.orders, (len(places), 1))
        return scores, np.zeros(scores.shape, bool)

    def keep(self) -> dict[str, Any]:
        return {"orders": self.orders}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.orders = kept["orders"]
