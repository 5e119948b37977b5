"""The value models by name: a name is the model's file."""

import importlib

from jobs.training.family import Configuration
from jobs.training.value.valuer import Valuer

MODELS = {
    "last_period": "LastPeriod",
    "rate": "Rate",
    "fading": "Fading",
    "lifetime": "Lifetime",
    "blend": "Blend",
    "gbm": "Gbm",
}
BASELINE = "last_period"


def model(name: str) -> type[Valuer]:
    """The model's class, imported when asked for.

    Raises:
        KeyError: there is no such model.
    """
    if name not in MODELS:
        raise KeyError(f"no value model {name!r}; there are: {', '.join(MODELS)}")
    module = importlib.import_module(f"jobs.training.value.{name}")
    found: type[Valuer] = getattr(module, MODELS[name])
    return found


def configurations() -> list[Configuration]:
    """Every model with its own settings, the baseline first."""
    return [Configuration(name, model(name).Params()) for name in MODELS]
