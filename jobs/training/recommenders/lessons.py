"""Accounts at past origins as batches: what they owned, what they bought after it, and a sample.

The sample is of products, drawn as they are bought: what is bought often is drawn often, and how
likely that was is told with it.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from jobs.training.learning import Batch
from jobs.training.recommenders.events import Events, Past

BLOCK = 512  # accounts that are looked at together
SEEN = 20_000  # examples that tell how often a product is sampled
FOREVER = 1_000_000  # days

Sees = Callable[[Past, int], dict[str, np.ndarray]]  # more of what accounts did: see Towers


class Origins:
    """Accounts at past origins, as batches. Letters: E examples, P products."""

    def __init__(
        self, events: Events, pairs: np.ndarray, people: np.ndarray, sees: Sees, params: Any
    ) -> None:
        self.events, self.pairs, self.people = events, pairs, people
        self.sees, self.params = sees, params

    @classmethod
    def now(cls, events: Events, people: np.ndarray, sees: Sees, params: Any) -> Self:
        """Every account as it stands."""
        accounts = np.arange(len(events.accounts))
        return cls(events, np.stack([accounts, 0 * accounts], axis=1), people, sees, params)

    def seen(self, rows: np.ndarray) -> tuple[Past, Batch]:
        past = self._past(rows)
        return past, self._shown(rows, past, np.ones(len(past.rows), bool))

    def __len__(self) -> int:
        return len(self.pairs)

    def _past(self, rows: np.ndarray) -> Past:
        accounts, origins = self.pairs[rows].T
        return self.events.past(accounts, origins, 7 * self.params.ahead_weeks)

    def _shown(self, rows: np.ndarray, past: Past, kept: np.ndarray) -> Batch:
        """What a network sees of accounts: the pairs that they own, those `kept` in a vector."""
        products, at = np.unique(past.products, return_inverse=True)
        return _tensors(
            products=products,
            at=at,
            rows=past.rows,
            weights=past.weights,
            kept=kept.astype(np.float32),
            starts=np.searchsorted(past.rows, np.arange(len(rows))),
            people=self.people[self.pairs[rows, 0]],
            **self.sees(past, len(rows)),
        )


class Lessons(Origins):
    """Accounts at past origins, with what they bought after it. Letters: P products."""

    ends: bool  # whether anything is known to come after an origin
    sold: np.ndarray  # places of products that somebody bought
    base: np.ndarray  # (P,) log of new buyers per account
    share_new: np.ndarray  # (P,) of what is bought new
    share_owned: np.ndarray  # (P,) of what is owned

    @classmethod
    def of(cls, events: Events, people: np.ndarray, sees: Sees, params: Any) -> Self:
        pairs, ahead_days = [], 7 * params.ahead_weeks
        for back in range(1, params.origins + 1):
            origin = -ahead_days * back
            # not those who stayed away: why they did is not in what they bought
            came = events.bought(origin + 1, origin + ahead_days)
            known = np.flatnonzero(events.bought(-FOREVER, origin) & came)
            pairs.append(np.stack([known, np.full(len(known), origin)], axis=1))
        lessons = cls(events, np.concatenate(pairs), people, sees, params)
        lessons.ends = bool(len(lessons))
        if not lessons.ends:
            # younger than one origin: what is hidden is all there is to find
            lessons.pairs = cls.now(events, people, sees, params).pairs
        lessons._count()
        return lessons

    def _count(self) -> None:
        """How often each product is bought new, and owned: (P,) shares; and the log per account."""
        count = len(self.events.products)
        self.sold = np.flatnonzero(np.bincount(self.events.places, minlength=count))
        some = np.random.default_rng(self.params.seed).permutation(len(self))[:SEEN]
        new, owned = np.zeros((2, count))
        for rows in np.array_split(some, len(some) // BLOCK + 1):
            past = self._past(rows)
            new += np.bincount(past.new_products, minlength=count)
            owned += np.bincount(past.products, minlength=count)
        self.base = np.log((new + 0.5) / len(some)).astype(np.float32)
        self.share_new, self.share_owned = new / max(new.sum(), 1), owned / max(owned.sum(), 1)

    def digest(self) -> str:
        told = hashlib.sha256(repr(self.params).encode())
        for array in (self.events.begins, self.events.places, self.events.days, self.pairs):
            told.update(np.ascontiguousarray(array).data)
        return told.hexdigest()

    def batch(self, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        p, past = self.params, self._past(rows)
        hide = chance.random(len(past.rows)) < p.hidden
        found = np.flatnonzero(hide)
        found = chance.permutation(found)[: p.found]
        drawn = chance.choice(self.sold, p.others)
        right = np.concatenate([past.new_products, past.products[found]])
        right_rows = np.concatenate([past.new_rows, past.rows[found]])
        pool = np.unique(np.concatenate([right, drawn]))
        new = len(past.new_rows)
        # how likely each is in the pool: 1 - what all draws together leave out
        left_out = (1 - self.share_new[pool]) ** new * (1 - self.share_owned[pool]) ** len(found)
        left_out *= (1 - 1 / len(self.sold)) ** p.others
        chances = np.log(np.maximum(1 - left_out, 1e-9))
        owned = inside(past.products, pool)
        not_rows = np.concatenate([past.rows[owned >= 0], past.new_rows])
        nots = np.concatenate([owned[owned >= 0], np.searchsorted(pool, past.new_products)])
        worth = np.full(len(right), 1 / max(len(found), 1))
        worth[:new] = 0.5 / max(new, 1)
        return self._shown(rows, past, ~hide) | _tensors(
            pool=pool,
            chance=chances.astype(np.float32),
            right=np.searchsorted(pool, right),
            right_rows=right_rows,
            worth=worth.astype(np.float32),
            not_rows=not_rows,
            **{"not": nots},
            again=past.again.astype(np.float32),
            ends=np.float32(self.ends),
        )


def inside(wanted: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Place of each among the sorted ones that are there; -1 where it is not."""
    if not len(there):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
    return np.where(there[at] == wanted, at, -1)


def _tensors(**arrays: Any) -> Batch:
    return {
        name: torch.as_tensor(a if a.dtype == np.float32 else a.astype(np.int64))
        for name, a in arrays.items()
    }


def coded(
    frame: pd.DataFrame, key: str, ids: np.ndarray, features: tuple[str, ...]
) -> tuple[np.ndarray, int]:
    """Codes (n, F) of what is told of each id, all different, 0 where nothing is; and one more."""
    there = [f for f in features if f in frame]
    about = frame[[key, *there]].drop_duplicates(key, keep="last") if len(frame) else frame
    codes, names = np.zeros((len(ids), max(len(there), 1)), np.int64), 1
    if there and len(frame):
        about = about.assign(**{key: about[key].astype(str)}).set_index(key).reindex(ids)
        for column, feature in enumerate(there):
            numbers, distinct = pd.factorize(about[feature].astype(object), sort=True)
            codes[:, column] = np.where(numbers >= 0, numbers + names, 0)
            names += len(distinct)
    return codes, names
