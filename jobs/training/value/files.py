"""The bench of customer value on anyone's file of sales lines: the same models as in the lake.

An origin is the last day that a model may see; foretold is what every account with an order by then
spends in the next `horizon_days`. Validation rows of an origin come from windows that had ended by
it, each foretold from what was known at its own start; test rows from what the file tells after it,
where it reaches to the window's end. There is one champion: the best on the validation rows of the
earliest origin, because later ones have seen its test window.

OUT/values.parquet       model, account_id, origin, value_usd, lo80, hi80, champion
OUT/customers.parquet    as jobs/training/value/standing.py says: RFM, still there, how often
OUT/leaderboard.parquet  as jobs/training/board.py says, by origin
OUT/calibration.parquet  foretold and actual means by model, origin, window and decile
OUT/errors.parquet       model, reason: those that failed, and are in none of them
"""

import datetime as dt
import logging
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jobs.settings import settings
from jobs.training import answered, board, tracking, transactions
from jobs.training.answered import Answered
from jobs.training.board import Scored
from jobs.training.family import Configuration, NothingToJudge, Split
from jobs.training.given import BadFile
from jobs.training.value import accuracy, models, standing
from jobs.training.value.history import VALID_WINDOWS, History, past_origins

logger = logging.getLogger(__name__)

FAMILY = "value"  # whose experiment in MLflow it is
DECIDES = "mae"
TOLD: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("account_id", pa.string()),
    ("origin", pa.date32()),
    ("value_usd", pa.float64()),  # of the days after the origin
    ("lo80", pa.float64()),  # ends of the interval with 80% of the accounts
    ("hi80", pa.float64()),
]
VALUES: list[tuple[str, pa.DataType]] = [*TOLD, ("champion", pa.bool_())]
CALIBRATION: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("origin", pa.date32()),
    ("window", pa.string()),
    ("decile", pa.int64()),  # 1 has the lowest values
    ("accounts", pa.int64()),
    ("value_usd", pa.float64()),  # means
    ("actual_usd", pa.float64()),
    ("coverage", pa.float64()),
]
ERRORS = pa.schema([("model", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True)
class Asked:
    """What a bench is told."""

    transactions: Path  # see jobs/training/transactions.py
    origins: tuple[dt.date, ...]
    horizon_days: int  # 1 or more
    out: Path
    leave_out: tuple[str, ...] = ()  # models that are not judged


def bench(asked: Asked) -> pa.Table:
    """Judge every value model on a file; see the module's text.

    A model that was judged on the same file by the same code is not judged again: a bench that was
    killed goes on where it stood.

    Returns:
        The leaderboard, as written.

    Raises:
        BadFile: the file or an option is not what is needed.
        BadModel: see `board.to_judge`.
        BadFolder: see `board.at_work_in`.
        TooManyFailed: after everything was written.
    """
    names = board.to_judge(models.MODELS, models.BASELINE, asked.leave_out)
    days = transactions.days(asked.transactions)
    origins = checked(asked, days)
    with (
        board.at_work_in(asked.out, "value", [asked.transactions]) as folder,
        _run(asked, origins) as (run, mark),
    ):
        answers, errors = judge_all(asked, names, days, origins, (run, mark))
        customers = pd.concat([standing.standing(days, o, asked.horizon_days) for o in origins])
        leaderboard, champion = write(answers, errors, customers, origins, folder)
        run.tags({"champion": champion})
    answered.not_too_many(len(errors), len(errors) + len(answers), asked.out)
    return leaderboard


def judge_all(
    asked: Asked,
    names: Sequence[str],
    days: pd.DataFrame,
    origins: Sequence[dt.date],
    of: tuple[tracking.Run, str],
) -> tuple[list[Answered], list[dict[str, str]]]:
    """What every model has answered, now or before, and why some did not.

    Args:
        names: of the models.
        of: the bench's run and its fingerprint.
    """
    run, mark = of
    answers: list[Answered] = []
    errors: list[dict[str, str]] = []
    every = {one.model: one for one in models.configurations()}
    for one in (every[name] for name in board.in_turn(names)):
        name = f"{one.model}-{mark}"
        if (done := answered.kept(asked.out, name)) is None:
            try:
                done = judged(one, days, origins, asked.horizon_days, run)
            except Exception as error:  # a model that breaks leaves the others alone
                if one.model == models.BASELINE:
                    raise
                logger.warning("%s failed: %s", one.model, error, exc_info=True)
                errors.append({"model": one.model, "reason": f"failed: {error}"})
                continue
            answered.keep(done, asked.out, name)
        answers.append(done)
    return answers, errors


def checked(asked: Asked, days: pd.DataFrame) -> list[dt.date]:
    """The origins, sorted, each once.

    Raises:
        BadFile: the horizon is no day, there is no origin, or nobody had an order by one.
    """
    if asked.horizon_days < 1:
        raise BadFile(f"--horizon-days {asked.horizon_days}: take 1 or more")
    if not asked.origins:
        raise BadFile("--origins: give days with commas between, such as 2017-10-01,2017-10-29")
    found = sorted(set(asked.origins))
    first, last = (day.date() for day in (days["business_date"].min(), days["business_date"].max()))
    for origin in found:
        try:
            History.of(days, origin)
        except NothingToJudge:
            raise BadFile(
                f"--origins {origin}: no account has an order by then; {asked.transactions} tells"
                f" of {first} to {last}, take a day of these"
            ) from None
        if (origin - last).days >= asked.horizon_days:
            raise BadFile(
                f"--origins {origin}: the last day of {asked.transactions} is {last}, so all look"
                f" gone; take {last}"
            )
        if origin > last:
            logger.warning(
                "--origins %s lies after the last day of the file, %s: the days between count as"
                " days on which nobody bought",
                *(origin, last),
            )
    return found


@contextmanager
def _run(asked: Asked, origins: Sequence[dt.date]) -> Iterator[tuple[tracking.Run, str]]:
    """The bench's run in MLflow, and its fingerprint; a child run per model stands below it."""
    told = {
        "origins": [one.isoformat() for one in origins],
        "horizon_days": asked.horizon_days,
        "transactions_sha256": tracking.sha256(asked.transactions),
        "timezone": settings().timezone,
    }
    code = tracking.code_version(FAMILY)
    mark = tracking.fingerprint(kind="bench of files", code=code.partition("+")[2], **told)
    tags = {"kind": "bench of files", "code_version": code}
    with tracking.run(FAMILY, f"bench {asked.transactions.name}", mark, (), tags) as run:
        run.params(told)
        yield run, mark


def judged(
    one: Configuration,
    days: pd.DataFrame,
    origins: Sequence[dt.date],
    horizon_days: int,
    parent: tracking.Run,
) -> Answered:
    """One child run: a model at every origin."""
    parts: list[pd.DataFrame] = []
    scored: list[Scored] = []
    calibration: list[dict[Hashable, Any]] = []
    mark = tracking.fingerprint(parent=parent.id, model=one.model)
    with tracking.run(FAMILY, one.model, mark, parent=parent) as child:
        child.params({"model": one.model, **asdict(one.params)})
        for origin in origins:
            with tracking.PeakMemory() as memory:
                started = time.perf_counter()
                told = answer(one, days, origin, horizon_days)
                seconds = time.perf_counter() - started
                windows = dict(beside(one, days, origin, horizon_days, told))
            parts.append(told.assign(model=one.model, origin=origin))
            for window, rows in windows.items():
                place = (origin.isoformat(), window)
                scored += scores(one.model, *place, rows, seconds, memory.mib)
                by_decile = accuracy.deciles(rows).assign(origin=place[0], window=window)
                calibration += by_decile.to_dict("records")
        child.metrics(
            {f"{s.window}.{s.place}.{s.metric}": float(s.per_subject.mean()) for s in scored}
        )
    means = [
        f"{s.window} {s.place} {s.per_subject.mean():.2f}" for s in scored if s.metric == DECIDES
    ]
    logger.info("%s: %s, USD: %s", one.model, DECIDES, ", ".join(means) or "not judged")
    rows = pd.concat(parts, ignore_index=True)
    values = pa.Table.from_pandas(rows, pa.schema(TOLD), preserve_index=False)
    return Answered(values, scored, {"calibration": calibration})


def scores(
    model: str, place: str, window: Split, rows: pd.DataFrame, seconds: float, peak_mb: float
) -> list[Scored]:
    """Every metric of a model at an origin that has a value."""
    return [
        Scored(model, place, window, metric, found, False, seconds, peak_mb)
        for metric, found in accuracy.per_account(rows).items()
        if found.notna().any()
    ]


def answer(
    one: Configuration, days: pd.DataFrame, origin: dt.date, horizon_days: int
) -> pd.DataFrame:
    """What a model foretells at an origin, fitted on what was known by then."""
    fitted = models.model(one.model)(one.params).fit(days, origin, horizon_days)
    return fitted.predict(days, origin)


def beside(
    one: Configuration, days: pd.DataFrame, origin: dt.date, horizon_days: int, told: pd.DataFrame
) -> Iterator[tuple[Split, pd.DataFrame]]:
    """Foretold beside actual: of windows that had ended by the origin, and of the one after it."""
    valid = []
    for past in past_origins(days, origin, horizon_days, horizon_days, VALID_WINDOWS):
        found = answer(one, days, past, horizon_days)
        valid.append(accuracy.beside(found, days, past, horizon_days, origin))
    if valid:
        yield "valid", pd.concat(valid, ignore_index=True)
    end = pd.Timestamp(origin) + pd.Timedelta(days=horizon_days)
    if days["business_date"].max() >= end:
        newest = days["known_date"].max().date()
        yield "test", accuracy.beside(told, days, origin, horizon_days, newest)


def _champion(scored: Sequence[Scored], first: dt.date) -> str:
    """The best on the validation rows of the earliest origin; the baseline where there are none."""
    if best := board.best(scored, first.isoformat(), DECIDES, higher_is_better=False):
        return best
    logger.warning(
        "no window had ended by %s with as many days known before it, so the champion is the"
        " baseline, %s: take later --origins, or a shorter --horizon-days",
        *(first, models.BASELINE),
    )
    return models.BASELINE


def write(
    answers: Sequence[Answered],
    errors: Sequence[dict[str, str]],
    customers: pd.DataFrame,
    origins: Sequence[dt.date],
    folder: board.Folder,
) -> tuple[pa.Table, str]:
    """The files, each whole or not at all; given back are the leaderboard and the champion."""
    scored = [one for done in answers for one in done.scored]
    champion = _champion(scored, origins[0])
    values = pa.concat_tables([done.rows for done in answers]).to_pandas()
    values = values.assign(champion=values["model"] == champion)
    told = pa.Table.from_pandas(values, pa.schema(VALUES), preserve_index=False)
    calibration = [
        {**row, "model": one, "origin": dt.date.fromisoformat(row["origin"])}
        for done in answers
        for one in done.rows["model"].unique().to_pylist()
        for row in done.told["calibration"]
    ]
    champions: dict[str | int, str | None] = {one.isoformat(): champion for one in origins}
    table = board.table(scored, "origin", models.BASELINE, champions)
    beside = {
        "values.parquet": told,
        standing.FILE: pa.Table.from_pandas(
            customers, pa.schema(standing.COLUMNS), preserve_index=False
        ),
        "calibration.parquet": pa.Table.from_pylist(calibration, pa.schema(CALIBRATION)),
        "errors.parquet": pa.Table.from_pylist(list(errors), ERRORS),
    }
    folder.write(table, beside, {})
    return table, champion
