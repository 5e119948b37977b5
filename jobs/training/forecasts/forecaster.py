"""What all forecasters share: regular histories, and an honest answer where a model has none.

A model file adds `learn` and `forecast` (and `keep`, `restore` where it has something to keep).
"""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

QUANTILES = (0.1, 0.5, 0.9)
ANSWER = ["series_id", "ds", "p10", "p50", "p90"]
P = ANSWER[2:]
FEWEST = 8  # points; below that a model would fit noise
RECENT = 8  # seasons that a series without a model is judged by


def regular(series: pd.DataFrame) -> pd.DataFrame:
    """Sorted series without gaps: a missing step between two others lies on their line.

    Every series goes on to the newest step of all; the step is the smallest distance seen.

    Raises:
        ValueError: no value at all, or two rows for one step of a series.
    """
    rows = series.assign(series_id=series["series_id"].astype("object"))
    rows = rows.dropna(subset=["series_id", "ds"]).sort_values(["series_id", "ds"])
    step = step_of(rows)
    rows = rows.dropna(subset=["y"])
    if rows.empty:
        raise ValueError(f"no row with a value among {len(series)}; a forecast needs a history")
    twice = rows.duplicated(["series_id", "ds"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise ValueError(
            f"series {first['series_id']!r} has two rows for {first['ds']:%Y-%m-%d};"
            " sum or drop them before fitting"
        )
    last = rows["ds"].max()
    filled = []
    for series_id, one in rows.groupby("series_id", sort=True):
        steps = pd.date_range(last, one["ds"].min(), freq=-step)[::-1]
        grown = one.drop(columns="series_id").set_index("ds").reindex(steps)
        grown["y"] = grown["y"].astype(float).interpolate()
        filled.append(grown.fillna(0.0).rename_axis("ds").reset_index().assign(series_id=series_id))
    return pd.concat(filled, ignore_index=True)


def step_of(rows: pd.DataFrame) -> pd.Timedelta:
    """The smallest distance between two rows of a series; a day where each has one row only."""
    gaps = rows.groupby("series_id")["ds"].diff().dropna()
    gaps = gaps[gaps > pd.Timedelta(0)]
    return pd.Timedelta(gaps.min()) if len(gaps) else pd.Timedelta(days=1)


def scales(history: pd.DataFrame, season: int) -> pd.Series:
    """Mean |y_t - y_(t-season)| of every series, in its own unit: what an error of 1 is.

    A table's rows come in no order: they are sorted here.
    """
    history = history.sort_values(["series_id", "ds"])
    change = history.groupby("series_id")["y"].diff(season).abs()
    return change.groupby(history["series_id"]).mean()


def without_model(history: pd.DataFrame, fewest: int) -> dict[str, str]:
    """Series that no model should learn from, and why."""
    found = {}
    for series_id, y in history.groupby("series_id")["y"]:
        if len(y) < fewest:
            found[str(series_id)] = f"short: {len(y)} points, {fewest} needed"
        elif y.nunique() == 1:
            found[str(series_id)] = "constant"
    return found


def ahead(last: pd.Timestamp, step: pd.Timedelta, horizon: int) -> pd.DatetimeIndex:
    """The next `horizon` steps after `last`."""
    return pd.date_range(last + step, periods=horizon, freq=step)


class SeriesForecaster(ABC):
    """One forecaster of many series. `season` of its Params is counted in steps; 1 is none."""

    name: ClassVar[str]
    Params: ClassVar[type]
    device = "cpu"

    def __init__(self, params: Any) -> None:
        self.params = params
        self.widening = 0.0  # both ends of the interval move out by this many scales
        self.fallbacks: dict[str, str] = {}  # series that the model does not answer for → why

    @abstractmethod
    def learn(self, history: pd.DataFrame) -> None:
        """Learn from regular series that are neither short nor constant."""

    @abstractmethod
    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """ANSWER rows for series that were learnt."""

    def keep(self, folder: Path) -> None:  # noqa: B027
        """Write what `learn` found; nothing where the history says it all."""

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote; where that is nothing, learn again from the history."""
        self.learn(self.learnt)

    @property
    def fewest(self) -> int:
        return max(FEWEST, 2 * self.params.season + 1)

    def fit(self, series: pd.DataFrame) -> Self:
        """Learn from rows (series_id, ds, y, covariates known in advance)."""
        self._take(regular(series))
        if len(self.learnt):
            self.learn(self.learnt)
        return self

    def observe(self, series: pd.DataFrame) -> Self:
        """Go on from a newer history; a model per series learns it, its settings stay."""
        return self.fit(series)

    def _take(self, history: pd.DataFrame) -> None:
        self.history = history
        self.step, self.last = step_of(history), history["ds"].max()
        self.scale = scales(history, self.params.season)
        self.fallbacks = without_model(history, self.fewest)
        kept = ~history["series_id"].isin(list(self.fallbacks))
        self.learnt = history[kept].reset_index(drop=True)

    def predict(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """ANSWER rows, sorted, for the next `horizon` steps of every series in `future`.

        Raises:
            ValueError: `future` does not hold exactly those steps.
        """
        future = self._checked(horizon, future)
        asked = list(dict.fromkeys(future["series_id"]))
        known = set(self.history["series_id"])
        self.fallbacks |= {s: "unknown: no history" for s in asked if s not in known}
        ours = future[~future["series_id"].isin(list(self.fallbacks))].reset_index(drop=True)
        parts = [self._widened(self.forecast(horizon, ours))] if len(ours) else []
        if others := [s for s in asked if s in self.fallbacks]:
            parts.append(self._plain(others, horizon))
        answer = pd.concat(parts, ignore_index=True).sort_values(["series_id", "ds"])
        if self.history["y"].min() >= 0:
            answer[P] = answer[P].clip(lower=0.0)
        return answer[ANSWER].reset_index(drop=True)

    def _checked(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        future = future.assign(series_id=future["series_id"].astype(str))
        future = future.sort_values(["series_id", "ds"]).reset_index(drop=True)
        steps = list(ahead(self.last, self.step, horizon))
        for series_id, ds in future.groupby("series_id")["ds"]:
            if list(ds) != steps:
                raise ValueError(
                    f"series {series_id!r}: future has {len(ds)} steps from {ds.min():%Y-%m-%d} to"
                    f" {ds.max():%Y-%m-%d}; needed are {horizon} from {steps[0]:%Y-%m-%d} to"
                    f" {steps[-1]:%Y-%m-%d}"
                )
        return future

    def _widened(self, answer: pd.DataFrame) -> pd.DataFrame:
        answer[P] = np.sort(answer[P].to_numpy(), axis=1)  # learnt quantiles may cross
        by = self.widening * answer["series_id"].map(self.scale)
        return answer.assign(p10=answer["p10"] - by, p90=answer["p90"] + by)

    def _plain(self, series_ids: Sequence[str], horizon: int) -> pd.DataFrame:
        """Quantiles of a series' recent steps; of all series' where it has no history."""
        recent = self.history.groupby("series_id").tail(RECENT * self.params.season)
        logger.warning(
            "%s: %d series answered by plain quantiles of recent steps: %s",
            self.name,
            len(series_ids),
            "; ".join(f"{s} ({self.fallbacks[s]})" for s in series_ids),
        )
        parts = []
        for series_id in series_ids:
            own = recent.loc[recent["series_id"] == series_id, "y"]
            found = (own if len(own) else recent["y"]).quantile(list(QUANTILES))
            part = pd.DataFrame({"ds": ahead(self.last, self.step, horizon)})
            part[P] = found.to_numpy()
            parts.append(part.assign(series_id=series_id))
        return pd.concat(parts, ignore_index=True)

    def save(self, folder: Path) -> None:
        told = {"params": asdict(self.params), "widening": self.widening}
        (folder / "model.json").write_text(json.dumps(told, indent=1))
        self.history.to_parquet(folder / "history.parquet", index=False)
        if len(self.learnt):
            self.keep(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / "model.json").read_text())
        model = cls(cls.Params(**told["params"]))
        model.widening = told["widening"]
        model._take(pd.read_parquet(folder / "history.parquet"))
        if len(model.learnt):
            model.restore(folder)
        return model
