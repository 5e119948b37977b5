"""What all forecasters share: regular histories, and an honest answer where a model has none.

A model file adds `learn` and `forecast` (and `keep`, `restore` where it has something to keep).
"""

import json
import logging
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.forecasts import conformal

logger = logging.getLogger(__name__)

QUANTILES = (0.1, 0.5, 0.9)
ANSWER = ["series_id", "ds", "p10", "p50", "p90"]
P = ANSWER[2:]
FEWEST = 8  # points; below that a model would fit noise
RECENT = 8  # seasons that a series without a model is judged by
TOLD = 3  # series that a log line names
WILD = 100  # times the largest value ever: an answer beyond it is none


def regular(series: pd.DataFrame) -> pd.DataFrame:
    """Sorted series without gaps: a missing step between two others lies on their line.

    The step is the smallest distance seen; a series begins and ends with its own first and last
    value. What is told of a step without a value, its covariates, stays.

    Raises:
        ValueError: no value at all, or two rows for one step of a series.
    """
    rows = series.assign(series_id=series["series_id"].astype("object"))
    rows = rows.dropna(subset=["series_id", "ds"]).sort_values(["series_id", "ds"])
    step = step_of(rows)
    ends = rows.dropna(subset=["y"]).groupby("series_id")["ds"].agg(["min", "max"])
    if ends.empty:
        raise ValueError(f"no row with a value among {len(series)}; a forecast needs a history")
    first, last = (rows["series_id"].map(ends[end]) for end in ends)
    rows = rows[rows["ds"].between(first, last)]
    twice = rows.duplicated(["series_id", "ds"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise ValueError(
            f"series {first['series_id']!r} has two rows for {first['ds']:%Y-%m-%d};"
            " sum or drop them before fitting"
        )
    filled = []
    for series_id, one in rows.groupby("series_id", sort=True):
        steps = pd.date_range(one["ds"].max(), one["ds"].min(), freq=-step)[::-1]
        grown = one.drop(columns="series_id").set_index("ds").reindex(steps)
        grown["y"] = grown["y"].astype(float).interpolate()
        filled.append(grown.fillna(0.0).rename_axis("ds").reset_index().assign(series_id=series_id))
    return pd.concat(filled, ignore_index=True)


def step_of(rows: pd.DataFrame) -> pd.Timedelta:
    """The smallest distance between two rows of a series; a day where each has one row only."""
    gaps = rows.groupby("series_id")["ds"].diff().dropna()
    gaps = gaps[gaps > pd.Timedelta(0)]
    return pd.Timedelta(gaps.min()) if len(gaps) else pd.Timedelta(days=1)


def up_to_date(series: pd.DataFrame) -> pd.DataFrame:
    """Series that ended before the newest step of all go on there at their last value."""
    newest = series["ds"].max()
    ends = series.sort_values("ds").groupby("series_id", observed=True).tail(1)
    ended = ends[ends["ds"] < newest]
    return pd.concat([series, ended.assign(ds=newest)], ignore_index=True)


def scales(history: pd.DataFrame, season: int, power: int = 1) -> pd.Series:
    """Mean |y_t - y_(t-season)|^power of every series: what an error of 1 is, where power is 1.

    A table's rows come in no order: they are sorted here.
    """
    history = history.sort_values(["series_id", "ds"])
    change = history.groupby("series_id")["y"].diff(season).abs() ** power
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


def fewest_points(season: int) -> int:
    """That a model needs: a season seen twice, and enough not to fit noise."""
    return max(FEWEST, 2 * season + 1)


def steps_after(history: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Rows (series_id, ds): the next `horizon` steps of every series, sorted."""
    step, last = step_of(history), history.groupby("series_id")["ds"].max().sort_index()
    found = pd.DataFrame(
        {
            "series_id": np.repeat(last.index.to_numpy(), horizon),
            "ds": np.repeat(last.to_numpy(), horizon),
        }
    )
    return found.assign(ds=found["ds"] + step * (np.tile(np.arange(horizon), len(last)) + 1))


class SeriesForecaster(ABC):
    """One forecaster of many series. `season` of its Params is counted in steps; 1 is none."""

    name: ClassVar[str]
    Params: ClassVar[type]
    device = "cpu"

    def __init__(self, params: Any) -> None:
        self.params = params
        self.margins = np.zeros(0)  # in scales, per step ahead: both ends of the interval move out
        self.fallbacks: dict[str, str] = {}  # series that the model does not answer for → why

    @abstractmethod
    def learn(self, history: pd.DataFrame) -> None:
        """Learn from regular series that are neither short nor constant.

        A series that cannot be learnt is put into `fallbacks`, with its reason.
        """

    @abstractmethod
    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """ANSWER rows for series that were learnt, in the order of `future`.

        A model of the middle only gives it three times: the interval comes from `margins`.
        """

    def keep(self, folder: Path) -> None:  # noqa: B027
        """Write what `learn` found; nothing where the history says it all."""

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote; where that is nothing, learn again from the history."""
        self.learn(self.learnt)

    @property
    def fewest(self) -> int:
        return fewest_points(self.params.season)

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
        self.history, self.step = history, step_of(history)
        self.scale = scales(history, self.params.season)
        told = [str(c) for c in history if c not in ("series_id", "ds", "y")]
        self.covariates = told if getattr(self.params, "covariates", False) else []
        self.fallbacks = without_model(history, self.fewest)
        kept = ~history["series_id"].isin(list(self.fallbacks))
        self.learnt = history[kept].reset_index(drop=True)

    def predict(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """ANSWER rows, sorted, for the next `horizon` steps of every series in `future`.

        A warning names series that the model did not answer for.

        Raises:
            ValueError: `future` does not hold exactly those steps, or not their covariates.
        """
        answer = self.answers(horizon, future)
        tell_fallbacks(self, answer)
        return answer

    def answers(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """As `predict`; of `fallbacks` the caller tells."""
        future = self._checked(horizon, future)
        known = set(self.history["series_id"])
        asked = list(dict.fromkeys(future["series_id"]))
        self.fallbacks |= {s: "unknown: no history" for s in asked if s not in known}
        ours = future[~future["series_id"].isin(list(self.fallbacks))].reset_index(drop=True)
        parts = [self._answered(horizon, ours)] if len(ours) else []
        others = future[future["series_id"].isin(list(self.fallbacks))]
        if len(others):
            parts.append(self._plain(others))
        answer = pd.concat(parts, ignore_index=True).sort_values(["series_id", "ds"])
        never_below = self.history.groupby("series_id")["y"].min() >= 0
        sold = answer["series_id"].map(never_below).fillna(bool(never_below.all())).to_numpy(bool)
        answer.loc[sold, P] = answer.loc[sold, P].clip(lower=0.0)
        return answer[ANSWER].reset_index(drop=True)

    def _checked(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        future = future.assign(series_id=future["series_id"].astype(str))
        future = future.sort_values(["series_id", "ds"]).reset_index(drop=True)
        if missing := [c for c in self.covariates if c not in future]:
            raise ValueError(
                f"{self.name}: learnt with {', '.join(self.covariates)}, and future has no"
                f" {', '.join(missing)}; tell them, or fit with Params(covariates=False)"
            )
        wanted = dict(tuple(steps_after(self.history, horizon).groupby("series_id")["ds"]))
        latest = max(wanted.values(), key=lambda steps: steps.iloc[0])
        for series_id, ds in future.groupby("series_id")["ds"]:
            steps = wanted.get(series_id, latest)
            if list(ds) != list(steps):
                raise ValueError(
                    f"series {series_id!r}: future has {len(ds)} steps from {ds.min():%Y-%m-%d} to"
                    f" {ds.max():%Y-%m-%d}; needed are {horizon} from {steps.iloc[0]:%Y-%m-%d} to"
                    f" {steps.iloc[-1]:%Y-%m-%d}"
                )
        return future

    def _answered(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        """The model's own answers with their intervals, without series that it fails at."""
        answer = self.forecast(horizon, future)
        largest = answer["series_id"].map(self.history.groupby("series_id")["y"].agg(_largest))
        wild = ~(answer[P].abs().max(axis=1, skipna=False) <= WILD * largest)
        failed = dict.fromkeys(answer.loc[wild, "series_id"], "failed: no sensible answer")
        self.fallbacks |= failed
        answer = answer[~answer["series_id"].isin(list(failed))]
        return conformal.moved_out(answer, self.margins, self.scale)

    def _plain(self, asked: pd.DataFrame) -> pd.DataFrame:
        """Quantiles of a series' recent steps; of all series' where it has no history."""
        ids = list(dict.fromkeys(asked["series_id"]))
        recent = self.history.groupby("series_id").tail(RECENT * self.params.season)
        known = recent.groupby("series_id")["y"].quantile(np.asarray(QUANTILES)).unstack()
        found = known.reindex(ids)
        found[found.isna().all(axis=1)] = recent["y"].quantile(list(QUANTILES)).to_numpy()
        answer = asked[["series_id", "ds"]].copy()
        answer[P] = found.loc[asked["series_id"]].to_numpy()
        return answer

    def save(self, folder: Path) -> None:
        told = {"params": asdict(self.params), "margins": list(self.margins)}
        (folder / "model.json").write_text(json.dumps(told, indent=1))
        self.history.to_parquet(folder / "history.parquet", index=False)
        if len(self.learnt):
            self.keep(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / "model.json").read_text())
        model = cls(cls.Params(**told["params"]))
        model.margins = np.asarray(told["margins"], float)
        model._take(pd.read_parquet(folder / "history.parquet"))
        if len(model.learnt):
            model.restore(folder)
        return model


def tell_fallbacks(
    model: SeriesForecaster,
    answer: pd.DataFrame,
    level: int = logging.WARNING,
    until: pd.Timestamp | None = None,
) -> None:
    """One line that names series of the answer that are not the model's; none where all are.

    Args:
        until: last day of the history, where it is not the whole one: what is short there may be
            long enough now.
    """
    ids = [s for s in dict.fromkeys(answer["series_id"]) if s in model.fallbacks]
    if ids:
        logger.log(
            level,
            "%s%s: %d series answered by plain quantiles of recent steps: %s%s",
            model.name,
            "" if until is None else f", history up to {until:%Y-%m-%d}",
            len(ids),
            "; ".join(f"{s} ({model.fallbacks[s]})" for s in ids[:TOLD]),
            "; …" if len(ids) > TOLD else "",
        )


def middle(future: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """ANSWER rows of a model of the middle: values (N,) of the rows of `future`."""
    answer = future[["series_id", "ds"]].copy()
    answer[P] = np.repeat(values[:, None], len(P), axis=1)
    return answer


def _largest(y: pd.Series) -> float:
    return float(y.abs().max())
