"""als: matrix factorisation for implicit feedback by alternating least squares.

Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008), as computed
by the `implicit` library. Differs in that the confidence grows with log(1 + orders).
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from jobs.training.recommenders.purchases import Purchases, logged


@dataclass(frozen=True)
class Params:
    factors: int = 48  # size of an account's and a product's vector, 8..256
    regularization: float = 20.0  # weight of the vectors' squared length, above 0
    alpha: float = 1.0  # confidence per log(1 + orders), above 0
    iterations: int = 15  # alternating steps, 1..50
    threads: int = 2  # of the solver, 1 or more
    seed: int = 0  # of the first vectors


class Als:
    """Letters: accounts A, products P, factors F."""

    name: ClassVar[str] = "als"
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
        self.purchases = Purchases.of(interactions, as_of)
        # the solver has threads of its own; BLAS threads below them only get in their way
        with threadpool_limits(1, "blas"):
            model = self._solver()
            model.fit(logged(self.purchases.orders), show_progress=False)
        self.of_accounts = model.user_factors  # (A, F)
        self.of_products = model.item_factors  # (P, F)
        return self

    def observe(self, interactions: pd.DataFrame, as_of: dt.date) -> Self:
        self.purchases = Purchases.of(interactions, as_of, products=self.purchases.products)
        with threadpool_limits(1, "blas"):
            model = self._solver()
            model.item_factors = self.of_products
            model.user_factors = np.zeros((len(self.purchases.accounts), self.params.factors), "f4")
            self.of_accounts = model.recalculate_user(
                np.arange(len(self.purchases.accounts)), logged(self.purchases.orders)
            )
        return self

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

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        def score(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            scores = self.of_accounts[places] @ self.of_products.T  # (B, F) x (F, P) → (B, P)
            return scores, np.ones(scores.shape, bool)

        return self.purchases.best(
            score, "similar_customers", account_ids, k, candidates, exclude_owned
        )

    def save(self, folder: Path) -> None:
        (folder / "params.json").write_text(json.dumps(asdict(self.params)))
        self.purchases.save(folder)
        np.savez(folder / "factors.npz", accounts=self.of_accounts, products=self.of_products)

    @classmethod
    def load(cls, folder: Path) -> Self:
        model = cls(cls.Params(**json.loads((folder / "params.json").read_text())))
        model.purchases = Purchases.load(folder)
        with np.load(folder / "factors.npz", allow_pickle=False) as kept:
            model.of_accounts, model.of_products = kept["accounts"], kept["products"]
        return model
