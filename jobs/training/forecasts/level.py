"""level: simple exponential smoothing of all series at one rate, around the pattern that returns.

Brown's smoothing (Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd edition, 8.1).
Differs in that the rate is one for all series, and that what returns is taken out first.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from optuna.distributions import CategoricalDistribution

from jobs.training.forecasts.windows import Alike, GlobalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    covariates: bool = True  # whatever the series tell in advance


SPACE = {"covariates": CategoricalDistribution((True, False))}


class Level(GlobalForecaster):
    """Kept as its history, which says it all."""

    name = "level"
    Params: ClassVar[type] = Params

    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        return np.zeros((len(alike), horizon, 3))
