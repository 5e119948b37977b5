"""ranker: what other models propose, put in order by trees that have seen how it went before.

At several past days the models are fitted on what was known then, and the trees learn from what
was bought in the weeks after; the last of these days says how many trees, and then belongs to what
is learnt.
"""

import contextlib
import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution

from jobs.table import FOREVER
from jobs.training.data import known, known_by
from jobs.training.recommenders import trees
from jobs.training.recommenders.days import (
    Day,
    EmptyCatalogue,
    Sources,
    attributes,
    bought_after,
    day,
)
from jobs.training.recommenders.examples import Examples, examples
from jobs.training.recommenders.purchases import Purchases, catalogue
from jobs.training.recommenders.recommender import TASKS, ProductRecommender, Task
from jobs.training.recommenders.signals import groups
from jobs.training.recommenders.trees import OBJECTIVES
from jobs.training.written import forget

logger = logging.getLogger(__name__)

# after which what is kept of a past day goes: a weekly schedule asks for it every four weeks
UNUSED_DAYS = 60


@dataclass(frozen=True)
class Params:
    horizon_days: int = 28  # after a day, that are learnt and foretold, 7 or more
    min_buyers: int = 20  # of a product, to be in a day's catalogue, 1 or more
    origins: int = 4  # past days that are learnt from, a horizon apart, 1 or more
    negatives: int = 100  # pairs not bought that are learnt, per account and day, 1 or more
    accounts: int = 3_000  # of a past day that are learnt from at most, 1 or more
    leaves: int = 15  # of a tree, 2..255
    rounds: int = 300  # trees at most, 40 or more
    learning_rate: float = 0.05  # of a tree, above 0
    fewest: int = 300  # pairs in a leaf, 1 or more
    share: float = 0.5  # of the columns that a tree may use, above 0, at most 1
    seed: int = 0  # of the pairs not bought, and of the trees
    threads: int = 2  # 1 or more


SPACE = {
    "negatives": IntDistribution(50, 200, log=True),
    "leaves": IntDistribution(7, 63, log=True),
    "learning_rate": FloatDistribution(0.02, 0.1, log=True),
    "fewest": IntDistribution(50, 1000, log=True),
    "share": FloatDistribution(0.2, 1.0),
}


class Ranker(ProductRecommender):
    """Letters: pairs N, columns F, accounts A, products P; B accounts are scored at once."""

    name: ClassVar[str] = "ranker"
    Params: ClassVar[type] = Params
    reason: ClassVar[str] = "similar_customers"
    whole: ClassVar[bool] = True
    uses_plan: ClassVar[bool] = False

    def fit(
        self,
        interactions: pd.DataFrame,
        accounts: pd.DataFrame,
        products: pd.DataFrame,
        promotions: pd.DataFrame | None,
        as_of: dt.date,
    ) -> Self:
        rows = known_by(interactions, as_of)
        today = attributes(known(products, as_of), catalogue(rows, self.params.min_buyers))
        self.groups = groups(today)
        self.sources = Sources(interactions, products, promotions, self.groups, self.store)
        if self.store and (gone := forget(self.store, "*-*", UNUSED_DAYS)):
            logger.info("%s: %d files of past days, long unused, are gone", self.name, gone)
        past = self._past(interactions, as_of)
        self.boosters = self._boosters(past, as_of)
        return self._look(as_of)

    def _past(self, interactions: pd.DataFrame, as_of: dt.date) -> list[dt.date]:
        """The days that are learnt from, oldest first: as many as have a horizon before them."""
        horizon = dt.timedelta(days=self.params.horizon_days)
        first = interactions["business_date"].min().date()
        days = [as_of - horizon * (n + 1) for n in range(self.params.origins)]
        found = sorted(d for d in days if d >= first + horizon)
        if len(found) < self.params.origins:
            logger.warning(
                "%s: history from %s to %s has room for %d past days of %d days each, not %d",
                self.name,
                first,
                as_of,
                len(found),
                horizon.days,
                self.params.origins,
            )
        return found

    def _boosters(self, past: Sequence[dt.date], as_of: dt.date) -> dict[Task, list[lgb.Booster]]:
        parts: dict[Task, list[Examples]] = {task: [] for task in TASKS}
        judged: dict[Task, Examples] = {}
        if self.store:  # what a day's candidates take, and all days' examples, is not held at once
            for date in past:
                with contextlib.suppress(EmptyCatalogue):
                    self._day(date)
        for date in past:
            for task, (some, every) in self._examples(date, as_of, date == past[-1]).items():
                parts[task].append(some)
                if every:
                    judged[task] = every
        learnt = {task: [one for one in parts.pop(task) if len(one.bought)] for task in TASKS}
        self.shown = learnt["any"][-1] if learnt["any"] else None
        p = self.params
        settings = {
            "num_leaves": p.leaves,
            "learning_rate": p.learning_rate,
            "min_data_in_leaf": p.fewest,
            "feature_fraction": p.share,
            "seed": p.seed,
            "num_threads": p.threads,
        }
        found: dict[Task, list[lgb.Booster]] = {}
        for task in TASKS:
            if of := learnt.pop(task):
                last = judged.pop(task)
                found[task] = trees.learnt(task, of, last, p.rounds, settings, self.store)
        return found

    def _examples(
        self, date: dt.date, as_of: dt.date, is_last: bool
    ) -> dict[Task, tuple[Examples, Examples | None]]:
        """A past day's, by task; of the last one also all, by which trees are counted."""
        negatives, seed, most = self.params.negatives, self.params.seed, self.params.accounts
        try:
            at = self._day(date)
        except EmptyCatalogue as nothing:
            logger.warning("%s: %s is not learnt from: %s", self.name, date, nothing)
            return {}
        after = bought_after(self.sources, at, self.params.horizon_days, as_of)
        logger.info("%s: learning what came after %s", self.name, date)
        return {
            task: (
                examples(at, after, task, negatives, seed, most),
                examples(at, after, task, None, seed, most) if is_last else None,
            )
            for task in TASKS
        }

    @property
    def gains(self) -> Mapping[str, float]:
        """Share of the gain that each column brought, summed over what ranks `any`: see Tabular."""
        found: dict[str, float] = {}
        for booster in self.boosters.get("any", []):
            brought = booster.feature_importance("gain")
            shares = brought / (brought.sum() or 1.0)
            for name, share in zip(booster.feature_name(), shares, strict=True):
                found[name] = found.get(name, 0.0) + float(share)
        return found

    def examples(self) -> tuple[pd.DataFrame, pd.Series]:
        """Pairs of the last past day that the trees of `any` learnt from, and which were bought."""
        if self.shown is None:
            return pd.DataFrame(), pd.Series(dtype=np.int8)
        return self.shown.columns, pd.Series(self.shown.bought)

    def _day(self, as_of: dt.date) -> Day:
        p = self.params
        return day(self.sources, as_of, p.min_buyers, -(-p.horizon_days // 7), self.uses_plan)

    def _look(self, as_of: dt.date) -> Self:
        self.today = self._day(as_of)
        self.purchases = Purchases.of(
            known_by(self.sources.interactions, as_of),
            as_of,
            None,
            self.today.signals.lines.products,
        )
        return self

    def observe(
        self,
        interactions: pd.DataFrame,
        as_of: dt.date,
        products: pd.DataFrame | None = None,
        promotions: pd.DataFrame | None = None,
    ) -> Self:
        """The first stage is fitted on newer purchases; the trees stay."""
        if products is None:
            products = self.sources.products
        self.sources = Sources(interactions, products, promotions, self.groups, self.store)
        return self._look(as_of)

    def recommend(
        self,
        account_ids: Sequence[str],
        k: int,
        candidates: Sequence[str],
        exclude_owned: bool,
        as_of: dt.date,
    ) -> pd.DataFrame:
        """Rows (account_id, rank from 1, product_id, score, reason_code), best first."""
        scorer = partial(self._score, "new" if exclude_owned else "any")
        return self.purchases.best(scorer, self.reason, account_ids, k, candidates, exclude_owned)

    def score(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._score("any", places)

    def _score(self, task: Task, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self.today.candidates
        scores = np.zeros((len(places), len(self.purchases.products)))
        at, row = self.today.of_accounts(places)
        if task == "new":
            kept = ~self.today.owned[at]
            at, row = at[kept], row[kept]
        personal = np.zeros(scores.shape, bool)
        if len(at):
            scores[row, found.product[at]] = self._ranked(task, self.today.columns(at), row)
            personal[row, found.product[at]] = True
        return scores, personal

    def _ranked(self, task: Task, columns: pd.DataFrame, account: np.ndarray) -> np.ndarray:
        """The trees' scores, of each ensemble in deviations within an account: their sum. (N,)

        Where there was no past to learn from, a plain mix: (N, F), (N,) → (N,)
        """
        if task in self.boosters:
            names = self.boosters[task][0].feature_name()
            told = columns.reindex(columns=names)
            return np.sum(
                [deviations(np.asarray(b.predict(told)), account) for b in self.boosters[task]],
                axis=0,
            )
        if task == "new":
            return columns["score.ease"].to_numpy()
        own = columns["own.orders_16"] / columns["account.visits"]
        return (0.6 * own + 0.4 * columns["score.neighbours"]).to_numpy()

    def save(self, folder: Path) -> None:
        super().save(folder)
        told = {"as_of": self.today.as_of.isoformat(), "groups": self.groups}
        (folder / "day.json").write_text(json.dumps(told))
        self.today.save(folder)
        for task, boosters in self.boosters.items():
            for objective, booster in zip(OBJECTIVES[task], boosters, strict=True):
                booster.save_model(folder / f"{task}.{objective}.txt")

    @classmethod
    def load(cls, folder: Path) -> Self:
        model = super().load(folder)
        told = json.loads((folder / "day.json").read_text())
        model.groups = [tuple(names) for names in told["groups"]]
        as_of = dt.date.fromisoformat(told["as_of"])
        model.today = Day.load(folder, as_of, model.groups)
        paths = {t: [folder / f"{t}.{o}.txt" for o in OBJECTIVES[t]] for t in TASKS}
        model.boosters = {
            task: [lgb.Booster(model_file=path) for path in of]
            for task, of in paths.items()
            if all(path.exists() for path in of)
        }
        about = model.today.signals.attributes
        about = pd.DataFrame({"product_id": []}) if about is None else about.reset_index()
        nothing = pd.DataFrame({"account_id": [], "product_id": [], "business_date": []})
        model.sources = Sources(nothing, _always(about), None, model.groups, None)
        return model


def deviations(scores: np.ndarray, account: np.ndarray) -> np.ndarray:
    """Scores in standard deviations from their account's mean. (N,), (N,) → (N,)"""
    count = np.maximum(np.bincount(account), 1)
    mean = np.bincount(account, scores) / count
    apart = scores - mean[account]
    spread = np.sqrt(np.bincount(account, apart**2) / count)
    return apart / np.maximum(spread, 1e-9)[account]


def _always(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without versions, as a table of which every row is known and believed."""
    versions = {"known_date": pd.Timestamp.min, "superseded_date": pd.Timestamp(FOREVER)}
    return rows.drop(columns=list(versions), errors="ignore").assign(**versions)
