"""rate: what was spent per day in the last twelve weeks goes on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jobs.training.value.history import WEEK, History
from jobs.training.value.valuer import Valuer


@dataclass(frozen=True)
class Params:
    weeks: int = 12  # that are looked at, or as many as are known; 1 or more


class Rate(Valuer):
    name = "rate"
    Params: ClassVar[type] = Params

    def foretell(self, history: History) -> np.ndarray:
        rate = history.rate(history.sales, self.params.weeks * WEEK)
        return np.maximum(rate * self.horizon_days, 0.0)
