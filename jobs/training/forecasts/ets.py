"""ets: exponential smoothing per series; error, trend and season are chosen by AICc.

Hyndman, Koehler, Ord, Snyder: Forecasting with Exponential Smoothing (Springer, 2008), as computed
by `statsforecast`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution
from statsforecast.models import AutoETS

from jobs.training.forecasts.statistical import StatisticalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    model: str = "ZZZ"  # error, trend, season: each N, A, M, or Z to choose


SPACE = {"model": CategoricalDistribution(("ZZZ", "AZZ", "ZNZ", "ANZ"))}


class Ets(StatisticalForecaster):
    name = "ets"
    Params: ClassVar[type] = Params

    def method(self) -> Any:
        return AutoETS(season_length=self.params.season, model=self.params.model)
