"""mean: the average of a series' history per place in the season; the other plain one.

Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd edition, 5.2.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution

from jobs.training.forecasts.forecaster import SeriesForecaster, middle


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    newest: int | None = None  # seasons that are averaged, 1 or more; null: all


SPACE = {"newest": CategoricalDistribution((None, 4, 8, 13, 26))}


class Mean(SeriesForecaster):
    name = "mean"
    Params: ClassVar[type] = Params

    def learn(self, history: pd.DataFrame) -> None:
        """Places are counted from a series' end, so that the next step is place 0."""
        left = history.groupby("series_id").cumcount(ascending=False)
        place = -(left + 1) % self.params.season
        if self.params.newest is not None:
            history = history[left < self.params.newest * self.params.season]
        self.means = history.groupby(["series_id", place])["y"].mean().unstack()  # (S, season)

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        place = future.groupby("series_id").cumcount() % self.params.season
        found = self.means.loc[future["series_id"]].to_numpy()[np.arange(len(future)), place]
        return middle(future, found)
