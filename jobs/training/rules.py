"""What mlflow/models.yaml says of a family: the task and metric that decide, and the gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from jobs.settings import ROOT


@dataclass(frozen=True)
class Rules:
    """A family's part of mlflow/models.yaml."""

    task: str
    metric: str
    better: Literal["higher", "lower"]
    gate: Mapping[str, Any]  # see jobs.training.gate.Gate


def rules(name: str) -> Rules:
    """Read mlflow/models.yaml.

    Raises:
        KeyError: the family is not in it.
    """
    path = ROOT / "mlflow" / "models.yaml"
    told = yaml.safe_load(path.read_text())
    if name not in told:
        raise KeyError(f"{path} has no family {name!r}; it has: {', '.join(told)}")
    return Rules(**told[name])
