"""logistic: a regression on ranks of the features, as normal scores, with a ridge.

Cox: The Regression Analysis of Binary Sequences (1958). Spend and counts have long tails; their
ranks among the examples, put on the normal curve, have none. Terms are weight x (score - mean).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from jobs.training.propensity.classifier import BASE, Examples, Rows

STATE = "logistic.npz"
PARAMS = "params.json"


@dataclass(frozen=True)
class Params:
    columns: tuple[str, ...] = ()  # that are looked at; empty: all
    strictness: float = 300.0  # ridge on the weights, above 0
    knots: int = 200  # of the ranks of a feature, 2 or more
    furthest: float = 3.0  # normal scores are cut there, above 0


class Logistic:
    """See the module's text."""

    name: ClassVar[str] = "logistic"
    Params: ClassVar[type] = Params

    def __init__(self, params: Any) -> None:
        self.params = params
        self.device = "cpu"

    def fit(self, examples: Examples) -> Self:
        features = examples.rows.features
        self.columns = [str(c) for c in (self.params.columns or features.columns)]
        at = np.linspace(0, 1, self.params.knots)
        self.knots = np.quantile(features[self.columns].to_numpy(float), at, axis=0)  # (K, F)
        scores = self._scores(examples.rows)
        self.means = scores.mean(axis=0)
        weights = LogisticRegression(C=1 / self.params.strictness, max_iter=1000)
        weights.fit(scores - self.means, examples.label, examples.weight)
        self.weights, self.base = weights.coef_[0], float(weights.intercept_[0])
        return self

    def _scores(self, rows: Rows) -> np.ndarray:
        """Normal scores; a value that many share has the middle of their ranks. (N, F)"""
        values, furthest = rows.features[self.columns].to_numpy(float), self.params.furthest
        found = np.empty_like(values)
        for place in range(values.shape[1]):
            knots = self.knots[:, place]
            below = np.searchsorted(knots, values[:, place], side="left")
            upto = np.searchsorted(knots, values[:, place], side="right")
            rank = (below + upto) / 2 / len(knots)
            found[:, place] = norm.ppf(np.clip(rank, 1e-6, 1 - 1e-6))
        return np.clip(found, -furthest, furthest)

    def margin(self, rows: Rows) -> np.ndarray:
        found: np.ndarray = (self._scores(rows) - self.means) @ self.weights + self.base
        return found

    def terms(self, rows: Rows) -> pd.DataFrame:
        each = pd.DataFrame((self._scores(rows) - self.means) * self.weights, columns=self.columns)
        return each.assign(**{BASE: self.base})

    def save(self, folder: Path) -> None:
        state = {"knots": self.knots, "means": self.means, "weights": self.weights}
        np.savez(folder / STATE, base=self.base, columns=np.array(self.columns), **state)
        (folder / PARAMS).write_text(json.dumps(asdict(self.params)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / PARAMS).read_text())
        found = cls(cls.Params(**{**told, "columns": tuple(told["columns"])}))
        state = np.load(folder / STATE)
        found.columns = [str(c) for c in state["columns"]]
        found.knots, found.means, found.weights = (state[n] for n in ("knots", "means", "weights"))
        found.base = float(state["base"])
        return found
