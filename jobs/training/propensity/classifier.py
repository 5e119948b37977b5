"""What a classifier of customers promises: whether something will happen, as log-odds, and why.

A model is one file with `Params` and one class. Log-odds (the margin) become chances by a
calibration that belongs to the task, not to the model (calibration.py). A model whose margin is a
sum of what each feature brings says so by `terms`: only such a model gives reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

BASE = "base"  # the column of terms that belongs to no feature
CERTAIN = 1e-6  # no chance is nearer to 0 or 1


@dataclass(frozen=True)
class Rows:
    """N accounts, each as of an origin of its own."""

    features: pd.DataFrame  # (N) one column per feature, float32, without null
    weekly: np.ndarray  # (N, T, C) what was bought by week, newest first; (N, 0, 0): not told

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Examples:
    """Rows of which it is known what happened."""

    rows: Rows
    label: np.ndarray  # (N) 1 where it happened, else 0
    weight: np.ndarray  # (N) how much each counts, 1 on average

    @property
    def rarity(self) -> float:
        """What weights have added to the log-odds of what happens; to be taken off again."""
        weighted = np.average(self.label, weights=self.weight)
        return float(log_odds(weighted) - log_odds(self.label.mean()))


def together(parts: Sequence[Examples]) -> Examples:
    """Examples of several origins as one."""
    features = pd.concat([one.rows.features for one in parts], ignore_index=True)
    weekly = np.concatenate([one.rows.weekly for one in parts])
    label = np.concatenate([one.label for one in parts])
    weight = np.concatenate([one.weight for one in parts])
    return Examples(Rows(features, weekly), label, weight / weight.mean())


def as_often(rows: Rows, label: np.ndarray) -> Examples:
    """Examples in which what happened weighs as much as what did not, as the rarer has cases.

    Pooled, groups in which it is rarer then teach who, and not that their kind does it less.
    """
    happened = max(int(label.sum()), 1)
    others = max(len(label) - happened, 1)
    rarer = min(happened, others)
    return Examples(rows, label, np.where(label == 1, rarer / happened, rarer / others))


class Classifier(Protocol):
    """Any model of the room."""

    name: ClassVar[str]
    Params: ClassVar[type]
    params: Any
    device: str  # cpu or cuda: where it was fitted

    def __init__(self, params: Any) -> None: ...

    def fit(self, examples: Examples) -> Self:
        """Learn; the caller has seen to it that labels had ended by the origin that is asked."""

    def margin(self, rows: Rows) -> np.ndarray:
        """Log-odds of each row. (N)"""

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder, without pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""


@runtime_checkable
class Explains(Protocol):
    """A classifier whose margin is a sum."""

    def terms(self, rows: Rows) -> pd.DataFrame:
        """What each feature adds to the margin, and BASE: rows sum to the margin to 1e-6."""


def chances(margin: np.ndarray) -> np.ndarray:
    """Log-odds as chances, 0..1."""
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(margin, -30, 30)))
    return found


def log_odds(chance: Any) -> np.ndarray:
    """A chance, or many, as log-odds; none is certain."""
    kept = np.clip(chance, CERTAIN, 1 - CERTAIN)
    found: np.ndarray = np.log(kept / (1 - kept))
    return found
