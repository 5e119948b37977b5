"""arima: an ARIMA per series, its order found by AICc, after the season was taken out by STL.

Hyndman, Khandakar: Automatic Time Series Forecasting (Journal of Statistical Software 27, 2008), as
computed by `statsforecast`. Without a season (1) it is AutoARIMA alone; with one, STL takes it out
and AutoARIMA forecasts the rest: a tenth of the time of a seasonal ARIMA.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import IntDistribution
from statsforecast.models import MSTL, AutoARIMA

from jobs.training.forecasts.statistical import StatisticalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    max_order: int = 5  # highest p + q that is looked at, 1..10


SPACE = {"max_order": IntDistribution(1, 10)}


class Arima(StatisticalForecaster):
    name = "arima"
    Params: ClassVar[type] = Params

    def method(self) -> Any:
        arima = AutoARIMA(max_order=self.params.max_order)
        season = self.params.season
        return MSTL(season, trend_forecaster=arima) if season > 1 else arima
