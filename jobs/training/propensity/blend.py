"""blend: the mean of other models' log-odds, so that its terms are the means of theirs.

Trees and a regression on ranks err in different ways. Bates, Granger: The Combination of Forecasts
(Operational Research Quarterly 20, 1969), with equal weights.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from jobs.training.propensity.classifier import Examples, Rows
from jobs.training.propensity.forest import Forest
from jobs.training.propensity.gbm import Gbm
from jobs.training.propensity.logistic import Logistic

MEMBERS = (Gbm, Forest, Logistic)  # all of them explain
PARAMS = "params.json"


@dataclass(frozen=True)
class Params:
    seed: int = 0


class Blend:
    """See the module's text."""

    name: ClassVar[str] = "blend"
    Params: ClassVar[type] = Params

    def __init__(self, params: Any) -> None:
        self.params = params
        self.device = "cpu"
        seed = params.seed
        self.members: list[Gbm | Forest | Logistic] = [
            Gbm(Gbm.Params(seed=seed)),
            Forest(Forest.Params(seed=seed)),
            Logistic(Logistic.Params()),
        ]

    def fit(self, examples: Examples) -> Self:
        for one in self.members:
            one.fit(examples)
        return self

    def margin(self, rows: Rows) -> np.ndarray:
        found: np.ndarray = np.mean([one.margin(rows) for one in self.members], axis=0)
        return found

    def terms(self, rows: Rows) -> pd.DataFrame:
        first, *others = (one.terms(rows) for one in self.members)
        total = first
        for one in others:
            total = total.add(one, fill_value=0.0)
        found: pd.DataFrame = (total / len(self.members))[list(first)]
        return found

    def save(self, folder: Path) -> None:
        (folder / PARAMS).write_text(json.dumps(asdict(self.params)))
        for one in self.members:
            (folder / one.name).mkdir()
            one.save(folder / one.name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        found = cls(Params(**json.loads((folder / PARAMS).read_text())))
        found.members = [kind.load(folder / kind.name) for kind in MEMBERS]
        return found
