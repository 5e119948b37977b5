"""gbm: one LightGBM over all series and steps ahead, three seeds averaged.

Ke et al.: LightGBM (NeurIPS 2017); global trees over lags as in Makridakis et al.: The M5 Accuracy
Competition (International Journal of Forecasting 38, 2022). Direct: the step ahead is a feature.
Season and month are taken out first; it learns what is left, from the level on. How many trees is
chosen on the newest targets, learnt without them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import lightgbm
import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from jobs.training.forecasts.windows import Alike, GlobalForecaster, asked, examples

PATIENCE = 30  # trees without gain until no more are tried


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    horizon: int = 4  # steps ahead that are learnt, 1 or more
    leaves: int = 8  # of a tree, 2..256
    rounds: int = 200  # most trees of a seed, 1 or more
    rate: float = 0.05  # of learning, .01...3
    smallest: int = 40  # windows of a leaf, times the season, 1 or more
    seeds: int = 3  # models that are averaged, 1 or more
    seed: int = 0  # of the first one
    covariates: bool = True  # whatever the series tell in advance


SPACE = {
    "leaves": IntDistribution(2, 64, log=True),
    "rate": FloatDistribution(0.02, 0.2, log=True),
    "smallest": IntDistribution(5, 160, log=True),
    "covariates": CategoricalDistribution((True, False)),
}


class Gbm(GlobalForecaster):
    name = "gbm"
    Params: ClassVar[type] = Params

    def learn_alike(self, alike: dict[str, Alike]) -> None:
        found = examples(alike, self.params.horizon, self.params.season)
        seen = ~np.isnan(found.targets)
        inputs, early = _with_step(found.inputs), seen & ~found.late
        rounds = self._rounds(inputs, found.targets, early, found.late)
        seeds = range(self.params.seed, self.params.seed + self.params.seeds)
        self.trees = [
            lightgbm.train(self._settings(seed), _rows(inputs, found.targets, seen), rounds)
            for seed in seeds
        ]

    def _rounds(
        self, inputs: np.ndarray, targets: np.ndarray, early: np.ndarray, late: np.ndarray
    ) -> int:
        """How many trees, learnt without the newest targets, foretell these best."""
        if not early.any():
            return 1
        rows = _rows(inputs, targets, early)
        tried = lightgbm.train(
            self._settings(self.params.seed),
            rows,
            self.params.rounds,
            valid_sets=[rows.create_valid(inputs[late], targets[late])],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        return max(1, tried.best_iteration)

    def _settings(self, seed: int) -> dict[str, object]:
        p = self.params
        return {
            "objective": "l1",
            "num_leaves": p.leaves,
            "learning_rate": p.rate,
            "min_data_in_leaf": p.smallest * p.season,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": seed,
            "num_threads": 1,  # sums come in one order
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }

    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        told = _with_step(asked(alike, known, self.params.season))  # (S, T, F + 1)
        rows = told.reshape(-1, told.shape[2])
        found = np.mean([np.asarray(one.predict(rows)) for one in self.trees], axis=0)
        return np.repeat(found.reshape(len(alike), horizon, 1), 3, axis=2)

    def keep(self, folder: Path) -> None:
        for number, one in enumerate(self.trees):
            one.save_model(folder / f"trees.{number}.txt")

    def restore(self, folder: Path) -> None:
        self._make_alike()
        files = sorted(folder.glob("trees.*.txt"))
        self.trees = [lightgbm.Booster(model_file=file) for file in files]


def _rows(inputs: np.ndarray, targets: np.ndarray, seen: np.ndarray) -> lightgbm.Dataset:
    return lightgbm.Dataset(inputs[seen], targets[seen])


def _with_step(inputs: np.ndarray) -> np.ndarray:
    """(W, T, F) → (W, T, F + 1): the step ahead, from 1, is the last feature."""
    step = np.broadcast_to(np.arange(inputs.shape[1]) + 1.0, inputs.shape[:2])
    return np.concatenate([inputs, step[:, :, None]], axis=2)
