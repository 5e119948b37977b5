"""ensemble: the mean of other forecasters, equal or weighted by what they missed at past origins.

Bates, Granger: The Combination of Forecasts (Operational Research Quarterly 20, 1969). Learnt
weights are exponential in the mean absolute error, in scales, at the past origins of the history
(Cesa-Bianchi, Lugosi: Prediction, Learning, and Games, 2006, 2.2): few origins tell members apart,
not how they go together. Without a past origin they are equal.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from jobs.training.family import Configuration
from jobs.training.forecasts import backtest, models
from jobs.training.forecasts.forecaster import P, SeriesForecaster, regular

logger = logging.getLogger(__name__)

MEMBERS = {
    "equal": ("level", "smoothing", "gbm", "lstm"),
    "learnt": ("mean", "level", "smoothing", "linear", "gbm", "ets", "theta", "lstm"),
}
SHARPNESS = 0.01  # scales of error by which a member loses a factor e of weight; not tuned


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps, 1 is none
    horizon: int = 4  # steps ahead that weights are learnt for, 1 or more
    weights: Literal["equal", "learnt"] = "equal"
    covariates: bool = True  # whatever the series tell in advance


class Ensemble(SeriesForecaster):
    """Members are fitted where they are asked; a saved ensemble keeps them as they were fitted."""

    name = "ensemble"
    Params: ClassVar[type] = Params

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        found = models.configurations(params.season, params.horizon, params.covariates)
        self.members = [c for c in found if c.model in MEMBERS[params.weights]]
        self.kept: dict[str, SeriesForecaster] = {}
        self.borrowed_seconds = 0.0

    def learn(self, history: pd.DataFrame) -> None:
        self.kept = {}
        equal = np.full(len(self.members), 1 / len(self.members))
        self.weights = equal if self.params.weights == "equal" else self._learnt(history, equal)
        self._tell(logging.DEBUG)  # a bench learns them at hundreds of origins

    def _tell(self, level: int) -> None:
        told = zip((c.model for c in self.members), self.weights, strict=True)
        logger.log(level, "ensemble: %s", ", ".join(f"{name} {w:.2f}" for name, w in told))

    def _learnt(self, history: pd.DataFrame, equal: np.ndarray) -> np.ndarray:
        past = list(backtest.past_origins(history, self.params.horizon, self.params.season))
        errors = np.zeros((len(past), len(self.members)))
        for place, one in enumerate(past):
            for number, member in enumerate(self.members):
                said = backtest.answers(member, one.history, one.future)
                rows = backtest.beside(said, one.sold)
                scale = rows["scale"].where(rows["scale"] > 0)
                errors[place, number] = ((rows["y"] - rows["p50"]).abs() / scale).mean()
        return weights(np.nanmean(errors, axis=0)) if len(past) else equal

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        answer = future[["series_id", "ds"]].copy()
        said = [self._of_member(c, horizon, future) for c in self.members]
        answer[P] = np.tensordot(self.weights, np.stack(said), axes=1)  # (K) x (K, N, 3)
        return answer

    def _of_member(self, member: Configuration, horizon: int, future: pd.DataFrame) -> np.ndarray:
        """Quantiles in the order of `future`. (N, 3)"""
        if self.kept:
            rows = self.kept[member.model].predict(horizon, future)
        else:
            found = backtest.answers(member, self.learnt, future)
            self.borrowed_seconds += found.seconds
            rows = found.rows
        quantiles: np.ndarray = rows[P].to_numpy()
        return quantiles

    def observe(self, series: pd.DataFrame) -> Self:
        """Weights stay; members go on from the newer history as each does."""
        if not self.kept:
            return self.fit(series)
        self._take(regular(series))
        for one in self.kept.values():
            one.observe(self.learnt)
        return self

    def keep(self, folder: Path) -> None:
        self._tell(logging.INFO)
        (folder / "weights.json").write_text(json.dumps(self.weights.tolist()))
        for c in self.members:
            place = folder / c.model
            place.mkdir()
            models.model(c.model)(c.params).fit(self.learnt).save(place)

    def restore(self, folder: Path) -> None:
        self.weights = np.array(json.loads((folder / "weights.json").read_text()))
        self.kept = {c.model: models.model(c.model).load(folder / c.model) for c in self.members}


def weights(errors: np.ndarray) -> np.ndarray:
    """Weights (K,) of members by their mean absolute error in scales; their sum is 1."""
    found = np.exp((np.nanmin(errors) - np.nan_to_num(errors, nan=np.inf)) / SHARPNESS)
    of_one: np.ndarray = found / found.sum()
    return of_one
