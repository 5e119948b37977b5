"""popular: what most accounts bought of late, the same for every account: the naive baseline.

Buyers and four weeks were chosen on weeks 41 to 44 of the public panel, for products and for kinds
of products: what few accounts order again and again says little of the others.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, IntDistribution

from jobs.training.recommenders.purchases import Purchases
from jobs.training.recommenders.recommender import ProductRecommender


@dataclass(frozen=True)
class Params:
    weeks: int = 4  # weeks back from as_of, 1 or more
    counts: Literal["buyers", "orders"] = "buyers"  # what makes a product popular


SPACE = {
    "weeks": IntDistribution(1, 52, log=True),
    "counts": CategoricalDistribution(("buyers", "orders")),
}


class Popular(ProductRecommender):
    name: ClassVar[str] = "popular"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "popular_now"
    learns: ClassVar[bool] = False

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        since = pd.Timestamp(as_of - dt.timedelta(weeks=self.params.weeks))
        late = interactions[interactions["business_date"] > since]
        kept = Purchases.of(late, as_of, products=self.purchases.products)
        orders = kept.orders
        found = orders.getnnz(axis=0) if self.params.counts == "buyers" else orders.sum(axis=0)
        self.bought = np.asarray(found, np.float64).ravel()  # (P,)

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.tile(self.bought, (len(places), 1))
        return scores, np.zeros(scores.shape, bool)

    def keep(self) -> dict[str, Any]:
        return {"bought": self.bought}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.bought = kept["bought"]
