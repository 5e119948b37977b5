"""gbm: LightGBM over what accounts did by past dates, on top of a fading rate.

Ke et al.: LightGBM (NeurIPS 2017). Learnt is the median of (what was spent - the fading rate), by
the absolute error, whose best answer is a conditional median. Spend is skewed, so that the sum of
medians lies below what will be spent in all: only a share of what is learnt is added to the rate,
whose sum does not (docs/value.md has by how much). Examples are accounts on past dates whose window
had ended, all of them or, where there are very many, some by lot.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import lightgbm
import numpy as np
import pandas as pd

from jobs.training.propensity import reasons
from jobs.training.propensity.classifier import BASE, Rows
from jobs.training.value.history import History, past_origins, spent
from jobs.training.value.signals import signals
from jobs.training.value.valuer import Valuer

HOME = Path(__file__).parent
ABOUT = "about.json"
START = "fading_rate"  # what the trees add to, USD
LEAST_USD = 1.0  # that a reason adds or takes


@dataclass(frozen=True)
class Params:
    leaves: int = 8  # of a tree, 2 or more
    rounds: int = 100  # trees of a seed
    rate: float = 0.05  # of learning
    smallest: int = 100  # examples of a leaf
    half_life_weeks: float = 8.0  # of the rate that it starts from
    share: float = 0.5  # of what is learnt that is added to it, 0..1; 1 is the median
    origins: int = 12  # past dates that are learnt from, at most
    step_days: int = 28  # between two of them
    accounts: int = 10_000  # that are learnt from, at most; more only take longer
    seeds: int = 3  # models that are averaged
    seed: int = 0  # of the first one


class Gbm(Valuer):
    """Where no past window has ended, it answers with the fading rate alone."""

    name = "gbm"
    Params: ClassVar[type] = Params

    def learn(self, days: pd.DataFrame, as_of: dt.date) -> None:
        p, parts = self.params, []
        days = self._some(days, as_of)
        for origin in past_origins(days, as_of, self.horizon_days, p.step_days, p.origins):
            past = History.of(days, origin)
            actual = spent(days, past.account_ids, origin, self.horizon_days, as_of)
            parts.append((self._seen(past), actual))
        self.trees, self.usual = [], 0.0
        self._directions: Mapping[str, int] | None = None
        if not parts:
            return
        seen = pd.concat([each for each, _ in parts], ignore_index=True)
        target = np.concatenate([actual for _, actual in parts]) - seen[START].to_numpy()
        self.usual = float(seen[START].median())
        for seed in range(p.seed, p.seed + p.seeds):
            learnt = lightgbm.Dataset(seen.drop(columns=START), target)
            self.trees.append(lightgbm.train(self._settings(seed), learnt, p.rounds))
        self._learnt_from = seen

    @property
    def directions(self) -> Mapping[str, int]:
        """See `reasons.directions`: found when somebody asks why, since it can take longer than
        learning did."""
        if self._directions is None and self.trees:
            rows, told = _rows(self._learnt_from), reasons.read("value", HOME)
            self._directions = reasons.directions(self, rows, told)
        return self._directions or {}

    def _seen(self, history: History) -> pd.DataFrame:
        """Signals, and START. (A, columns)"""
        rate = history.faded(history.sales, self.params.half_life_weeks)
        return signals(history, self.horizon_days).assign(**{START: rate * self.horizon_days})

    def _some(self, days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
        """The days of the accounts that are learnt from."""
        known = History.of(days, as_of).account_ids
        if len(known) <= self.params.accounts:
            return days
        chance = np.random.default_rng(self.params.seed)
        drawn = chance.choice(known, self.params.accounts, replace=False)
        return days[days["account_id"].astype(str).isin(drawn)]

    def _settings(self, seed: int) -> dict[str, object]:
        p = self.params
        return {
            "objective": "l1",
            "num_leaves": p.leaves,
            "learning_rate": p.rate,
            "min_data_in_leaf": p.smallest,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": seed,
            "num_threads": 1,  # sums come in one order
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }

    def foretell(self, history: History) -> np.ndarray:
        return np.maximum(self._sum(self._seen(history)), 0.0)

    def _sum(self, seen: pd.DataFrame) -> np.ndarray:
        """The fading rate and a share of what is learnt on top of it, USD; may be below 0. (A,)"""
        found: np.ndarray = seen[START].to_numpy()
        if self.trees:
            known = seen.drop(columns=START)
            learnt = np.mean([np.asarray(one.predict(known)) for one in self.trees], axis=0)
            found = found + self.params.share * learnt
        return found

    def terms(self, rows: Rows) -> pd.DataFrame:
        """USD that each signal adds to what is usual (BASE), or takes: exact, by TreeSHAP."""
        known = rows.features.drop(columns=START)
        each = [np.asarray(one.predict(known, pred_contrib=True)) for one in self.trees]
        found = pd.DataFrame(self.params.share * np.mean(each, axis=0), columns=[*known, BASE])
        found[START] = rows.features[START].to_numpy() - self.usual
        return found.assign(**{BASE: found[BASE] + self.usual})

    def why(self, days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
        if not self.trees:
            return pd.DataFrame()
        rows = _rows(self._seen(History.of(days, as_of)))
        told = reasons.read("value", HOME)
        return reasons.strongest(self, rows, self.directions, told, LEAST_USD)

    def keep(self, folder: Path) -> None:
        for number, one in enumerate(self.trees):
            one.save_model(folder / f"trees.{number}.txt")
        told = {"usual": self.usual, "directions": dict(self.directions)}
        (folder / ABOUT).write_text(json.dumps(told))

    def restore(self, folder: Path) -> None:
        files = sorted(folder.glob("trees.*.txt"))
        self.trees = [lightgbm.Booster(model_file=file) for file in files]
        told = json.loads((folder / ABOUT).read_text())
        self.usual, self._directions = told["usual"], told["directions"]


def _rows(seen: pd.DataFrame) -> Rows:
    """What reasons are told of; weeks are not looked at."""
    return Rows(seen.reset_index(drop=True), np.empty((len(seen), 0, 0)))
