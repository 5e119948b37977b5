"""theta: the dynamic optimised theta model per series; a season is taken out first.

Fiorucci et al.: Models for optimising the theta method and their relationship to state space models
(International Journal of Forecasting 32, 2016), as computed by `statsforecast`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from optuna.distributions import CategoricalDistribution
from statsforecast.models import DynamicOptimizedTheta

from jobs.training.forecasts.statistical import StatisticalForecaster


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    decomposition: Literal["multiplicative", "additive"] = "multiplicative"  # of the season


SPACE = {"decomposition": CategoricalDistribution(("multiplicative", "additive"))}


class Theta(StatisticalForecaster):
    name = "theta"
    Params: ClassVar[type] = Params

    def method(self) -> Any:
        return DynamicOptimizedTheta(
            season_length=self.params.season, decomposition_type=self.params.decomposition
        )
