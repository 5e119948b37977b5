"""The forecasters by name: a name is the model's file."""

import importlib
from dataclasses import fields
from typing import Any

from jobs.training.family import Configuration

MODELS = {
    "seasonal_naive": "SeasonalNaive",
    "mean": "Mean",
    "level": "Level",
    "smoothing": "Smoothing",
    "linear": "Linear",
    "gbm": "Gbm",
    "ets": "Ets",
    "theta": "Theta",
    "arima": "Arima",
    "seasonal": "Seasonal",
    "lstm": "Lstm",
    "ensemble": "Ensemble",
}


def model(name: str) -> type[Any]:
    """The model's class, imported when asked for.

    Raises:
        KeyError: there is no such forecaster.
    """
    if name not in MODELS:
        raise KeyError(f"no forecaster {name!r}; there are: {', '.join(MODELS)}")
    module = importlib.import_module(f"jobs.training.forecasts.{name}")
    found: type[Any] = getattr(module, MODELS[name])
    return found


def configurations(season: int, horizon: int, covariates: bool = True) -> list[Configuration]:
    """Every forecaster with the settings it has for any series, the baseline first.

    Args:
        covariates: those that can take what is known in advance do so.
    """
    found = []
    for name in MODELS:
        params = model(name).Params
        takes = {f.name for f in fields(params)}
        window = 12 if season == 1 else min(4 * season, 56)
        given = {
            "season": season,
            "horizon": horizon,
            "window": window,
            "covariates": covariates,
        }
        fits = {n: v for n, v in given.items() if n in takes}
        found.append(Configuration(name, params(**fits)))
        if name == "ensemble":
            found.append(Configuration(name, params(**fits, weights="learnt")))
    return found


def label(configuration: Configuration) -> str:
    """The model's name; of an ensemble with learnt weights another one."""
    learnt = getattr(configuration.params, "weights", "") == "learnt"
    return f"{configuration.model}_learnt" if learnt else configuration.model
