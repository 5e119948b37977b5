"""The bench of recommenders on anyone's files: who bought what and when, no lake needed.

recommendations.parquet   model, task, account_id, product_id, rank, score: as of the last day
leaderboard.parquet       how good every model was: see jobs/training/board.py
errors.parquet            model, reason: those that failed, and are in neither
"""

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.settings import settings
from jobs.training import answered, board, tracking
from jobs.training.answered import Answered
from jobs.training.board import Scored
from jobs.training.family import Data, Split
from jobs.training.recommenders.protocol import (
    MODELS,
    RECALL_AT,
    Recommenders,
    Terms,
    Window,
    judged,
    window,
)
from jobs.training.recommenders.purchase_files import Asked, read
from jobs.training.recommenders.purchases import catalogue
from jobs.training.recommenders.recommender import TASKS, Task

logger = logging.getLogger(__name__)

LISTS = "recommendations.parquet"
DAYS = ".days"  # what was fitted on past days
DECIDES = "ndcg@10"
BASELINE = "popular"
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("task", pa.string()),
    ("account_id", pa.string()),
    ("product_id", pa.string()),
    ("rank", pa.int32()),  # 1 to k, without gaps
    ("score", pa.float64()),  # not rising
]
SCHEMA = pa.schema(COLUMNS)
ERRORS = pa.schema([("model", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True)
class Place:
    """One split: where training ends, and what was bought after it, as far as the file says."""

    split: Split
    cut: dt.date
    data: Data  # whatever is later than the cut, `fit` leaves out
    account_ids: np.ndarray  # sorted, of all that bought anything by the cut
    catalogue: np.ndarray  # product ids, sorted
    window: Window | None

    @classmethod
    def at(cls, split: Split, cut: dt.date, data: Data, whole: Data, terms: Terms) -> Self:
        """whole: with what was bought after the cut too, where the file has it."""
        bought = data.frames["interactions"]
        before = bought[bought["business_date"] <= pd.Timestamp(cut)]
        ids = np.sort(before["account_id"].unique().astype(str))
        products = catalogue(before, terms.min_buyers)
        return cls(split, cut, data, ids, products, _window(whole, cut, terms))


def places(asked: Asked, data: Data) -> list[Place]:
    """The valid split, where there is history enough, and the last day with what follows it."""
    bought = data.frames["interactions"]
    until = bought["business_date"] <= pd.Timestamp(asked.train_until)
    train = Data({**data.frames, "interactions": bought[until]}, (), asked.train_until)
    first = bought["business_date"].min().date()
    days = min(asked.horizon_days, ((asked.train_until - first).days + 1) // 2)
    if days < asked.horizon_days:
        logger.warning(
            "history from %s to %s is short: the valid window has %d days, not %d",
            *(first, asked.train_until, days, asked.horizon_days),
        )
    before = asked.train_until - dt.timedelta(days=days)
    return [
        Place.at("valid", before, train, train, Terms(days, asked.min_buyers)),
        Place.at("test", asked.train_until, train, data, asked.terms),
    ]


def _window(data: Data, cut: dt.date, terms: Terms) -> Window | None:
    try:
        return window(data, cut, terms)
    except ValueError as error:
        logger.info("%s", error)
        return None


def answer(of: Recommenders, model: str, places: Sequence[Place], asked: Asked) -> Answered:
    """Fit a model at every place, for both tasks, and judge what can be judged."""
    scored, parts = [], []
    for place in places:
        fitted: dict[str, tuple[Any, float, float]] = {}
        for task in TASKS:
            configuration = of.for_task(model, task)
            if configuration.id not in fitted:
                with tracking.PeakMemory() as memory:
                    started = time.perf_counter()
                    one = of.fit(place.data, configuration, place.cut)
                    seconds = time.perf_counter() - started
                fitted[configuration.id] = (one, seconds, memory.mib)
            one, of_fit, peak_of_fit = fitted[configuration.id]
            with tracking.PeakMemory() as memory:
                started = time.perf_counter()
                told = lists(one, place, task, asked)
                seconds = of_fit + time.perf_counter() - started
            if place.split == "test":
                parts.append(_told(told[told["rank"] <= asked.k], model, task))
            if place.window:
                cost = (of.model(model).uses_plan, seconds, max(peak_of_fit, memory.mib))
                values = judged(told, place.window.truth[task], place.window.popularity)
                scored += [
                    Scored(model, task, place.split, metric.replace("_at_", "@"), found, *cost)
                    for metric, found in values.items()
                    if found.notna().any()
                ]
    return Answered(pa.concat_tables(parts), scored)


def lists(model: Any, place: Place, task: Task, asked: Asked) -> pd.DataFrame:
    """What a fitted model recommends to every account of a place, as its `recommend` gives it."""
    size = max(asked.k, RECALL_AT)
    found: pd.DataFrame = model.recommend(
        place.account_ids, size, place.catalogue, task == "new", place.cut
    )
    return found


def _told(lists: pd.DataFrame, model: str, task: Task) -> pa.Table:
    columns = ["model", "task", *(name for name in SCHEMA.names if name in lists)]
    found = lists.assign(model=model, task=task)[columns]
    return pa.Table.from_pandas(found, SCHEMA, preserve_index=False)


def bench(asked: Asked) -> pa.Table:
    """Judge every recommender on the files and write both answers; gives the leaderboard.

    A model that was judged on the same files by the same code is not judged again: a bench that
    was killed goes on where it stood.

    Raises:
        BadFile: see `read`.
        BadModel: see `board.to_judge`.
        BadFolder: see `board.at_work_in`.
        TooManyFailed: after everything was written.
    """
    names = board.to_judge(MODELS, BASELINE, asked.leave_out)
    data = read(asked)
    of = Recommenders(asked.terms, asked.out / DAYS)
    found = places(asked, data)
    if not len(found[-1].catalogue):
        logger.warning(
            "no product had %d buyers by %s, so all lists are empty: take a smaller --min-buyers",
            *(asked.min_buyers, asked.train_until),
        )
    code = tracking.code_version(of.name).partition("+")[2]
    files = {name: tracking.sha256(path) for name, path in _files(asked).items()}
    zone = settings().timezone  # decides on which day a moment with a zone lies
    mark = tracking.fingerprint(files=files, code=code, asked=_settings(asked), timezone=zone)
    tags = {"kind": "bench of files", "code_version": code}
    answers, errors = [], []
    with (
        board.at_work_in(asked.out, "recommenders", _files(asked).values()) as folder,
        tracking.run(of.name, f"bench {asked.train_until}", mark, (), tags) as run,
    ):
        run.params({**_settings(asked), **{f"{name}_sha256": sha for name, sha in files.items()}})
        for model in board.in_turn(names if len(found[-1].catalogue) else []):
            name = f"{model}-{mark}"
            if (done := answered.kept(asked.out, name)) is None:
                try:
                    done = _judged(of, model, found, asked, run)
                except Exception as error:  # a model that breaks leaves the others alone
                    if model == BASELINE:
                        raise
                    logger.warning("%s failed: %s", model, error, exc_info=True)
                    errors.append({"model": model, "reason": f"failed: {error}"})
                    continue
                answered.keep(done, asked.out, name)
            answers.append(done)
        scored = [one for done in answers for one in done.scored]
        champions: dict[str | int, str | None] = {task: _champion(scored, task) for task in TASKS}
        table = board.table(scored, "task", BASELINE, champions)
        parts = [SCHEMA.empty_table(), *(done.rows for done in answers)]
        failures = pa.Table.from_pylist(errors, ERRORS)
        beside = {LISTS: pa.concat_tables(parts), "errors.parquet": failures}
        folder.write(table, beside, {})
        run.tags({f"champion_{task}": champion for task, champion in champions.items()})
    answered.not_too_many(len(errors), len(names), asked.out)
    return table


def _champion(scored: Sequence[Scored], task: Task) -> str:
    """The best on the valid window; the baseline where there is nothing to choose by."""
    if best := board.best(scored, task, DECIDES, higher_is_better=True):
        return best
    logger.warning(
        "%s: nothing could be judged on the valid window, so the champion is the baseline, %s:"
        " take a later --train-until, or a smaller --min-buyers",
        *(task, BASELINE),
    )
    return BASELINE


def _judged(
    of: Recommenders, model: str, places: Sequence[Place], asked: Asked, parent: tracking.Run
) -> Answered:
    """One child run."""
    settings = {task: asdict(of.for_task(model, task).params) for task in TASKS}
    mark = tracking.fingerprint(parent=parent.id, model=model)
    with tracking.run(of.name, model, mark, parent=parent) as child:
        child.params({f"{task}.{n}": v for task, told in settings.items() for n, v in told.items()})
        found = answer(of, model, places, asked)
        child.metrics(
            {
                f"{one.window}.{one.place}.{one.metric.replace('@', '_at_')}": mean
                for one in found.scored
                if (mean := one.per_subject.mean()) == mean
            }
        )
    logger.info("%s: %s", model, _summary(found))
    return found


def _summary(found: Answered) -> str:
    told = [
        f"{one.window} {one.place} {one.per_subject.mean():.4f}"
        for one in found.scored
        if one.metric == DECIDES
    ]
    return f"{DECIDES} {', '.join(told)}" if told else f"{found.rows.num_rows:,} rows, none judged"


def _files(asked: Asked) -> dict[str, Path]:
    found = {name: getattr(asked, name) for name in ("interactions", "products", "promotions")}
    return {name: path for name, path in found.items() if path}


def _settings(asked: Asked) -> dict[str, Any]:
    names = ("train_until", "horizon_days", "k", "min_buyers")
    return {name: getattr(asked, name) for name in names}
