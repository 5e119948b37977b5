"""lifetime: expected purchases (BG/NBD) times expected spend per purchase (Gamma-Gamma).

Fader, Hardie, Lee: RFM and CLV: Using Iso-Value Curves for Customer Base Analysis (Journal of
Marketing Research 42, 2005). A purchase is a day with an order; spend is learnt from those after
the first, as the paper does. Differs in that an account's first purchase is the first that is
known: where the data begin in the middle of its life, it is older than it seems.
"""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.value.bg_nbd import BgNbd, Bought
from jobs.training.value.gamma_gamma import GammaGamma
from jobs.training.value.history import WEEK, History
from jobs.training.value.valuer import Valuer


@dataclass(frozen=True)
class Params:
    """Nothing to set: everything is learnt."""


@dataclass(frozen=True)
class Purchases:
    """An account's days with an order, in weeks and USD."""

    bought: Bought
    mean_usd: np.ndarray  # (A,) of all of them
    repeat_usd: np.ndarray  # (A,) of those after the first; 0 without one

    @classmethod
    def of(cls, history: History) -> Self:
        with_order = history.orders > 0
        first, last = history.days_since(with_order)
        repeats = history.per_account(with_order.astype(float)) - 1
        usd = np.where(with_order, history.sales, 0.0)
        total = history.per_account(usd)
        of_first = history.per_account(np.where(history.age == first[history.place], usd, 0.0))
        return cls(
            Bought(repeats, (first - last) / WEEK, first / WEEK),
            total / (repeats + 1),
            (total - of_first) / np.maximum(repeats, 1),
        )

    def at(self, places: np.ndarray) -> Self:
        """Of some of the accounts."""
        return type(self)(self.bought.at(places), self.mean_usd[places], self.repeat_usd[places])


class Lifetime(Valuer):
    name = "lifetime"
    Params: ClassVar[type] = Params

    def learn(self, days: pd.DataFrame, as_of: dt.date) -> None:
        self.buying, self.spending = learnt(Purchases.of(History.of(days, as_of)))

    def foretell(self, history: History) -> np.ndarray:
        of = Purchases.of(history)
        each = self.spending.expected(of.bought.repeats, of.repeat_usd)
        return self.buying.expected(of.bought, self.horizon_days / WEEK) * each

    def keep(self, folder: Path) -> None:
        told = {"buying": asdict(self.buying), "spending": asdict(self.spending)}
        (folder / "lifetime.json").write_text(json.dumps(told))

    def restore(self, folder: Path) -> None:
        told = json.loads((folder / "lifetime.json").read_text())
        self.buying, self.spending = BgNbd(**told["buying"]), GammaGamma(**told["spending"])


def learnt(of: Purchases) -> tuple[BgNbd, GammaGamma]:
    """How accounts buy, and what they spend per purchase."""
    return BgNbd.fit(of.bought), GammaGamma.fit(of.bought.repeats, of.repeat_usd)
