"""seasonal: a Prophet per series, a level or trend with a weekly pattern, series in parallel.

Taylor, Letham: Forecasting at Scale (The American Statistician 72, 2018). Differs in that there is
no yearly pattern: a year of data shows it once only.
"""

import importlib
import logging
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from jobs.training.forecasts.forecaster import QUANTILES, P, SeriesForecaster

WEEK_DAYS = 7


@dataclass(frozen=True)
class Params:
    season: int = 1  # steps: 7 days make a weekly pattern, 1 is none
    growth: Literal["flat", "linear"] = "flat"  # flat: one level; linear: a trend that may bend
    bend: float = 0.05  # how much a linear trend may bend (prior's scale), .001..1
    covariate: str = ""  # column known in advance that moves sales; empty: none
    seed: int = 0  # of the sampled intervals


class Seasonal(SeriesForecaster):
    name = "seasonal"
    Params: ClassVar[type] = Params

    def learn(self, history: pd.DataFrame) -> None:
        columns = ["ds", "y", *self._covariates]
        ids, parts = zip(
            *((s, one[columns]) for s, one in history.groupby("series_id")), strict=True
        )
        told = _workers().map(_fitted, parts, [self.params] * len(parts), chunksize=4)
        self.models = dict(zip(ids, told, strict=True))

    def forecast(self, horizon: int, future: pd.DataFrame) -> pd.DataFrame:
        columns = ["ds", *self._covariates]
        ids, parts = zip(
            *((s, one[columns]) for s, one in future.groupby("series_id")), strict=True
        )
        models = [self.models[s] for s in ids]
        found = _workers().map(_asked, models, parts, [self.params.seed] * len(ids), chunksize=4)
        answer = future[["series_id", "ds"]].copy()  # sorted by series, as groupby gives them
        answer[P] = np.concatenate(list(found))
        return answer

    @property
    def _covariates(self) -> list[str]:
        return [self.params.covariate] if self.params.covariate else []

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


def _fitted(rows: pd.DataFrame, params: Params) -> str:
    from prophet import Prophet
    from prophet.serialize import model_to_json

    model = Prophet(
        growth=params.growth,
        changepoint_prior_scale=params.bend,
        yearly_seasonality=False,
        weekly_seasonality=params.season == WEEK_DAYS,
        daily_seasonality=False,
        interval_width=QUANTILES[2] - QUANTILES[0],
    )
    if params.covariate:
        model.add_regressor(params.covariate)
    return str(model_to_json(model.fit(rows)))


def _asked(told: str, future: pd.DataFrame, seed: int) -> np.ndarray:
    """Quantiles of one series. (T, 3)"""
    from prophet.serialize import model_from_json

    np.random.seed(seed)  # Prophet draws from numpy's global generator
    found = model_from_json(told).predict(future)
    return found[["yhat_lower", "yhat", "yhat_upper"]].to_numpy()
