"""Trees of LightGBM as classifiers: what gbm and forest share, terms by exact TreeSHAP.

Lundberg, Erion, Lee: Consistent Individualized Feature Attribution for Tree Ensembles (2018), as
LightGBM computes it. Rows of one kind come in one number, so a tree's leaves hold many customers.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
import pandas as pd

from jobs.training.propensity.classifier import BASE, Examples, Rows

MODEL, PARAMS = "trees.txt", "params.json"


class Boosted(ABC):
    """Fitted trees, and the columns that they know."""

    name: ClassVar[str]
    Params: ClassVar[type]

    def __init__(self, params: Any) -> None:
        self.params = params
        self.trees: lightgbm.Booster
        self.device = "cpu"

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """LightGBM's parameters that differ between the models."""

    def fit(self, examples: Examples) -> Self:
        told = {"objective": "binary", "verbose": -1, "deterministic": True, "force_row_wise": True}
        count = len(examples.label)
        known = {**told, "seed": self.params.seed, **self.settings()}
        known["min_data_in_leaf"] = max(1, min(self.params.smallest_leaf, count // 50))
        learnt = lightgbm.Dataset(examples.rows.features, examples.label, weight=examples.weight)
        self.trees = lightgbm.train(known, learnt, self.params.trees)
        return self

    def margin(self, rows: Rows) -> np.ndarray:
        if not len(rows):  # LightGBM takes it for a fault
            return np.zeros(0)
        found: np.ndarray = np.asarray(self.trees.predict(self._known(rows), raw_score=True))
        return found

    def terms(self, rows: Rows) -> pd.DataFrame:
        known = self._known(rows)
        found = np.asarray(self.trees.predict(known, pred_contrib=True))
        return pd.DataFrame(found, columns=[*known.columns, BASE])

    def _known(self, rows: Rows) -> pd.DataFrame:
        return rows.features[self.trees.feature_name()]

    @property
    def gains(self) -> dict[str, float]:
        """What each feature brought to the trees."""
        brought = self.trees.feature_importance(importance_type="gain")
        return dict(zip(self.trees.feature_name(), map(float, brought), strict=True))

    def save(self, folder: Path) -> None:
        self.trees.save_model(folder / MODEL)
        (folder / PARAMS).write_text(json.dumps(asdict(self.params)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        found = cls(cls.Params(**json.loads((folder / PARAMS).read_text())))
        found.trees = lightgbm.Booster(model_file=folder / MODEL)
        return found
