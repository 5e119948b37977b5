"""What the forecasters of all series at once share: series made alike, and windows of them.

A series is made alike by taking its pattern out (pattern.py), dividing by its scale, and measuring
from its level: the mean of its past, a step weighing (1 - rate) of the one after it. The rate is
one for all series: the one that foretells their histories best.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.forecasts import pattern
from jobs.training.forecasts.forecaster import SeriesForecaster, regular

RATES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6)


@dataclass(frozen=True)
class Alike:
    """One series made alike; covariates are measured from their own mean. Steps N, covariates C."""

    rest: np.ndarray  # (N,) in scales, the pattern taken out
    level: np.ndarray  # (N,) of the steps up to each
    known: np.ndarray  # (N, C)


class GlobalForecaster(SeriesForecaster):
    """Learns from all series made alike; newer histories go into what was learnt as they are."""

    def learn_alike(self, alike: dict[str, Alike]) -> None:
        """Learn from series by their id; nothing where they say it all."""

    @abstractmethod
    def forecast_alike(
        self, alike: dict[str, Alike], known: dict[str, np.ndarray], horizon: int
    ) -> np.ndarray:
        """Quantiles of each series' next steps, in scales, from its last level on. (S, T, 3)

        known: covariates ahead by series, (T, C).
        """

    def learn(self, history: pd.DataFrame) -> None:
        self._make_alike()
        self.learn_alike(self.alike)

    def observe(self, series: pd.DataFrame) -> Self:
        self._take(regular(series))
        if len(self.learnt):
            self._make_alike()
        return self

    def _make_alike(self) -> None:
        history, season = self.learnt, self.params.season
        self.unit = self.scale.where(self.scale > 0).fillna(self.history["y"].std() or 1.0)
        self.pattern = pattern.learn(history, self.unit, season, self.covariates)
        rest = (history["y"] - self.pattern.of(history)) / history["series_id"].map(self.unit)
        self.means = history.groupby("series_id")[self.covariates].mean()
        known = self._known(history)
        ids = history["series_id"].to_numpy()
        parts = {s: ids == s for s in dict.fromkeys(ids)}
        rests = {s: rest.to_numpy()[mine] for s, mine in parts.items()}
        self.rate = best_rate(list(rests.values()), season)
        self.alike = {s: Alike(y, level(y, self.rate), known[parts[s]]) for s, y in rests.items()}

    def _known(self, rows: pd.DataFrame) -> np.ndarray:
        """Covariates of rows, from their mean in the series' history. (N, C)"""
        means = self.means.reindex(rows["series_id"]).to_numpy(float)
        found: np.ndarray = rows[self.covariates].to_numpy(float) - means
        return found

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        learnt = getattr(self.params, "horizon", horizon)
        if horizon > learnt:
            raise ValueError(
                f"{self.name}: {horizon} steps asked, {learnt} learnt; fit with a longer"
                " Params.horizon"
            )
        ids = list(dict.fromkeys(future["series_id"]))
        known = self._known(future).reshape(len(ids), horizon, -1)
        alike = {s: self.alike[s] for s in ids}
        found = self.forecast_alike(alike, dict(zip(ids, known, strict=True)), horizon)
        found = found + np.array([one.level[-1] for one in alike.values()])[:, None, None]
        values = found * self.unit[ids].to_numpy()[:, None, None]  # (S, T, 3)
        said = values.reshape(-1, values.shape[-1]) + self.pattern.of(future)[:, None]
        answer = future[["series_id", "ds"]].copy()
        answer[["p10", "p50", "p90"]] = said
        return answer


def level(rest: np.ndarray, rate: float) -> np.ndarray:
    """Weighted mean of the steps up to each; weights (1 - rate)^age. (N,) → (N,)"""
    found, total, weight = np.empty(len(rest)), 0.0, 0.0
    for step, value in enumerate(rest):
        total, weight = total * (1 - rate) + value, weight * (1 - rate) + 1
        found[step] = total / weight
    return found


def best_rate(rests: list[np.ndarray], season: int) -> float:
    """The rate whose levels miss the four seasons after them by least, over all series."""
    ahead = range(1, 4 * season + 1)
    missed = dict.fromkeys(RATES, 0.0)
    for rate in RATES:
        for rest in rests:
            levels = level(rest, rate)
            for step in ahead:
                missed[rate] += np.abs(rest[step:] - levels[:-step])[season:].sum()
    return min(missed, key=lambda rate: missed[rate])


LAGS = 6  # newest steps, from the level
MEANS = (2, 4, 8, 16)  # steps whose mean is told, from the level; of seasons where there are some


def features(one: Alike, ends: np.ndarray, known: np.ndarray, season: int) -> np.ndarray:
    """What is told of each step ahead of each end of a window. (W, T, F)

    Newest steps, means of them, the same places one season ago and over four, covariates ahead; all
    from the level or the series' mean, so that 0 says nothing. Missing ones are 0.

    Args:
        ends: places of the windows' last steps. (W,)
        known: covariates of each end's steps ahead. (W, T, C)
    """
    rest, horizon = one.rest, known.shape[1]
    base = one.level[ends]
    past = ends[:, None] - np.arange(LAGS)  # (W, LAGS)
    lags = np.where(past >= 0, rest[np.maximum(past, 0)] - base[:, None], 0.0)
    sums = np.concatenate([[0.0], rest.cumsum()])
    begins = [np.maximum(ends + 1 - n * season, 0) for n in MEANS]
    means = np.stack([(sums[ends + 1] - sums[b]) / (ends + 1 - b) - base for b in begins], axis=1)
    told = np.concatenate([lags, means], axis=1)
    parts = [np.repeat(told[:, None], horizon, axis=1), known]
    if season > 1:
        parts.append(_same_places(rest, ends, base, horizon, season))
    return np.concatenate(parts, axis=2)


def _same_places(
    rest: np.ndarray, ends: np.ndarray, base: np.ndarray, horizon: int, season: int
) -> np.ndarray:
    """The step one season before each step ahead, and the mean of four such. (W, T, 2)"""
    step = np.arange(horizon) % season + 1 - season  # from the end
    past = ends[:, None, None] + step[:, None] - season * np.arange(4)  # (W, T, 4)
    seen = past >= 0
    values = np.where(seen, rest[np.maximum(past, 0)] - base[:, None, None], 0.0)
    mean = values.sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
    return np.stack([values[:, :, 0], mean], axis=2)


@dataclass(frozen=True)
class Examples:
    """Windows of all series with what came after them. Windows W, steps T, features F."""

    inputs: np.ndarray  # (W, T, F)
    targets: np.ndarray  # (W, T) from the level; nan after the history's end
    late: np.ndarray  # (W, T) targets among the last ones of their series: settings rest on them


def examples(alike: dict[str, Alike], horizon: int, season: int) -> Examples:
    """All windows with a season and two steps before their end, and one step after it."""
    inputs, targets, late = [], [], []
    for one in alike.values():
        ends = np.arange(season + 1, len(one.rest) - 1)
        steps = ends[:, None] + 1 + np.arange(horizon)  # (W, T)
        there = steps < len(one.rest)
        steps = np.minimum(steps, len(one.rest) - 1)
        inputs.append(features(one, ends, one.known[steps], season))
        targets.append(np.where(there, one.rest[steps] - one.level[ends][:, None], np.nan))
        late.append(there & (steps >= len(one.rest) - min(2 * horizon, len(one.rest) // 3)))
    return Examples(np.concatenate(inputs), np.concatenate(targets), np.concatenate(late))


def asked(alike: dict[str, Alike], known: dict[str, np.ndarray], season: int) -> np.ndarray:
    """What is told of the steps after each series' end. (S, T, F)"""
    parts = [
        features(one, np.array([len(one.rest) - 1]), known[s][None], season)
        for s, one in alike.items()
    ]
    return np.concatenate(parts)
