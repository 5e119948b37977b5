"""blend: the mean of the rate of some weeks and of expected purchases (BG/NBD) times mean spend.

The rate follows what an account does of late, BG/NBD what it did in all its life and whether it is
still there; their mean beats both. The mean spend is the account's own: drawn towards all, as by
Gamma-Gamma, it was no better at origins up to week 32 of the public panel.
"""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from jobs.training.value.bg_nbd import BgNbd
from jobs.training.value.history import WEEK, History
from jobs.training.value.lifetime import Purchases
from jobs.training.value.valuer import Valuer


@dataclass(frozen=True)
class Params:
    weeks: int = 12  # of the rate, or as many as are known; 1 or more


class Blend(Valuer):
    name = "blend"
    Params: ClassVar[type] = Params

    def learn(self, days: pd.DataFrame, as_of: dt.date) -> None:
        self.buying = BgNbd.fit(Purchases.of(History.of(days, as_of)).bought)

    def foretell(self, history: History) -> np.ndarray:
        of = Purchases.of(history)
        bought = self.buying.expected(of.bought, self.horizon_days / WEEK) * of.mean_usd
        rate = history.rate(history.sales, self.params.weeks * WEEK) * self.horizon_days
        # returns may outweigh purchases
        return (np.maximum(bought, 0.0) + np.maximum(rate, 0.0)) / 2

    def keep(self, folder: Path) -> None:
        (folder / "buying.json").write_text(json.dumps(asdict(self.buying)))

    def restore(self, folder: Path) -> None:
        self.buying = BgNbd(**json.loads((folder / "buying.json").read_text()))
