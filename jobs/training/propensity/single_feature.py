"""single_feature: logistic regression on the one feature that anybody would look at first."""

from dataclasses import dataclass
from typing import ClassVar

from jobs.training.propensity import logistic
from jobs.training.propensity.logistic import Logistic


@dataclass(frozen=True)
class Params(logistic.Params):
    columns: tuple[str, ...] = ("recency_days",)
    strictness: float = 1.0


class SingleFeature(Logistic):
    """The baseline of every task."""

    name: ClassVar[str] = "single_feature"
    Params: ClassVar[type] = Params
