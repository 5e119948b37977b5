"""forest: a random forest of deep trees, each grown on half of the examples.

Breiman: Random Forests (2001), with thresholds drawn at random (Geurts, Ernst, Wehenkel: Extremely
Randomized Trees, 2006), by LightGBM, so that its terms are exact. Differs in that trees are
averaged as log-odds, not as shares of votes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jobs.training.propensity.boosted import Boosted


@dataclass(frozen=True)
class Params:
    trees: int = 100  # 1 or more
    leaves: int = 255  # of a tree at most, 2 or more
    smallest_leaf: int = 30  # examples, 1 or more; less where a 50th of all is less
    rows_share: float = 0.5  # of examples that a tree sees, 0..1
    columns_share: float = 0.3  # of features that a split looks at, 0..1
    seed: int = 0


class Forest(Boosted):
    """See the module's text."""

    name = "forest"
    Params: ClassVar[type] = Params

    def settings(self) -> Mapping[str, Any]:
        return {
            "boosting": "rf",
            "num_leaves": self.params.leaves,
            "bagging_fraction": self.params.rows_share,
            "bagging_freq": 1,
            "feature_fraction_bynode": self.params.columns_share,
            "extra_trees": True,
            "max_bin": 63,
        }
