"""repeat: what the account itself buys often, lately more than long ago; then what is popular."""

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
    # weeks after which an order counts half, above 0; null: every order counts 1
    half_life_weeks: float | None = 16.0


class Repeat:
    name: ClassVar[str] = "repeat"
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
        self.purchases = Purchases.of(interactions, as_of, self.params.half_life_weeks)
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
            scores = self.purchases.orders[places].toarray()  # (B, P)
            return scores, scores > 0

        return self.purchases.best(score, "bought_often", account_ids, k, candidates, exclude_owned)

    def save(self, folder: Path) -> None:
        (folder / "params.json").write_text(json.dumps(asdict(self.params)))
        self.purchases.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        model = cls(cls.Params(**json.loads((folder / "params.json").read_text())))
        model.purchases = Purchases.load(folder)
        return model
