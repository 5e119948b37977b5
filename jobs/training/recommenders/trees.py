"""trees: what the second stage learns from examples, by task and loss; kept by what it learnt from.

Bruch, An Alternative Cross Entropy Loss for Learning-to-Rank (WWW 2021), XE-NDCG, as computed by
LightGBM. The same examples and settings give the same trees, so they are learnt once: a bench's
last window asks what the gate asks next, and last month's fit is this month's past.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from jobs.training.recommenders.examples import Examples
from jobs.training.recommenders.recommender import Task
from jobs.training.written import used, whole

logger = logging.getLogger(__name__)

LOOKED_AT = 10  # places of a list that count
FEWEST_ROUNDS = 40  # that are learnt, whatever served the last day best; not tuned
SMOOTHED = 15  # rounds whose mean says how good one of them is; not tuned
# how many trees serve is asked of trees that learn so much faster: it takes as many times less
# of them (Friedman, Greedy Function Approximation, 2001, 5), and as much less time
HASTE = 2
# Losses of which a task has an ensemble each. On weeks 41 to 44, ndcg@10 of one and of several:
# any: binary .417, xendcg .416, lambdarank .416, the first two .419; new: .060, .062, .061, .061.
OBJECTIVES: Mapping[Task, tuple[str, ...]] = {
    "any": ("binary", "rank_xendcg"),
    "new": ("rank_xendcg",),
}

# A tree of the plain loss sees the pairs that the trees so far miss most, and some of the others
# (Ke et al., LightGBM, NeurIPS 2017, 4: GOSS): it is faster, and another seed moves as much.
SAMPLED = {"binary": "goss"}


# that all trees share; what is tuned comes from the ranker's Params
FIXED: Mapping[str, Any] = {
    "metric": "ndcg",
    "eval_at": [LOOKED_AT],
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}


def learnt(
    task: Task,
    parts: Sequence[Examples],
    judged: Examples,
    most: int,
    settings: Mapping[str, Any],
    store: Path | None,
) -> list[lgb.Booster]:
    """As many trees as served the last day best, learnt from all days; one ensemble per objective.

    Args:
        parts: days that are learnt from, oldest first.
        judged: the last of them, whole, which says how many trees serve.
        most: trees of an ensemble.
        settings: LightGBM's, beside FIXED; learning_rate among them.
        store: folder where trees are kept; null: nowhere.
    """
    path = store / f"trees-{mark(task, parts, judged, most, settings)}.json" if store else None
    if path and used(path):
        logger.info("trees of %s: learnt before from the same examples", task)
        return [lgb.Booster(model_str=text) for text in json.loads(path.read_text())]
    rounds = _rounds(task, parts, judged, most, settings)
    every, found = dataset(parts), []
    for objective, count in rounds.items():
        logger.info("trees of %s: %d for %s", task, count, objective)
        found.append(lgb.train(_parameters(objective, settings), every, count))
    if path:
        with whole(path) as candidate:
            candidate.write_text(json.dumps([trees.model_to_string() for trees in found]))
    return found


def mark(
    task: Task,
    parts: Sequence[Examples],
    judged: Examples,
    most: int,
    settings: Mapping[str, Any],
) -> str:
    """Hash of everything that decides the trees: examples, settings, this code, LightGBM's."""
    told = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=10)
    told.update(json.dumps([task, lgb.__version__, most, settings], sort_keys=True).encode())
    for one in (*parts, judged):
        told.update(json.dumps([*one.columns.columns, len(one.columns)]).encode())
        for array in _arrays(one):
            told.update(np.ascontiguousarray(array).data)
    return told.hexdigest()


def _arrays(one: Examples) -> Iterable[np.ndarray]:
    yield from (one.columns[name].to_numpy() for name in one.columns)
    yield from (one.bought, one.sizes)


def dataset(parts: Sequence[Examples], like: lgb.Dataset | None = None) -> lgb.Dataset:
    return lgb.Dataset(
        pd.concat([one.columns for one in parts], ignore_index=True),
        np.concatenate([one.bought for one in parts]),
        group=np.concatenate([one.sizes for one in parts]),
        reference=like,
    )


def _parameters(objective: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """LightGBM's settings of an objective."""
    sampled = SAMPLED.get(objective, "bagging")
    return {"objective": objective, "data_sample_strategy": sampled, **FIXED, **settings}


def _rounds(
    task: Task,
    parts: Sequence[Examples],
    judged: Examples,
    most: int,
    settings: Mapping[str, Any],
) -> dict[str, int]:
    """Objective → trees that serve the last day best, learnt from those before it."""
    if len(parts) < 2 or not len(judged.bought):
        return dict.fromkeys(OBJECTIVES[task], most // 2)
    earlier, found = dataset(parts[:-1]), {}
    last = dataset([judged], earlier)
    hasty = {**settings, "learning_rate": HASTE * settings["learning_rate"]}
    for objective in OBJECTIVES[task]:
        curve: dict[str, Any] = {}
        lgb.train(
            _parameters(objective, hasty),
            earlier,
            most // HASTE,
            [last],
            callbacks=[lgb.record_evaluation(curve)],
        )
        [values] = curve["valid_0"].values()
        found[objective] = max(FEWEST_ROUNDS, HASTE * best_round(values))
    return found


def best_round(curve: Sequence[float]) -> int:
    """Where the mean of the rounds around is highest: one round's value is mostly noise."""
    width = min(SMOOTHED, len(curve))
    smooth = np.convolve(curve, np.ones(width) / width, mode="valid")
    return int(np.argmax(smooth)) + width // 2 + 1
