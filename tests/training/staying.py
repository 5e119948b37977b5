"""A small family whose scores have grades: who will not come back, by a logistic regression.

Features of 400 accounts on five Sundays; the label says whether an account stayed away in the four
weeks after, and is known when they have ended.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from deltalake import write_deltalake
from sklearn.linear_model import LogisticRegression

from jobs import lake
from jobs.training.data import read
from jobs.training.family import Configuration, Data, Judged, Split
from jobs.training.rules import Rules

WEEKS = dt.timedelta(weeks=4)
SUNDAYS = [dt.date(2017, 6, 4) + n * WEEKS for n in range(5)]
CUT = SUNDAYS[3]
TABLE = "features.account_features"
GATE: dict[str, Any] = {
    "beats_baseline": True,
    "beats_champion": True,
    "leakage": {"auc": 0.95, "gain_share": 0.6, "shuffled_gain": 0.1},
    "grades": {"flips": 0.1, "two_step_flips": 0.01},
}
RULES = Rules("churn", "brier", "lower", GATE)


def accounts(seed: int = 0) -> pd.DataFrame:
    """Half of what decides is how long ago the last order was; the rest is chance."""
    chance = np.random.default_rng(seed)
    found = []
    for sunday in SUNDAYS:
        recency = chance.integers(1, 80, 400)
        stays_away = chance.random(400) < 1 / (1 + np.exp(-(recency - 50) / 12))
        found.append(
            pd.DataFrame(
                {
                    "account_id": [f"account {n:03}" for n in range(400)],
                    "as_of_date": sunday,
                    "recency_days": recency,
                    "orders": chance.integers(1, 9, 400),
                    "label": stays_away.astype(int),
                    "known_date": sunday + WEEKS,
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def write(rows: pd.DataFrame) -> None:
    write_deltalake(lake.location(TABLE), rows, mode="overwrite", schema_mode="overwrite")


class Rate:
    """The naive: everyone has the share of those who stayed away."""

    name: ClassVar[str] = "rate"
    device = "cpu"

    @dataclass(frozen=True)
    class Params:
        pass

    def __init__(self, params: Any) -> None:
        self.params = params
        self.kept: dict[str, Any] = {}

    def fit(self, features: pd.DataFrame, label: pd.Series) -> Self:
        self.kept = {"rate": float(label.mean())}
        return self

    def probability(self, features: pd.DataFrame) -> np.ndarray:
        return np.full(len(features), self.kept["rate"])

    def save(self, folder: Path) -> None:
        told = {"params": asdict(self.params), "kept": self.kept}
        (folder / "model.json").write_text(json.dumps(told))

    @classmethod
    def load(cls, folder: Path) -> Self:
        told = json.loads((folder / "model.json").read_text())
        model = cls(cls.Params(**told["params"]))
        model.kept = told["kept"]
        return model


class Logistic(Rate):
    name = "logistic"

    @dataclass(frozen=True)
    class Params:
        strength: float = 1.0  # inverse of the penalty

    def fit(self, features: pd.DataFrame, label: pd.Series) -> Self:
        self.seen = features, label
        inside = LogisticRegression(C=self.params.strength, max_iter=1_000).fit(features, label)
        self.kept = {
            "columns": list(features),
            "weights": inside.coef_[0].tolist(),
            "bias": float(inside.intercept_[0]),
        }
        return self

    @property
    def gains(self) -> Mapping[str, float]:
        return {}

    def examples(self) -> tuple[pd.DataFrame, pd.Series]:
        return self.seen

    def probability(self, features: pd.DataFrame) -> np.ndarray:
        known = features[self.kept["columns"]].to_numpy(float)
        found: np.ndarray = 1 / (1 + np.exp(-(known @ self.kept["weights"] + self.kept["bias"])))
        return found


MODELS: dict[str, type[Rate]] = {"rate": Rate, "logistic": Logistic}


class Staying:
    name, entity, valid_days = "staying", "staying_scores", 7
    tables = (TABLE,)
    asked: ClassVar[Sequence[Configuration]] = ()  # beside the baseline
    baseline = Configuration("rate", Rate.Params())

    def model(self, name: str) -> type[Any]:
        return MODELS[name]

    def configurations(self) -> Sequence[Configuration]:
        return [self.baseline, *self.asked]

    def data(self, as_of: dt.date | None) -> Data:
        rows, dataset = read(TABLE)
        if as_of:
            rows = rows[rows["as_of_date"] <= pd.Timestamp(as_of)]
        labels = rows[["account_id", "as_of_date", "known_date", "label"]]
        features = rows.drop(columns=["known_date", "label"])
        newest = rows["as_of_date"].max().date()
        return Data({"features": features, "labels": labels}, (dataset,), newest)

    def cut(self, data: Data) -> dt.date:
        return CUT

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Any]:
        return {"valid": (data, cut - WEEKS), "test": (data, cut)}

    def judge(self, window: tuple[Data, dt.date], configuration: Configuration) -> Sequence[Judged]:
        data, cut = window
        model = self.fit(data, configuration, cut)
        rows = data.frames["labels"]
        truth = rows[rows["as_of_date"] == pd.Timestamp(cut)].set_index("account_id")["label"]
        error = (self.scores(model, data, cut).reindex(truth.index) - truth) ** 2
        return [Judged("churn", {"brier": error})]

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        labels = data.frames["labels"]
        is_known = labels["known_date"] <= pd.Timestamp(as_of)
        features = data.frames["features"][is_known].drop(columns=["account_id", "as_of_date"])
        return self.model(configuration.model)(configuration.params).fit(
            features, labels.loc[is_known, "label"]
        )

    def scores(self, model: Any, data: Data, as_of: dt.date) -> pd.Series:
        rows = data.frames["features"]
        rows = rows[rows["as_of_date"] == pd.Timestamp(as_of)]
        return pd.Series(model.probability(rows), rows["account_id"].astype(str))

    def good(self, score: pd.Series) -> pd.Series:
        return score

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        return self.scores(model, data, as_of).rename("score").reset_index()


FAMILY = Staying()
