"""last_period: what was spent in as many days before is spent again; the baseline of all."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jobs.training.value.history import History
from jobs.training.value.valuer import Valuer


@dataclass(frozen=True)
class Params:
    """Nothing to set: the days before are as many as the days foretold."""


class LastPeriod(Valuer):
    """Where fewer days are known than are foretold, their rate goes on."""

    name = "last_period"
    Params: ClassVar[type] = Params

    def foretell(self, history: History) -> np.ndarray:
        rate = history.rate(history.sales, self.horizon_days)
        return np.maximum(rate * self.horizon_days, 0.0)
