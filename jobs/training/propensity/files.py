"""The bench of who leaves, buys less, buys where, answers, and of wins, on anyone's files.

Chances of an origin come from a model that has learnt everything whose label had ended by it, put
right by how the same model, fitted one window earlier, had done on the newest window that had ended
(calibration.py). Validation rows are of the two newest such windows, judged in the same way; test
rows of what the files tell after the origin. There is one champion: the best on the validation rows
of the earliest origin by log loss, since later ones have seen its test window, and among the models
that can say why: a score goes out with its reasons.

OUT/scores.parquet       task, account_id, origin, p, model, champion: every eligible account
OUT/leaderboard.parquet  as jobs/training/board.py says
OUT/reasons.parquet      account_id, origin, rank, code, en, zh, push: the champion's, at most five
OUT/gains.parquet        task, model, origin, share, gain, lift, asked: in the order of p;
                         test rows
OUT/gain-TASK-ORIGIN.svg the same of champion and baseline, with the share from which acting pays
OUT/errors.parquet       model, origin, reason

Of wins the column is opportunity_id in place of account_id, and close_files.py writes when they
will close beside it. Of departments `subject` stands beside it, which one; of offers `campaign_id`.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from jobs.settings import settings
from jobs.training import answered, board, tracking
from jobs.training.answered import Answered
from jobs.training.board import Scored
from jobs.training.family import Configuration, Question, Split
from jobs.training.propensity import (
    accuracy,
    close_files,
    decisions,
    gain_picture,
    models,
    reasons,
)
from jobs.training.propensity.asking import Asking
from jobs.training.propensity.department import Department, judged
from jobs.training.propensity.offer import Offer
from jobs.training.propensity.task import Asked, NothingToAsk, Task
from jobs.training.propensity.wanted import Wanted, task
from jobs.training.propensity.win import Win

logger = logging.getLogger(__name__)

ROOM = "propensity"  # whose experiment in MLflow it is
DECIDES = "log_loss"  # lower is better: chances must be right, not only in order
TOLD = "auc"  # in a line of the log
SUBJECT = "subject"  # the department that an account is asked about
CAMPAIGN = "campaign_id"  # or the campaign
SCORES: list[tuple[str, pa.DataType]] = [
    ("task", pa.string()),
    ("account_id", pa.string()),  # or what the task's subject is called
    ("origin", pa.date32()),
    ("p", pa.float64()),  # chance, 0..1
    ("model", pa.string()),
    ("champion", pa.bool_()),
]
REASONS: list[tuple[str, pa.DataType]] = [
    ("account_id", pa.string()),
    ("origin", pa.date32()),
    ("rank", pa.int32()),  # from 1, the strongest first
    ("code", pa.string()),  # stable: see TASK.yaml
    ("en", pa.string()),
    ("zh", pa.string()),
    ("push", pa.float64()),  # log-odds that it adds to the chance, or takes
]
ERRORS: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),  # null: all
    ("origin", pa.string()),
    ("reason", pa.string()),
]
GAINS: list[tuple[str, pa.DataType]] = [
    ("task", pa.string()),
    ("model", pa.string()),
    ("origin", pa.string()),
    ("share", pa.float64()),  # of accounts asked, those with the highest p first
    ("gain", pa.float64()),  # of those to whom it happened, 0..1
    ("lift", pa.float64()),  # gain / share
    ("asked", pa.int64()),  # how many it was asked about
]


@dataclass
class Found:
    """What a bench has found of one model, or of all."""

    scores: list[pd.DataFrame]
    gains: list[pd.DataFrame]
    scored: list[Scored]
    errors: list[Mapping[str, Any]]


def judge(of: Task, configuration: Configuration, origins: Sequence[dt.date]) -> Found:
    """One model at every origin."""
    asking, found = Asking(of, configuration), Found([], [], [], [])
    for origin in origins:
        _judge_at(asking, origin, found)
    return found


def askable(of: Task, origins: Sequence[dt.date]) -> tuple[list[dt.date], list[Mapping[str, Any]]]:
    """Origins at which there is something to ask and to learn from, and why the others are none.

    Raises:
        NothingToAsk: there is none.
    """
    places: list[dt.date] = []
    errors: list[Mapping[str, Any]] = []
    for origin in origins:
        try:
            of.examples(origin)
            asked = of.asked(origin)
        except NothingToAsk as error:
            logger.warning("%s", error)
            errors.append({"model": None, "origin": origin.isoformat(), "reason": str(error)})
        else:
            places.append(origin)
            if asked.about is not None and isinstance(of, Offer):
                told, count = ", ".join(sorted(set(asked.about))), len(asked.ids)
                logger.info("%s: asks about %d recipients of campaign %s", origin, count, told)
    if not places:
        raise NothingToAsk(errors[0]["reason"])
    return places, errors


def _judge_at(asking: Asking, origin: dt.date, found: Found) -> None:
    name, place = asking.configuration.model, origin.isoformat()
    answer, chance = asking.chances(origin)
    who = _who(asking.of, answer.asked)
    found.scores.append(who.assign(p=chance, origin=origin, model=name))
    parts_of: dict[Split, list[dict[str, pd.Series]]] = {"valid": [], "test": []}
    for window, at in asking.windows(origin):
        try:
            then, said = asking.chances(at)
        except NothingToAsk:
            continue
        if then.asked.label is None:
            continue
        parts_of[window].append(_accuracy(asking.of, then.asked, said))
        if window == "test":
            told = accuracy.gains(said, then.asked.label)
            told = told.assign(task=asking.of.name, model=name, origin=place, asked=len(said))
            found.gains.append(told)
    for window, parts in parts_of.items():
        for metric in parts[0] if parts else ():
            values = pd.concat([part[metric] for part in parts], ignore_index=True)
            cost = (answer.seconds, answer.peak_mib)
            found.scored.append(Scored(name, place, window, metric, values, False, *cost))


def explained(of: Task, configuration: Configuration, origins: Sequence[dt.date]) -> pd.DataFrame:
    """Why a model says what it says, at every origin; empty: it cannot say why."""
    found = []
    for origin in origins:
        answer = Asking(of, configuration, tells_why=True).margin(origin)
        why = answer.by.why(answer.asked)
        if len(why):
            found.append(why.join(_who(of, answer.asked), on="row").assign(origin=origin))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def keys(of: Task) -> list[str]:
    """Columns that say who is asked about, and of what."""
    if isinstance(of, Department):
        return [of.subject, SUBJECT]
    return [of.subject, CAMPAIGN] if isinstance(of, Offer) else [of.subject]


def _who(of: Task, asked: Asked) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(keys(of), (asked.ids, asked.about), strict=False)))


def _accuracy(of: Task, asked: Asked, chance: np.ndarray) -> dict[str, pd.Series]:
    assert asked.label is not None
    if isinstance(of, Department):
        return judged(asked, chance)
    return accuracy.per_account(chance, asked.label)


def bench(wanted: Wanted) -> pa.Table:
    """Judge every classifier on the files and write what it says; gives the leaderboard.

    A model that was judged on the same files by the same code is not judged again: a bench that
    was killed goes on where it stood.

    Raises:
        BadFile: see `task`.
        BadModel: see `board.to_judge`.
        NothingToAsk: at no origin there is anything to ask.
        BadReasons, BadDecisions: the task's files, or a feature is in none of its themes.
        BadFolder: see `board.at_work_in`.
        TooManyFailed: after everything was written.
    """
    themes = reasons.read(wanted.task)
    # read again at the pictures; a fault is told before hours of work
    decisions.told(wanted.task)
    of, origins = task(wanted), sorted(set(wanted.origins))
    configurations = {c.model: c for c in models.configurations(of.baseline, of.without)}
    names = board.to_judge(configurations, models.BASELINE, wanted.leave_out)
    asked = {
        "task": wanted.task,
        "origins": origins,
        "horizon_days": wanted.horizon_days,
        "timezone": settings().timezone,
    }
    files = {name: tracking.sha256(path) for name, path in wanted.files.items()}
    code = tracking.code_version(ROOM)
    mark = tracking.fingerprint(files=files, code=code.partition("+")[2], **asked)
    tags = {"kind": "bench of files", "code_version": code}
    places, errors = askable(of, origins)
    reasons.themes([str(name) for name in of.examples(places[0]).rows.features], themes)
    parts = [Found([], [], [], errors)]
    with (
        board.at_work_in(wanted.out, f"propensity {wanted.task}", wanted.files.values()) as folder,
        tracking.run(ROOM, f"bench {wanted.task}", mark, (), tags) as run,
    ):
        run.params({**asked, **{f"{name}_sha256": sha for name, sha in files.items()}})
        for name in board.in_turn(names):
            parts.append(_judged(of, configurations[name], places, wanted, mark, run))
        found = Found(*([one for p in parts for one in getattr(p, n)] for n in FIELDS))
        best = champion(found.scored)
        logger.info("%s is the champion; it is asked why", best)
        why = explained(of, configurations[best], places)
        tables = tables_of(found, best, why, wanted.task, keys(of))
        figures = pictures(found, best, wanted.task)
        for name, figure in figures.items():
            run.figure(figure, name)
        if isinstance(of, Win):
            tables |= close_files.bench(of, places)
        at = {one.place for one in found.scored}
        table = board.table(found.scored, "origin", models.BASELINE, dict.fromkeys(at, best))
        folder.write(table, tables, {f"{name}.svg": one for name, one in figures.items()})
    failed = {one["model"] for one in found.errors if one["reason"].startswith(FAILED)}
    answered.not_too_many(len(failed), len(names), wanted.out)
    return table


FIELDS = ("scores", "gains", "scored", "errors")
FAILED = "failed: "


def _judged(
    of: Task,
    configuration: Configuration,
    origins: Sequence[dt.date],
    wanted: Wanted,
    mark: str,
    parent: tracking.Run,
) -> Found:
    """One child run, or what an earlier one kept."""
    name = configuration.model
    if done := answered.kept(wanted.out, f"{name}-{mark}"):
        return _of(done)
    try:
        child_mark = tracking.fingerprint(parent=parent.id, model=name)
        with tracking.run(ROOM, name, child_mark, parent=parent) as child:
            child.params({"model": name, **asdict(configuration.params)})
            found = judge(of, configuration, origins)
            child.metrics(
                {
                    f"{one.window}.{one.place}.{one.metric}": mean
                    for one in found.scored
                    if (mean := float(one.per_subject.mean())) == mean
                }
            )
    except Exception as error:  # a model that breaks leaves the others alone
        if name == models.BASELINE:
            raise
        logger.warning("%s failed: %s", name, error, exc_info=True)
        reason = {"model": name, "origin": "all", "reason": f"{FAILED}{error}"}
        return Found([], [], [], [reason])
    rows = pd.concat(found.scores, ignore_index=True) if found.scores else pd.DataFrame()
    told = {"errors": found.errors, "gains": [one.to_dict("list") for one in found.gains]}
    kept = Answered(pa.Table.from_pandas(rows, preserve_index=False), found.scored, told)
    answered.keep(kept, wanted.out, f"{name}-{mark}")
    logger.info("%s: %s", name, _summary(found.scored))
    return found


def _of(kept: Answered) -> Found:
    rows = kept.rows.to_pandas()
    gains = [pd.DataFrame(one) for one in kept.told["gains"]]
    return Found([rows] if len(rows) else [], gains, kept.scored, kept.told["errors"])


def _summary(scored: Sequence[Scored]) -> str:
    seen = [one for one in scored if one.metric == TOLD and one.per_subject.notna().any()]
    told = [f"{one.window} {one.place} {one.per_subject.mean():.4f}" for one in seen]
    return f"{TOLD} {', '.join(told) or 'not judged'}"


def champion(scored: Sequence[Scored]) -> str:
    """The best of those that say why, on the validation rows of the earliest origin."""
    able = [one for one in scored if models.explains(one.model)]
    places = sorted({one.place for one in able})
    if places and (best := board.best(able, places[0], DECIDES, higher_is_better=False)):
        return best
    logger.warning(
        "nothing could be judged before the earliest origin, so the champion is the baseline, %s:"
        " take a later origin",
        models.BASELINE,
    )
    return models.BASELINE


def called(columns: list[tuple[str, pa.DataType]], who: Sequence[str]) -> pa.Schema:
    """Columns with a task's own in place of the account."""
    own = {"account_id": who}
    return pa.schema([(one, kind) for name, kind in columns for one in own.get(name, [name])])


def tables_of(
    found: Found, best: str, why: pd.DataFrame, task: Question, who: Sequence[str]
) -> dict[str, pa.Table]:
    """What is written beside the leaderboard, by file name.

    Args:
        best: the champion's name.
        why: the champion's reasons, as `explained` gives them.
        who: see `keys`.
    """
    scores = pd.concat(found.scores, ignore_index=True)
    scores = scores.assign(task=task, champion=scores["model"] == best)
    kinds = called(REASONS, who)
    why = why if len(why) else pd.DataFrame(columns=kinds.names)
    gains = pd.concat(found.gains or [pd.DataFrame(columns=[name for name, _ in GAINS])])
    tables = {
        "scores": (scores.sort_values(["origin", "model", *who]), called(SCORES, who)),
        "reasons": (why.sort_values(["origin", *who, "rank"]), kinds),
        "gains": (gains, pa.schema(GAINS)),
        "errors": (pd.DataFrame(found.errors, columns=[n for n, _ in ERRORS]), pa.schema(ERRORS)),
    }
    return {
        f"{name}.parquet": pa.Table.from_pandas(rows, schema, preserve_index=False)
        for name, (rows, schema) in tables.items()
    }


def pictures(found: Found, best: str, task: Question) -> dict[str, Figure]:
    """Gain and lift at each origin of which it is known what happened, by name."""
    if not found.gains:
        return {}
    scores, decision = pd.concat(found.scores), decisions.told(task)
    figures = {}
    for origin, of_origin in pd.concat(found.gains).groupby("origin"):
        at = dt.date.fromisoformat(str(origin))
        told = scores[(scores["origin"] == at) & (scores["model"] == best)]
        share = float((told["p"] >= decision.threshold).mean()) if decision else 0.0
        roles = {"champion": best, "baseline": models.BASELINE}
        told_share = (decision, share) if decision else None
        figures[f"gain-{task}-{origin}"] = gain_picture.figure(of_origin, roles, told_share)
    return figures
