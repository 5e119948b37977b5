"""ease: how much each product speaks for each other one, in closed form.

Steck, Embarrassingly Shallow Autoencoders for Sparse Data (WWW 2019). The inverse is of the
MOST products with the most buyers; those beyond are scored by item_knn, on the same scale.
"""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from jobs.training.recommenders.neighbours import nearest
from jobs.training.recommenders.purchases import logged
from jobs.training.recommenders.recommender import ProductRecommender, Task, everywhere

logger = logging.getLogger(__name__)

MOST = 20_000  # products: their inverse takes 1.6 GB
NEIGHBOURS = 200  # of a product beyond
BLOCK = 1_000  # columns of a matrix that are made at once


@dataclass(frozen=True)
class Params:
    # tuned on any, 2026-11-26: trial 4, run 62894ae814144864b09726bb3ad6a14b
    regularization: float = 18.4  # added to each product's own weight, above 0
    counts: Literal["log", "binary"] = "log"  # what the tenth order of a product tells
    threads: int = 2  # of the search for neighbours, 1 or more


SPACE = {
    "regularization": FloatDistribution(1.0, 2_000.0, log=True),
    "counts": CategoricalDistribution(("log", "binary")),
}


class Ease(ProductRecommender):
    """Letters: accounts A, products P, of which M are in the inverse."""

    name: ClassVar[str] = "ease"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "goes_with_bought"
    settings: ClassVar[Mapping[Task, Mapping[str, Any]]] = {
        "new": {"regularization": 1000.0, "counts": "binary"}
    }

    def learn(self, interactions: pd.DataFrame, products: pd.DataFrame, as_of: dt.date) -> None:
        buyers = np.bincount(
            self.purchases.orders.indices, minlength=self.purchases.orders.shape[1]
        )
        self.inside = np.sort(np.argsort(-buyers, kind="stable")[:MOST])  # (M,)
        self._weigh()

    def _weigh(self) -> None:
        orders = self._counted(self.purchases.orders)
        self.weights = closed_form(orders[:, self.inside], self.params.regularization)  # (M, M)
        self.beyond = np.setdiff1d(np.arange(orders.shape[1]), self.inside)
        if len(self.beyond):
            logger.info(
                "ease: %d products with the most buyers in closed form, %d beyond by item_knn",
                len(self.inside),
                len(self.beyond),
            )
            alike = nearest(orders.T.tocsr(), "cosine", NEIGHBOURS, self.params.threads)
            self.alike = alike[self.beyond].T.tocsr()  # (P, P - M)
            self.scale = self._scale(orders, alike)

    def _scale(self, orders: csr_matrix, alike: csr_matrix) -> float:
        """Of item_knn's scores: such that those of bought products inside are as large."""
        some = np.linspace(0, orders.shape[0] - 1, min(orders.shape[0], 512)).astype(int)
        owned = orders[some][:, self.inside].toarray() > 0
        ours = orders[some][:, self.inside] @ self.weights
        theirs = (orders[some] @ alike[self.inside].T).toarray()
        return float(ours[owned].mean() / max(theirs[owned].mean(), 1e-12))

    def _counted(self, orders: csr_matrix) -> csr_matrix:
        if self.params.counts == "log":
            return logged(orders)
        return (orders > 0).astype(np.float32).tocsr()

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        orders = self._counted(self.purchases.orders[places])  # (B, P)
        inside = orders[:, self.inside] @ self.weights  # (B, M) x (M, M) → (B, M)
        if not len(self.beyond):
            return everywhere(inside)
        scores = np.empty(orders.shape, np.float32)
        scores[:, self.inside] = inside
        scores[:, self.beyond] = self.scale * (orders @ self.alike).toarray()
        return everywhere(scores)

    def keep(self) -> dict[str, Any]:
        # not the weights: they are made again in seconds, and take a third of a gigabyte
        return {"inside": self.inside}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.inside = kept["inside"]
        self._weigh()


def closed_form(orders: csr_matrix, regularization: float) -> np.ndarray:
    """B = I - P / diag(P), P the inverse of X'X + regularization; its diagonal is 0. (M, M)

    Raises:
        ValueError: the regularization is not above 0.
    """
    if regularization <= 0:
        raise ValueError(f"ease: regularization {regularization}: above 0 is needed")
    # whatever lies beside the one matrix is made in blocks: of the 20,000 it takes 1.6 GB
    gram = np.empty((orders.shape[1],) * 2, np.float32, order="F")
    for block in np.array_split(np.arange(len(gram)), len(gram) // BLOCK + 1):
        gram[:, block] = (orders.T @ orders[:, block]).toarray()
    gram[np.diag_indices_from(gram)] += regularization
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError(f"ease: no inverse at regularization {regularization}: take a larger one")
    weights = inverse.T  # potri fills one half; this is the upper one, rows in order
    for start in range(0, len(weights), BLOCK):
        end = start + BLOCK
        weights[end:, start:end] = weights[start:end, end:].T
        square = weights[start:end, start:end]
        square += np.triu(square, 1).T
    weights /= -np.diag(weights).copy()  # column j over P_jj
    weights[np.diag_indices_from(weights)] = 0
    found: np.ndarray = weights
    return found
