"""seasonal: a Prophet per series, a level or trend with a weekly pattern, series in parallel.

Taylor, Letham: Forecasting at Scale (The American Statistician 72, 2018). Differs in that there is
no yearly pattern: a year of data shows it once only. Holidays and promotions are covariates.
"""

import importlib
import logging
import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from optuna.distributions import CategoricalDistribution, FloatDistribution

from jobs.training.forecasts.forecaster import SeriesForecaster, middle

WEEK_DAYS = 7


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps: 7 days make a weekly pattern, 1 is none
    growth: Literal["flat", "linear"] = "flat"  # flat: one level; linear: a trend that may bend
    bend: float = 0.05  # how much a linear trend may bend (prior's scale), .001..1
    covariates: bool = True  # holidays, promotions: whatever the series tell in advance


SPACE = {
    "growth": CategoricalDistribution(("flat", "linear")),
    "bend": FloatDistribution(0.001, 1.0, log=True),
    "covariates": CategoricalDistribution((True, False)),
}


class Seasonal(SeriesForecaster):
    name = "seasonal"
    Params: ClassVar[type] = Params

    def learn(self, history: pd.DataFrame) -> None:
        ids, parts = _by_series(history[["series_id", "ds", "y", *self.covariates]])
        told = _workers().map(
            _fitted, parts, [self.params] * len(parts), [self.covariates] * len(parts), chunksize=4
        )
        found = list(zip(ids, told, strict=True))
        self.models = {s: model for s, (model, _) in found if model}
        self.fallbacks |= {s: f"failed: {reason}" for s, (model, reason) in found if not model}

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        ids, parts = _by_series(future[["series_id", "ds", *self.covariates]])
        found = _workers().map(_asked, [self.models[s] for s in ids], parts, chunksize=4)
        return middle(future, np.concatenate(list(found)))  # sorted, as groupby gives them

    def keep(self, folder: Path) -> None:
        rows = pd.DataFrame({"series_id": list(self.models), "model": list(self.models.values())})
        rows.to_parquet(folder / "prophets.parquet", index=False)

    def restore(self, folder: Path) -> None:
        rows = pd.read_parquet(folder / "prophets.parquet")
        self.models = dict(zip(rows["series_id"], rows["model"], strict=True))


@cache
def _workers() -> ProcessPoolExecutor:
    """Processes that live as long as this one: each takes seconds to import Prophet.

    Spawned, not forked: a copy of a process with torch's or Arrow's threads can hang.
    """
    return ProcessPoolExecutor(
        min(os.cpu_count() or 1, 8),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )


def _begin() -> None:
    """A worker's first act: end with its parent, load Prophet once, keep it quiet."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _quiet()


def _end_with_parent() -> None:
    """A parent that is killed, or leaves as Airflow's tasks do, tells its workers nothing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _quiet() -> None:
    """Prophet and Stan tell of every fit; only what goes wrong is of interest."""
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # that there is no plotly
    importlib.import_module("prophet")
    logging.getLogger("prophet").setLevel(logging.ERROR)
    stan = logging.getLogger("cmdstanpy")
    stan.addHandler(logging.StreamHandler())  # without one it makes its own, at its own level
    stan.setLevel(logging.ERROR)


def _by_series(rows: pd.DataFrame) -> tuple[list[str], list[pd.DataFrame]]:
    parts = list(rows.groupby("series_id"))
    return [str(s) for s, _ in parts], [one.drop(columns="series_id") for _, one in parts]


def _fitted(rows: pd.DataFrame, params: Params, covariates: Sequence[str]) -> tuple[str, str]:
    """The model as JSON, or nothing and why Stan could not fit it."""
    from prophet import Prophet
    from prophet.serialize import model_to_json

    model = Prophet(
        growth=params.growth,
        changepoint_prior_scale=params.bend,
        yearly_seasonality=False,
        weekly_seasonality=params.season == WEEK_DAYS,
        daily_seasonality=False,
        uncertainty_samples=0,  # the interval comes from past origins
    )
    for covariate in covariates:
        model.add_regressor(covariate)
    try:
        return str(model_to_json(model.fit(rows))), ""
    except (RuntimeError, ValueError) as error:
        return "", str(error)


def _asked(told: str, future: pd.DataFrame) -> np.ndarray:
    """Answers for one series. (T,)"""
    from prophet.serialize import model_from_json

    found: np.ndarray = model_from_json(told).predict(future)["yhat"].to_numpy()
    return found
