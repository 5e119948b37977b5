"""What all recommenders share: who bought what, and the best products by a model's scores.

A model file adds `score`, and what it needs of `learn`, `look`, `keep` and `restore`.
"""

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from jobs.training.recommenders.purchases import Purchases

Task = Literal["any", "new"]  # all that will be bought, or what was not bought before only
TASKS: tuple[Task, ...] = ("any", "new")


class ProductRecommender(ABC):
    """Letters: accounts A, products P; B accounts are scored at once."""

    name: ClassVar[str]
    Params: ClassVar[type]  # its half_life_weeks, where it has one, weighs the purchases
    reason: ClassVar[str]  # code of why it recommends what the account has not bought
    learns: ClassVar[bool] = True  # something of each product: others cannot be told of later
    whole: ClassVar[bool] = False  # takes every version of all rows, and cuts them itself
    # what its Params should be for a task, where not their defaults; chosen on weeks 41 to 44
    settings: ClassVar[Mapping[Task, Mapping[str, Any]]] = {}
    uses_plan: ClassVar[bool] = False  # knows promotions that begin after the day
    device = "cpu"
    store: Path | None = None  # where what was fitted on past days is kept
    purchases: Purchases

    def __init__(self, params: Any) -> None:
        self.params = params

    def learn(  # noqa: B027
        self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date
    ) -> None:
        """Learn from what was bought; nothing where the purchases say it all."""

    def look(self, interactions: pd.DataFrame, as_of: dt.date) -> None:  # noqa: B027
        """Take self.purchases as what accounts have bought, without learning."""

    @abstractmethod
    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (B, P) of accounts at places (B,) of purchases, and where they are personal."""

    def keep(self) -> dict[str, Any]:
        """What `learn` and `look` found, as arrays and sparse matrices."""
        return {}

    def restore(self, kept: Mapping[str, Any]) -> None:  # noqa: B027
        """Take what `keep` gave."""

    def universe(self, products: pd.DataFrame) -> np.ndarray | None:
        """Sorted ids of the products that can be recommended; null: those that were bought."""
        return None

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        """Learn from interactions dated up to as_of."""
        known = self.universe(products)
        if known is not None:
            known = np.union1d(known, interactions["product_id"].unique().astype(str))
        self.purchases = self._bought(interactions, as_of, known)
        self.learn(interactions, products, as_of)
        self.look(interactions, as_of)
        return self

    def observe(
        self,
        interactions: pd.DataFrame,
        as_of: dt.date,
        products: pd.DataFrame | None = None,
        promotions: pd.DataFrame | None = None,
    ) -> Self:
        """Take newer histories as input to what was learnt, without learning again.

        Null products: those that were learnt; null promotions: none.
        """
        learnt = self.purchases.products if self.learns else None
        self.purchases = self._bought(interactions, as_of, learnt)
        self.look(interactions, as_of)
        return self

    def _bought(
        self, interactions: pd.DataFrame, as_of: dt.date, products: np.ndarray | None
    ) -> Purchases:
        half_life_weeks = getattr(self.params, "half_life_weeks", None)
        return Purchases.of(interactions, as_of, half_life_weeks, products)

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        """Rows (account_id, rank from 1, product_id, score, reason_code), best first."""
        return self.purchases.best(
            self.score, self.reason, account_ids, k, candidates, exclude_owned
        )

    def save(self, folder: Path) -> None:
        (folder / "params.json").write_text(json.dumps(asdict(self.params)))
        self.purchases.save(folder)
        np.savez(folder / "learnt.npz", **packed(self.keep()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        model = cls(cls.Params(**json.loads((folder / "params.json").read_text())))
        model.purchases = Purchases.load(folder)
        with np.load(folder / "learnt.npz", allow_pickle=False) as kept:
            model.restore(unpacked(dict(kept)))
        return model


SPARSE = ("data", "indices", "indptr", "shape")


def packed(found: Mapping[str, Any]) -> dict[str, Any]:
    """Sparse matrices as arrays."""
    arrays: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, csr_matrix):
            arrays |= {f"{name}.{part}": np.asarray(getattr(value, part)) for part in SPARSE}
        else:
            arrays[name] = value
    return arrays


def unpacked(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What `packed` was given."""
    found: dict[str, Any] = {n: value for n, value in arrays.items() if "." not in n}
    for name in {n.partition(".")[0] for n in arrays if "." in n}:
        *parts, shape = (arrays[f"{name}.{part}"] for part in SPARSE)
        found[name] = csr_matrix(tuple(parts), shape=tuple(shape))
    return found


def everywhere(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are personal for every product."""
    return scores, np.ones(scores.shape, bool)


def where_above_zero(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are personal where there is one."""
    return scores, scores > 0
