"""What answers a task: a classifier with what puts its log-odds right and what its themes mean.

One file of its own beside the classifier's: `scorer.json`. Of each classifier there is one kind,
since a family knows its models by class.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.propensity import models, reasons
from jobs.training.propensity.calibration import Calibration
from jobs.training.propensity.classifier import Classifier, Explains, Rows
from jobs.training.propensity.task import Asked, Task

ABOUT = "scorer.json"


class Scorer:
    """A classifier that was fitted as of an origin."""

    name: ClassVar[str]  # of the classifier
    Params: ClassVar[type]
    kind: ClassVar[type[Any]]

    def __init__(self, params: Any) -> None:
        self.params = params
        self.classifier: Classifier = self.kind(params)
        self.task = ""
        self.rarity = 0.0  # log-odds that weights have added, to be taken off again
        self.calibration = Calibration()
        self.directions: Mapping[str, int] = {}  # see `reasons.directions`; empty: cannot say why
        self.learnt: tuple[pd.DataFrame, pd.Series] | None = None  # null: not kept

    def fit(self, of: Task, origin: dt.date, tells_why: bool = True) -> Self:
        """Learn what had ended by an origin.

        Args:
            tells_why: false: `why` says nothing; what it rests on can take longer than all else.

        Raises:
            NothingToAsk: nothing had.
        """
        learnt = of.examples(origin)
        self.classifier.fit(learnt)
        self.task, self.rarity = of.name, learnt.rarity
        self.learnt = learnt.rows.features, pd.Series(learnt.label)
        if tells_why and isinstance(self.classifier, Explains):
            told = reasons.read(self.task)
            self.directions = reasons.directions(self.classifier, learnt.rows, told)
        return self

    @property
    def device(self) -> str:
        return self.classifier.device

    @property
    def curves(self) -> Mapping[str, Sequence[float]]:
        """Such as the loss of each epoch; empty where a classifier has none."""
        found: Mapping[str, Sequence[float]] = getattr(self.classifier, "curves", {})
        return found

    @property
    def gains(self) -> Mapping[str, float]:
        """Feature → what it brought to trees; empty for other classifiers."""
        found: Mapping[str, float] = getattr(self.classifier, "gains", {})
        return found

    def examples(self) -> tuple[pd.DataFrame, pd.Series]:
        """Features and label of what the last fit learnt from."""
        if self.learnt is None:
            raise ValueError(f"{self.name}: what it learnt from is not kept; fit it again")
        return self.learnt

    def margin(self, rows: Rows) -> np.ndarray:
        """Log-odds before they are put right. (N)"""
        return self.classifier.margin(rows) - self.rarity

    def chances(self, rows: Rows) -> np.ndarray:
        """(N), 0..1"""
        return self.calibration.chances(self.margin(rows))

    def why(self, asked: Asked) -> pd.DataFrame:
        """What `reasons.strongest` says of those asked; empty: it cannot say why."""
        if not self.directions or not isinstance(self.classifier, Explains):
            return pd.DataFrame()
        told = reasons.read(self.task)
        return reasons.strongest(self.classifier, asked.rows, self.directions, told)

    def save(self, folder: Path) -> None:
        told = {
            "task": self.task,
            "rarity": self.rarity,
            "calibration": asdict(self.calibration),
            "directions": dict(self.directions),
        }
        (folder / ABOUT).write_text(json.dumps(told))
        self.classifier.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        classifier = cls.kind.load(folder)
        found = cls(classifier.params)
        told = json.loads((folder / ABOUT).read_text())
        found.classifier, found.task, found.rarity = classifier, told["task"], told["rarity"]
        found.calibration = Calibration(**told["calibration"])
        found.directions = told["directions"]
        return found


@cache
def scorer(name: str) -> type[Scorer]:
    """The scorer of a classifier."""
    kind = models.MODELS[name]
    told = {"name": name, "kind": kind, "Params": kind.Params}
    return type(f"{kind.__name__}Scorer", (Scorer,), told)
