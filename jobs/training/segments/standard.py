"""Features on one scale: places among all accounts, and the points that distances are taken of.

A place is a rank, so it is robust: how much more the largest customer spends than the next moves
nobody, and who ties has the same place. What is not known of an account stands in the middle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from jobs.training.segments.features import FEATURES, LATELY_DAYS, NAMES, Feature

KNOTS = 1_001  # values kept of each feature: places are right to a thousandth
MAKE = tuple(feature for feature in FEATURES if feature.weight)  # these make segments


@dataclass(frozen=True)
class Standard:
    """Where values stood among the accounts that segments were made of.

    Attributes:
        knots: feature → its values at even places, sorted; empty where none was known.
    """

    knots: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, features: pd.DataFrame) -> Self:
        return cls({name: _knots(features[name].to_numpy(float)) for name in NAMES})

    def places(self, features: pd.DataFrame) -> pd.DataFrame:
        """Of each value, the share of all that is below it (of those that tie, half); 0 to 1.

        Null where the value is, or where nobody has one.
        """
        found = {name: _places(features[name].to_numpy(float), self.knots[name]) for name in NAMES}
        return pd.DataFrame(found, features.index)

    def points(self, features: pd.DataFrame, made_of: Sequence[Feature] = MAKE) -> np.ndarray:
        """Coordinates by weight. (N, C): accounts, the features that make segments."""
        columns = [self._column(one, features[one.name].to_numpy(float)) for one in made_of]
        return np.column_stack(columns)

    def _column(self, one: Feature, values: np.ndarray) -> np.ndarray:
        match one.scale:
            case "place":  # evenly spread over a width of √12: a standard deviation of 1
                places = _places(values, self.knots[one.name])
                return one.weight * np.sqrt(12) * (np.nan_to_num(places, nan=0.5) - 0.5)
            case "doublings":
                return one.weight * np.log2(1 + values / 7)
            case "newness":
                return one.weight * (1 - np.minimum(values, LATELY_DAYS) / LATELY_DAYS)


def _knots(values: np.ndarray) -> np.ndarray:
    known = np.sort(values[~np.isnan(values)])
    if len(known) <= KNOTS:
        return known
    return known[np.linspace(0, len(known) - 1, KNOTS).round().astype(int)]


def _places(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    if not len(knots):
        return np.full(len(values), np.nan)
    below, upto = (np.searchsorted(knots, values, side) for side in ("left", "right"))
    return np.where(np.isnan(values), np.nan, (below + upto) / 2 / len(knots))
