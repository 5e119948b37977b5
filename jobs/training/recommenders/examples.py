"""Pairs of an account and a product with what became of them: what the second stage learns from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.training.recommenders.days import Day
from jobs.training.recommenders.recommender import Task


@dataclass(frozen=True)
class Examples:
    """Pairs with what became of them, account by account."""

    columns: pd.DataFrame  # (N, F)
    bought: np.ndarray  # (N,)
    sizes: np.ndarray  # of each account's part; sum N


def examples(
    at: Day, after: np.ndarray, task: Task, negatives: int | None, seed: int, most: int
) -> Examples:
    """Of accounts that bought a candidate, with so many that they did not buy of each.

    Null negatives: all of them, of a third of the accounts.

    Args:
        after: keys of what was bought, as Day.keys has them.
        most: accounts; of more, so many by chance.
    """
    chance = np.random.default_rng(seed)
    account = at.candidates.account
    bought = np.isin(at.keys, after)
    wanted = ~at.owned if task == "new" else np.ones(len(account), bool)
    bought &= wanted
    counts = np.bincount(account[bought], minlength=len(at.signals.lines.accounts))
    taught = counts > 0
    if negatives is None:
        taught &= chance.random(len(counts)) < 1 / 3
    if taught.sum() > most:
        taught[chance.permutation(np.flatnonzero(taught))[most:]] = False
    wanted &= taught[account]
    if negatives is not None:
        wanted &= bought | _some(account, wanted & ~bought, negatives, chance)
    places = np.flatnonzero(wanted)
    _, sizes = np.unique(account[places], return_counts=True)
    return Examples(at.columns(places), bought[places].astype(np.int8), sizes)


def _some(
    account: np.ndarray, where: np.ndarray, most: int, chance: np.random.Generator
) -> np.ndarray:
    """At most so many of each account's places, by chance. (N,), (N,) → (N,)"""
    places = np.flatnonzero(where)
    order = np.lexsort((chance.random(len(places)), account[places]))
    of = account[places][order]
    first = np.searchsorted(of, of)
    found = np.zeros(len(account), bool)
    found[places[order][np.arange(len(of)) - first < most]] = True
    return found
