"""smoothing: what a series does around the pattern that returns, smoothed by itself two ways.

The mean of simple exponential smoothing, its rate found on the series, as computed by
`statsforecast`, and of a moving average (Hyndman, Athanasopoulos: Forecasting: Principles and
Practice, 3rd edition, 8.1 and 3.3). Where `level` has one rate for all series, each has its own
here; the moving average holds it back where little was seen to find one. Chosen among ways to
smooth and to combine them on the weekly departments' origins up to 32.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import IntDistribution
from statsforecast import StatsForecast
from statsforecast.models import HistoricAverage, SimpleExponentialSmoothingOptimized

from jobs.training.forecasts.windows import Alike, GlobalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    newest: int = 8  # steps, or seasons where there are some, that are averaged, 1 or more
    covariates: bool = True  # whatever the series tell in advance


SPACE = {"newest": IntDistribution(4, 16)}


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
        # where it breaks on a series it takes the mean
        method = StatsForecast(
            [SimpleExponentialSmoothingOptimized()], freq=1, fallback_model=HistoricAverage()
        )
        said = method.fit(rows).predict(1).set_index("unique_id").drop(columns="ds").iloc[:, 0]
        newest = self.params.newest * self.params.season
        middle = [(said[s] + one.rest[-newest:].mean()) / 2 for s, one in alike.items()]
        base = [one.level[-1] for one in alike.values()]
        found = np.array(middle) - base  # (S,), the same for every step
        return np.broadcast_to(found[:, None, None], (len(found), horizon, 3))
