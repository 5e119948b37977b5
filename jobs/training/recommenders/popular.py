"""popular: the products in most orders of late, the same for every account: the naive baseline."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.recommenders.purchases import Purchases


@dataclass(frozen=True)
class Params:
    weeks: int = 52  # weeks back from as_of, 1 or more


class Popular:
    name: ClassVar[str] = "popular"
    Params: ClassVar[type] = Params
    device = "cpu"

    def __init__(self, params: Any) -> None:
        self.params = params

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        return self.observe(interactions, as_of)

    def observe(self, interactions: pd.DataFrame, as_of: dt.date) -> Self:
        self.purchases = Purchases.of(interactions, as_of)
        since = pd.Timestamp(as_of - dt.timedelta(weeks=self.params.weeks))
        late = interactions[interactions["business_date"] > since]
        kept = Purchases.of(late, as_of, products=self.purchases.products)
        self.orders = np.asarray(kept.orders.sum(axis=0)).ravel()  # (P,)
        return self

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        def score(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            scores = np.tile(self.orders, (len(places), 1))  # (B, P)
            return scores, np.zeros(scores.shape, bool)

        return self.purchases.best(score, "popular_now", account_ids, k, candidates, exclude_owned)

    def save(self, folder: Path) -> None:
        (folder / "params.json").write_text(json.dumps(asdict(self.params)))
        self.purchases.save(folder)
        np.save(folder / "orders.npy", self.orders)

    @classmethod
    def load(cls, folder: Path) -> Self:
        model = cls(cls.Params(**json.loads((folder / "params.json").read_text())))
        model.purchases = Purchases.load(folder)
        model.orders = np.load(folder / "orders.npy", allow_pickle=False)
        return model
