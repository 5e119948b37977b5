"""smoothing: what a series does around the pattern that returns, smoothed by itself five ways.

The mean of simple exponential smoothing, its rate found on the series, of the dynamic optimised
theta model, both as computed by `statsforecast`, and of moving averages of three lengths (Hyndman,
Athanasopoulos: Forecasting: Principles and Practice, 3rd edition, 8.1 and 3.3; theta.py). Where
`level` has one rate for all series, each has its own here; the averages hold it back where little
was seen to find one. Chosen among all subsets of eight ways on origins up to 32 of some 750 series
of the public panel by week: departments, categories, types, stores and makers.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import IntDistribution
from statsforecast import StatsForecast
from statsforecast.models import (
    DynamicOptimizedTheta,
    HistoricAverage,
    SimpleExponentialSmoothingOptimized,
)

from jobs.training.forecasts.windows import Alike, GlobalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    # steps, or seasons where there are some, of the shortest average, 1 or more; the others are
    # twice and four times as long
    newest: int = 4
    covariates: bool = True  # whatever the series tell in advance


AVERAGES = (1, 2, 4)  # lengths of the moving averages, in Params.newest
SPACE = {"newest": IntDistribution(2, 8)}


class Smoothing(GlobalForecaster):
    """Kept as its history, which says it all."""

    name = "smoothing"
    Params: ClassVar[type] = Params

    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        rows = pd.concat(
            [
                pd.DataFrame({"unique_id": s, "ds": np.arange(len(one.rest)), "y": one.rest})
                for s, one in alike.items()
            ]
        )
        methods = [SimpleExponentialSmoothingOptimized(), DynamicOptimizedTheta(season_length=1)]
        # where one breaks on a series it takes the mean
        per_series = StatsForecast(methods, freq=1, fallback_model=HistoricAverage())
        told = per_series.fit(rows).predict(horizon)
        said = told.set_index("unique_id").drop(columns="ds")
        found = []
        for s, one in alike.items():
            smoothed = said.loc[[s]].to_numpy().T  # (2, T)
            lengths = [n * self.params.newest * self.params.season for n in AVERAGES]
            means = [np.full(horizon, one.rest[-length:].mean()) for length in lengths]
            found.append(np.mean([*smoothed, *means], axis=0) - one.level[-1])
        return np.repeat(np.array(found)[:, :, None], 3, axis=2)  # the quantiles are the middle
