"""The classifiers by name, in the order in which they are judged."""

from collections.abc import Collection, Sequence
from typing import Any

from jobs.training.family import Configuration
from jobs.training.propensity.blend import Blend
from jobs.training.propensity.classifier import Explains
from jobs.training.propensity.forest import Forest
from jobs.training.propensity.gbm import Gbm
from jobs.training.propensity.logistic import Logistic
from jobs.training.propensity.sequence import Sequence as Weeks
from jobs.training.propensity.single_feature import SingleFeature

MODELS: dict[str, type[Any]] = {
    kind.name: kind for kind in (SingleFeature, Logistic, Gbm, Forest, Blend, Weeks)
}
BASELINE = SingleFeature.name


def configurations(baseline: str, without: Collection[str] = ()) -> Sequence[Configuration]:
    """What a bench judges.

    Args:
        baseline: the feature that the baseline looks at.
        without: names of models that are not asked.
    """
    return [
        Configuration(name, kind.Params(columns=(baseline,)) if name == BASELINE else kind.Params())
        for name, kind in MODELS.items()
        if name not in without
    ]


def explains(name: str) -> bool:
    """Whether a model's margin is a sum of terms, so that it can say why."""
    return issubclass(MODELS[name], Explains)
