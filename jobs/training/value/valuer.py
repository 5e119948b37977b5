"""What all value models share: as-of data, an interval from their own past, and how they are kept.

A model file adds `foretell` (and `learn`, `keep`, `restore` where there is something to learn).
"""

import datetime as dt
import json
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.value import intervals
from jobs.training.value.history import History, past_origins, spent

ANSWER = ["account_id", "value_usd", "lo80", "hi80"]


class Valuer(ABC):
    """Foretells what every account with an order will spend in the next days."""

    name: ClassVar[str]
    Params: ClassVar[type]
    device = "cpu"

    def __init__(self, params: Any) -> None:
        self.params = params
        self.horizon_days = 0
        self.ends: tuple[float, float] | None = None  # of the interval, in scales of an account

    @abstractmethod
    def foretell(self, history: History) -> np.ndarray:
        """USD of the next `horizon_days`, 0 or more. (A,)"""

    def learn(self, days: pd.DataFrame, as_of: dt.date) -> None:  # noqa: B027
        """From what was known by as_of; most models have nothing to learn."""

    def keep(self, folder: Path) -> None:  # noqa: B027
        """Write what was learnt."""

    def restore(self, folder: Path) -> None:  # noqa: B027
        """Read what `keep` wrote."""

    def fit(self, days: pd.DataFrame, as_of: dt.date, horizon_days: int) -> Self:
        """Learn from account days as known by as_of; later ones are left out.

        Args:
            days: rows as jobs/training/transactions.py gives them.

        Raises:
            ValueError: the horizon is no day.
            NothingToJudge: no account has an order by then.
        """
        if horizon_days < 1:
            raise ValueError(f"horizon_days {horizon_days}: take 1 or more")
        History.of(days, as_of)
        self._learn(days, as_of, horizon_days)
        missed = [
            type(self)(self.params)._learn(days, origin, horizon_days).missed(days, origin, as_of)
            for origin in past_origins(
                days, as_of, horizon_days, intervals.STEP_DAYS, intervals.PAST_ORIGINS
            )
        ]
        self.ends = intervals.ends(np.concatenate([np.zeros(0), *missed]))
        return self

    def _learn(self, days: pd.DataFrame, as_of: dt.date, horizon_days: int) -> Self:
        self.horizon_days = horizon_days
        self.learn(days, as_of)
        return self

    def missed(self, days: pd.DataFrame, origin: dt.date, known_on: dt.date) -> np.ndarray:
        """(actual - foretold) / scale at an origin, of what was known on a later day. (A,)"""
        history = History.of(days, origin)
        actual = spent(days, history.account_ids, origin, self.horizon_days, known_on)
        scales = intervals.scale(history, self.horizon_days)
        found: np.ndarray = (actual - self.foretell(history)) / scales
        return found

    def predict(self, days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
        """ANSWER rows of every account with an order as known by as_of, sorted by account_id.

        lo80 and hi80 are null where the fit had no past window to learn them from.

        Raises:
            NothingToJudge: no account has an order by then.
        """
        history = History.of(days, as_of)
        value = self.foretell(history)
        low, high = intervals.around(value, intervals.scale(history, self.horizon_days), self.ends)
        return pd.DataFrame(dict(zip(ANSWER, (history.account_ids, value, low, high), strict=True)))

    def why(self, days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
        """What `reasons.strongest` says, rows as those of `predict`; empty: it cannot say why."""
        return pd.DataFrame()

    def save(self, folder: Path) -> None:
        told = {
            "params": asdict(self.params),
            "horizon_days": self.horizon_days,
            "ends": self.ends,
        }
        (folder / "model.json").write_text(json.dumps(told))
        self.keep(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / "model.json").read_text())
        found = cls(cls.Params(**told["params"]))
        found.horizon_days = told["horizon_days"]
        found.ends = tuple(told["ends"]) if told["ends"] else None
        found.restore(folder)
        return found
