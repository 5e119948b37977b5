"""What an effect is freed from: who is treated, and what is expected of an account, both learnt.

Every value is of models that have not seen the account (cross-fitting): the mean over several ways
to part the accounts, as by a single one an effect moves by half its interval. Of a linear model and
gradient boosting the one with the lower loss on unseen accounts is taken, for each question anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jobs.training import metrics

FOLDS = 5  # parts: models learn from four fifths of the accounts
TIMES = 5  # that the accounts are parted
# small trees, few of them: what is asked is smooth, and a propensity must not be too sure
TREES: Mapping[str, Any] = {
    "n_estimators": 100,  # trees
    "learning_rate": 0.05,  # share of each tree's answer that counts
    "num_leaves": 8,  # groups that a tree parts accounts into
    "min_child_samples": 20,  # accounts of a group, at least
    "subsample": 0.8,  # share of the accounts that a tree sees
    "subsample_freq": 1,  # trees after which these are drawn anew
    "colsample_bytree": 0.8,  # share of the covariates that a tree sees
    "random_state": 0,
    "deterministic": True,
    "n_jobs": 1,  # thousands of rows: threads cost more than they bring
    "verbose": -1,
}
PENALTIES = np.logspace(-1, 4, 11)  # of ridge: weight of the coefficients' squared length

Folds = list[tuple[np.ndarray, np.ndarray]]  # places of accounts to learn from, and to be judged
Models = Mapping[str, Callable[[], Any]]

CHANCES: Models = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
    "lightgbm": lambda: LGBMClassifier(**TREES),
}
REGRESSIONS: Models = {
    "ridge": lambda: make_pipeline(StandardScaler(), RidgeCV(PENALTIES)),
    "lightgbm": lambda: LGBMRegressor(**TREES),
}


@dataclass(frozen=True)
class Learnt:
    model: str  # the one of the candidates that was taken
    values: np.ndarray  # (A,) each by models that have not seen the account


def folds(treated: np.ndarray) -> Folds:
    """Parts of the accounts, with the same share of treated ones; always the same parts."""
    parts = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=TIMES, random_state=0)
    return list(parts.split(np.zeros(len(treated)), treated))


def propensity(covariates: np.ndarray, treated: np.ndarray, parts: Folds) -> Learnt:
    """Each account's probability of being treated, 0..1. (A, C), (A,) → (A,)"""
    everyone = np.ones(len(treated), bool)
    return _best(CHANCES, covariates, treated.astype(int), everyone, parts, log_loss)


def expected(covariates: np.ndarray, outcome: np.ndarray, of: np.ndarray, parts: Folds) -> Learnt:
    """What each account would bring if it were one `of` those learnt from. (A, C), (A,) → (A,)"""
    return _best(REGRESSIONS, covariates, outcome, of, parts, mean_squared_error)


def shape(covariates: np.ndarray, effect: np.ndarray, of: np.ndarray, parts: Folds) -> Learnt:
    """How a noisy effect depends on what is known of accounts. (A, C), (A,) → (A,)

    The same for all (constant), unless another answer's squared error is lower beyond chance.
    """
    constant = _best(
        {"constant": DummyRegressor}, covariates, effect, of, parts, mean_squared_error
    )
    other = _best(REGRESSIONS, covariates, effect, of, parts, mean_squared_error)
    gain = (effect - constant.values) ** 2 - (effect - other.values) ** 2
    return other if metrics.estimate(pd.Series(gain[of])).low > 0 else constant


def _best(
    models: Models,
    covariates: np.ndarray,
    target: np.ndarray,
    of: np.ndarray,
    parts: Folds,
    loss: Callable[[np.ndarray, np.ndarray], float],
) -> Learnt:
    losses = {}
    for name, make in models.items():  # told by one way to part them, which is a fifth of the work
        values = _unseen(make, covariates, target, of, parts[:FOLDS])
        losses[name] = float(loss(target[of], values[of]))
    name = min(losses, key=lambda each: losses[each])
    return Learnt(name, _unseen(models[name], covariates, target, of, parts))


def _unseen(
    make: Callable[[], Any],
    covariates: np.ndarray,
    target: np.ndarray,
    of: np.ndarray,
    parts: Folds,
) -> np.ndarray:
    values, times = np.zeros(len(target)), len(parts) / FOLDS
    for learn, judge in parts:
        known = learn[of[learn]]
        model = make().fit(covariates[known], target[known])
        says = getattr(model, "predict_proba", None)
        told = says(covariates[judge])[:, 1] if says else model.predict(covariates[judge])
        values[judge] += told / times
    return values
