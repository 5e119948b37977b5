"""gbm: LightGBM over what accounts did by past dates, on top of a fading rate.

Ke et al.: LightGBM (NeurIPS 2017). Learnt is the median of (what was spent - the fading rate), by
the absolute error, whose best answer is a conditional median. Spend is skewed, so that the sum of
medians lies below what will be spent in all: only a share of what is learnt is added to the rate,
whose sum does not (docs/value.md has by how much). Examples are accounts on past dates whose window
had ended, all of them or, where there are very many, some by lot.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import lightgbm
import numpy as np
import pandas as pd

from jobs.training.value.history import History, past_origins, spent
from jobs.training.value.signals import signals
from jobs.training.value.valuer import Valuer


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
            parts.append((signals(past, self.horizon_days), actual - self._start(past)))
        self.trees = [
            lightgbm.train(
                self._settings(seed),
                lightgbm.Dataset(
                    pd.concat([seen for seen, _ in parts], ignore_index=True),
                    np.concatenate([target for _, target in parts]),
                ),
                p.rounds,
            )
            for seed in range(p.seed, p.seed + p.seeds)
            if parts
        ]

    def _some(self, days: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
        """The days of the accounts that are learnt from."""
        known = History.of(days, as_of).account_ids
        if len(known) <= self.params.accounts:
            return days
        chance = np.random.default_rng(self.params.seed)
        drawn = chance.choice(known, self.params.accounts, replace=False)
        return days[days["account_id"].astype(str).isin(drawn)]

    def _start(self, history: History) -> np.ndarray:
        """The fading rate. (A,)"""
        return history.faded(history.sales, self.params.half_life_weeks) * self.horizon_days

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
        found = self._start(history)
        if self.trees:
            seen = signals(history, self.horizon_days)
            learnt = np.mean([np.asarray(one.predict(seen)) for one in self.trees], axis=0)
            found = found + self.params.share * learnt
        return np.maximum(found, 0.0)

    def keep(self, folder: Path) -> None:
        for number, one in enumerate(self.trees):
            one.save_model(folder / f"trees.{number}.txt")

    def restore(self, folder: Path) -> None:
        files = sorted(folder.glob("trees.*.txt"))
        self.trees = [lightgbm.Booster(model_file=file) for file in files]
