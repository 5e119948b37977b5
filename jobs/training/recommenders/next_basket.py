"""next_basket: how often the account buys each product, mixed with the same of its neighbours.

Hu et al., Modeling Personalized Item Frequency Information for Next-basket Recommendation (SIGIR
2020), TIFU-kNN. Differs in that a basket's weight halves by the calendar, not by groups of baskets,
and that neighbours are found by cosine.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.sparse import csr_matrix, diags

from jobs.training.recommenders.neighbours import nearest
from jobs.training.recommenders.recommender import ProductRecommender, Task, where_above_zero


@dataclass(frozen=True)
class Params:
    half_life_weeks: float | None = 16.0  # weeks after which a basket counts half, above 0
    neighbours: int = 100  # accounts that are asked, 1 or more
    own_share: float = 0.6  # weight of the account's own frequencies, 0..1
    threads: int = 2  # of the search, 1 or more


SPACE = {
    "half_life_weeks": FloatDistribution(4.0, 64.0, log=True),
    "neighbours": IntDistribution(20, 500, log=True),
    "own_share": FloatDistribution(0.1, 0.9),
}


class NextBasket(ProductRecommender):
    name: ClassVar[str] = "next_basket"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"
    settings: ClassVar[Mapping[Task, Mapping[str, Any]]] = {"new": {"own_share": 0.3}}
    learns: ClassVar[bool] = False

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:
        p = self.params
        days = interactions[["account_id", "business_date"]].drop_duplicates()["account_id"]
        baskets = days.value_counts().reindex(self.purchases.accounts).to_numpy(np.float64)
        frequencies = diags(1 / baskets) @ self.purchases.orders
        self.frequencies: csr_matrix = frequencies.tocsr().astype(np.float32)  # (A, P)
        alike = nearest(self.frequencies, "cosine", p.neighbours, p.threads)
        alike.data[:] = 1 / np.repeat(np.diff(alike.indptr), np.diff(alike.indptr))
        self.neighbours = alike  # (A, A), rows sum to 1

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = self.params.own_share
        theirs = self.neighbours[places] @ self.frequencies  # (B, A) x (A, P) → (B, P)
        return where_above_zero((own * self.frequencies[places] + (1 - own) * theirs).toarray())

    def keep(self) -> dict[str, Any]:
        return {"frequencies": self.frequencies, "neighbours": self.neighbours}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.frequencies, self.neighbours = kept["frequencies"], kept["neighbours"]
