"""arima: an ARIMA per series, its order found by AICc, after the season was taken out by STL.

Hyndman, Khandakar: Automatic Time Series Forecasting (Journal of Statistical Software 27, 2008), as
computed by `statsforecast`. Without a season (1) it is AutoARIMA alone; with one, STL takes it out
and AutoARIMA forecasts the rest: a tenth of the time of a seasonal ARIMA.
"""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import MSTL, AutoARIMA

from jobs.training.forecasts.forecaster import P, SeriesForecaster

LEVEL = 80  # percent of values between p10 and p90


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    max_order: int = 5  # highest p + q that is looked at, 1..10


class Arima(SeriesForecaster):
    """Kept as its history: fitting again finds the same orders, and needs no pickle."""

    name = "arima"
    Params: ClassVar[type] = Params

    def learn(self, history: pd.DataFrame) -> None:
        arima = AutoARIMA(max_order=self.params.max_order, alias="arima")
        season = self.params.season
        model = MSTL(season, trend_forecaster=arima, alias="arima") if season > 1 else arima
        rows = history[["series_id", "ds", "y"]].rename(columns={"series_id": "unique_id"})
        self.fitted = StatsForecast([model], freq=f"{self.step.days}D")
        self.fitted.fit(rows)

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        found = self.fitted.predict(horizon, level=[LEVEL])
        assert isinstance(found, pd.DataFrame)  # it answers as it was fitted: Polars or pandas
        names = [f"arima-lo-{LEVEL}", "arima", f"arima-hi-{LEVEL}"]
        found = found.rename(columns={"unique_id": "series_id", **dict(zip(names, P, strict=True))})
        return future[["series_id", "ds"]].merge(found, how="left", on=["series_id", "ds"])
