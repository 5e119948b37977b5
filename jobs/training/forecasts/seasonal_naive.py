"""seasonal_naive: what was sold one season ago is sold again; the baseline of every forecast.

Its interval is that of a seasonal random walk with normal steps: sigma * sqrt(seasons ahead).
Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd edition, 5.5.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import norm

from jobs.training.forecasts.forecaster import QUANTILES, P, SeriesForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps from a value to the one that repeats it, 1 or more


class SeasonalNaive(SeriesForecaster):
    name = "seasonal_naive"
    Params: ClassVar[type] = Params

    def learn(self, history: pd.DataFrame) -> None:
        by_series = history.groupby("series_id")["y"]
        change = by_series.diff(self.params.season)
        self.sigma = (change**2).groupby(history["series_id"]).mean() ** 0.5
        self.lately = {s: y.to_numpy()[-self.params.season :] for s, y in by_series}

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        step = np.arange(horizon)
        spread = np.sqrt(step // self.params.season + 1)[:, None] * norm.ppf(QUANTILES)  # (T, 3)
        answer = future[["series_id", "ds"]].copy()
        answer[P] = np.concatenate(
            [
                self.lately[s][step % self.params.season][:, None] + self.sigma[s] * spread
                for s in dict.fromkeys(future["series_id"])
            ]
        )
        return answer
