"""gbm: gradient boosting of small trees whose splits are drawn at random.

Friedman: Greedy Function Approximation (2001), by LightGBM, with thresholds drawn as in Geurts,
Ernst, Wehenkel: Extremely Randomized Trees (2006): features here say nearly the same many times
over, and a threshold that was searched for fits what is noise between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jobs.training.propensity.boosted import Boosted


@dataclass(frozen=True)
class Params:
    trees: int = 400  # 1 or more
    rate: float = 0.03  # of learning, 0..1
    leaves: int = 8  # of a tree, 2 or more
    smallest_leaf: int = 300  # examples, 1 or more; less where a 50th of all is less
    rows_share: float = 0.5  # of examples that a tree sees, 0..1
    columns_share: float = 0.3  # of features that a tree sees, 0..1
    ridge: float = 10.0  # on leaves, 0 or more
    seed: int = 0


class Gbm(Boosted):
    """See the module's text."""

    name = "gbm"
    Params: ClassVar[type] = Params

    def settings(self) -> Mapping[str, Any]:
        return {
            "learning_rate": self.params.rate,
            "num_leaves": self.params.leaves,
            "bagging_fraction": self.params.rows_share,
            "bagging_freq": 1,
            "feature_fraction": self.params.columns_share,
            "lambda_l2": self.params.ridge,
            "extra_trees": True,
        }
