"""What models of `statsforecast` share: one method for many series, each fitted by itself."""

import logging
from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from statsforecast import StatsForecast

from jobs.training.forecasts.forecaster import SeriesForecaster, middle

logger = logging.getLogger(__name__)


class StatisticalForecaster(SeriesForecaster):
    """Kept as its history: fitting again finds the same, and needs no pickle."""

    @abstractmethod
    def method(self) -> Any:
        """The method, as statsforecast calls it."""

    def learn(self, history: pd.DataFrame) -> None:
        """All series at once; where that breaks, one by one, to know which it was."""
        # steps by number: the library then knows no calendar, and needs none
        rows = history[["series_id", "y"]].rename(columns={"series_id": "unique_id"})
        rows.insert(1, "ds", rows.groupby("unique_id").cumcount())
        try:
            self.fitted = [_fitted(self.method(), rows)]
        except Exception as error:  # whatever a library raises on a series it cannot fit
            logger.warning("%s: broke on all series (%s), going one by one", self.name, error)
            self.fitted = []
            for series_id, one in rows.groupby("unique_id"):
                try:
                    self.fitted.append(_fitted(self.method(), one))
                except Exception as broken:
                    self.fallbacks[str(series_id)] = f"failed: {broken}"

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        parts: list[Any] = [one.predict(horizon) for one in self.fitted]
        found = pd.concat(parts)
        value = next(c for c in found if c not in ("unique_id", "ds"))
        by_series = {s: y.to_numpy() for s, y in found.groupby("unique_id")[value]}
        said = [by_series[s] for s in dict.fromkeys(future["series_id"])]
        return middle(future, np.concatenate(said))


def _fitted(method: Any, rows: pd.DataFrame) -> StatsForecast:
    return StatsForecast([method], freq=1).fit(rows)
