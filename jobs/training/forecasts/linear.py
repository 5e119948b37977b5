"""linear: one ridge regression per step ahead over all series, of lags and covariates.

Hoerl, Kennard: Ridge Regression (Technometrics 12, 1970). Global as in Montero-Manso, Hyndman:
Principles and Algorithms for Forecasting Groups of Time Series (International Journal of
Forecasting 37, 2021). Season and month are taken out first; no constant, so that a series about
which the past says nothing stays at its level.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from optuna.distributions import CategoricalDistribution
from sklearn.linear_model import Ridge

from jobs.training.forecasts.windows import Alike, Examples, GlobalForecaster, asked, examples

RIDGES = (3.0, 30.0, 300.0, 3000.0)  # pull of the coefficients to 0, in squared scales


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    horizon: int = 4  # steps ahead that are learnt, 1 or more
    covariates: bool = True  # whatever the series tell in advance


SPACE = {"covariates": CategoricalDistribution((True, False))}


class Linear(GlobalForecaster):
    name = "linear"
    Params: ClassVar[type] = Params

    def learn_alike(self, alike: dict[str, Alike]) -> None:
        """The pull is chosen on the newest targets, learnt without them."""
        found = examples(alike, self.params.horizon, self.params.season)
        seen = ~np.isnan(found.targets)
        missed = {}
        for ridge in RIDGES:
            tried = _coefficients(found, seen & ~found.late, ridge)
            said = np.einsum("wtf,tf->wt", found.inputs, tried)
            missed[ridge] = np.abs(found.targets - said)[found.late].sum()
        self.coefficients = _coefficients(found, seen, min(missed, key=lambda r: missed[r]))

    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        told = asked(alike, known, self.params.season)  # (S, T, F)
        found = np.einsum("stf,tf->st", told, self.coefficients[:horizon])
        return np.repeat(found[:, :, None], 3, axis=2)

    def keep(self, folder: Path) -> None:
        (folder / "coefficients.json").write_text(json.dumps(self.coefficients.tolist()))

    def restore(self, folder: Path) -> None:
        self._make_alike()
        self.coefficients = np.array(json.loads((folder / "coefficients.json").read_text()))


def _coefficients(found: Examples, seen: np.ndarray, ridge: float) -> np.ndarray:
    """One regression per step ahead on the targets (W, T) that are seen. (T, F)"""
    coefficients = np.zeros(found.inputs.shape[1:])
    for step, of_step in enumerate(seen.T):
        if of_step.any():
            model = Ridge(ridge, fit_intercept=False)
            model.fit(found.inputs[of_step, step], found.targets[of_step, step])
            coefficients[step] = model.coef_
    return coefficients
