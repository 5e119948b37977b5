"""fading: what was spent per day goes on, each day counting the less the longer it is ago.

Exponential smoothing of a rate: Brown, Smoothing, Forecasting and Prediction of Discrete Time
Series (1963). Half-lives of 4, 8 and 16 weeks were tried at origins up to week 32 of the public
panel.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jobs.training.value.history import History
from jobs.training.value.valuer import Valuer


@dataclass(frozen=True)
class Params:
    half_life_weeks: float = 8.0  # after which a day counts half, above 0


class Fading(Valuer):
    name = "fading"
    Params: ClassVar[type] = Params

    def foretell(self, history: History) -> np.ndarray:
        rate = history.faded(history.sales, self.params.half_life_weeks)
        return np.maximum(rate * self.horizon_days, 0.0)
