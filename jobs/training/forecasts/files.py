"""The bench of forecasts on anyone's file: the same models and intervals as in the lake.

An origin N is a number of training points: the first N rows of every series. A series with fewer
is skipped. A model that takes covariates known in advance is judged twice: by its name without
them, so that nothing after row N changes its answers, and as NAME_plan with those that all of the
next `horizon` rows tell. Validation rows of N come from the past origins N - H, N - 2H, … inside
its own training points, test rows from what the file tells after N. There is one champion: the best
on the validation rows of the earliest origin, because later ones have seen its test window.

OUT/forecasts.parquet    model, unique_id, ds, origin, yhat, lo80, hi80
OUT/leaderboard.parquet  as jobs/training/board.py says
OUT/errors.parquet       unique_id, origin, model (null: all), reason
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from jobs.training import answered, board, tracking
from jobs.training.answered import Answered
from jobs.training.board import Scored
from jobs.training.family import FAILED_SHARE, Configuration, Split, TooManyFailed
from jobs.training.forecasts import accuracy, backtest, models, series_file
from jobs.training.forecasts.backtest import Past
from jobs.training.forecasts.forecaster import regular, steps_after
from jobs.training.forecasts.series_file import Series

logger = logging.getLogger(__name__)

FAMILY = "forecasts"  # whose experiment in MLflow it is
BASELINE = "seasonal_naive"
DECIDES = "mase"
FORECASTS: list[tuple[str, pa.DataType]] = [
    ("model", pa.string()),
    ("ds", pa.timestamp("ns")),
    ("origin", pa.int64()),
    ("yhat", pa.float64()),  # in y's unit
    ("lo80", pa.float64()),  # ends of the interval with 80% of the values
    ("hi80", pa.float64()),
]


@dataclass(frozen=True)
class Origin:
    """What is known at an origin, and what the file tells after it."""

    points: int
    history: pd.DataFrame  # series_id, ds, y, covariates
    future: pd.DataFrame  # series_id, ds, covariates
    sold: pd.DataFrame  # series_id, ds, y; empty where the file is sealed

    @property
    def knows_ahead(self) -> bool:
        return len(self.future.columns) > 2


@dataclass
class Found:
    """What a bench has found so far; of one model, or of all."""

    scored: list[Scored] = field(default_factory=list)
    forecasts: list[pd.DataFrame] = field(default_factory=list)
    errors: list[dict[str, str | int | None]] = field(default_factory=list)
    asked: int = 0  # answers: series x models x origins
    failed: int = 0  # of them, that a model could not give

    def error(self, origin: int, model: str | None, series_id: str | None, reason: str) -> None:
        self.errors.append(
            {"unique_id": series_id, "origin": origin, "model": model, "reason": reason}
        )

    def add(self, more: "Found") -> None:
        self.scored += more.scored
        self.forecasts += more.forecasts
        self.errors += more.errors
        self.asked += more.asked
        self.failed += more.failed

    def answered(self) -> Answered:
        """As it is kept."""
        rows = pd.concat(self.forecasts, ignore_index=True) if self.forecasts else pd.DataFrame()
        told = {"errors": self.errors, "asked": self.asked, "failed": self.failed}
        return Answered(pa.Table.from_pandas(rows, preserve_index=False), self.scored, told)

    @classmethod
    def of(cls, kept: Answered) -> Self:
        rows = kept.rows.to_pandas()
        return cls(kept.scored, [rows] if len(rows) else [], **kept.told)


def bench(
    series: Path,
    freq: str,
    season: int,
    horizon: int,
    origins: Sequence[int],
    out: Path,
    leave_out: Collection[str] = (),
) -> pa.Table:
    """Judge every forecaster on a file of series; see the module's text.

    A model that was judged on the same file by the same code is not judged again: a bench that was
    killed goes on where it stood.

    Args:
        freq: W or D; the steps ahead are the file's own.
        season: steps until a pattern returns, 1 is none; also MASE's.
        horizon: steps ahead.
        origins: numbers of training points.
        leave_out: models that are not judged.

    Returns:
        The leaderboard, as written.

    Raises:
        BadSeries: the file or an option is not what is needed.
        BadModel: see `board.to_judge`.
        BadFolder: see `board.at_work_in`.
        TooManyFailed: after everything was written.
    """
    _checked(season, horizon, origins)
    told, found = series_file.read(series, freq), Found()
    points = sorted(set(origins))
    season = _season(season, points[0])
    places = [at for n in points if (at := at_origin(told, n, horizon, found))]
    if not places:
        longest = told.points.max()
        lacks = f"{points[0]} points" if longest < points[0] else f"a value at point {points[0]}"
        raise series_file.BadSeries(
            f"{series}: no series has {lacks}, the longest has {longest} points;"
            " take other --origins"
        )
    every = contenders(season, horizon, told.covariates)
    names = board.to_judge(every, BASELINE, leave_out)
    asked = {"freq": freq, "season": season, "horizon": horizon, "origins": points}
    with board.at_work_in(out, "forecasts", [series]) as folder, _run(series, asked) as (run, mark):
        for name in board.in_turn(names):
            if done := answered.kept(out, f"{name}-{mark}"):
                found.add(Found.of(done))
                continue
            more = judge_all(name, every[name], places, horizon, run)
            if not more.failed:  # what failed is tried again
                answered.keep(more.answered(), out, f"{name}-{mark}")
            found.add(more)
        leaderboard = write(found, told, folder)
    if found.failed > FAILED_SHARE * found.asked:
        raise TooManyFailed(
            f"models failed at {found.failed} of {found.asked} answers, more than"
            f" {FAILED_SHARE:.0%}; {out}/errors.parquet says why"
        )
    return leaderboard


@contextmanager
def _run(series: Path, asked: dict[str, object]) -> Iterator[tuple[tracking.Run, str]]:
    """The bench's run in MLflow, and its fingerprint; a child run per model stands below it."""
    told = {**asked, "series_sha256": tracking.sha256(series)}
    code = tracking.code_version(FAMILY)
    mark = tracking.fingerprint(kind="bench of files", code=code.partition("+")[2], **told)
    tags = {"kind": "bench of files", "code_version": code}
    with tracking.run(FAMILY, f"bench {series.name}", mark, (), tags) as run:
        run.params(told)
        yield run, mark


def contenders(season: int, horizon: int, covariates: Collection[str]) -> dict[str, Configuration]:
    """Name in the answers → configuration; those that know covariates ahead last."""
    plain = models.configurations(season, horizon, covariates=False)
    found = {models.label(c): c for c in plain}
    if covariates:
        ahead = models.configurations(season, horizon, covariates=True)
        found |= {f"{models.label(c)}_plan": c for c in ahead if uses_plan(c)}
    return found


def uses_plan(configuration: Configuration) -> bool:
    """Whether it knows covariates ahead, where there are some."""
    return bool(getattr(configuration.params, "covariates", False))


def judge_all(
    name: str,
    configuration: Configuration,
    places: Sequence[Origin],
    horizon: int,
    parent: tracking.Run,
) -> Found:
    """One child run: a model at every origin."""
    found = Found()
    mark = tracking.fingerprint(parent=parent.id, model=name)
    with tracking.run(FAMILY, name, mark, parent=parent) as child:
        child.params({"model": configuration.model, **asdict(configuration.params)})
        for at in places:
            judge(name, configuration, at, horizon, found)
        child.metrics(
            {f"{s.window}.{s.place}.{s.metric}": float(s.per_subject.mean()) for s in found.scored}
        )
    mase = [s for s in found.scored if s.metric == DECIDES]
    told = ", ".join(f"{s.window} {s.place} {s.per_subject.mean():.3f}" for s in mase)
    logger.info("%s: %s %s", name, DECIDES, told or "not judged")
    return found


def _checked(season: int, horizon: int, origins: Sequence[int]) -> None:
    for name, value in (
        ("season", season),
        ("horizon", horizon),
        ("origins", min(origins, default=0)),
    ):
        if value < 1:
            raise series_file.BadSeries(f"--{name} {value}: take 1 or more")


def _season(season: int, fewest: int) -> int:
    if season == 1 or fewest > 2 * season:
        return season
    logger.warning(
        "--season %d: the earliest origin has %d points, a season is learnt from %d;"
        " going on without a season (1), for the scale of MASE too",
        season,
        fewest,
        2 * season + 1,
    )
    return 1


def at_origin(told: Series, points: int, horizon: int, found: Found) -> Origin | None:
    """Histories and futures at an origin; null, and a row of `found.errors` each, without one."""
    ends = told.rows[(told.rows["place"] == points) & told.rows["y"].notna()]
    ids = list(ends["series_id"])
    for series_id, has in told.points[~told.points.index.isin(ids)].items():
        what = f"short: {has} points" if has < points else f"no value at point {points}"
        found.error(points, None, str(series_id), f"{what}, {points} needed; skipped")
    if not ids:
        return None
    history = regular(told.history(points, ids))
    if not history.duplicated("series_id").any():
        # one value tells no step: one before, of the same value, tells the file's own
        history = regular(pd.concat([history.assign(ds=history["ds"] - told.step), history]))
    future = steps_after(history, horizon).merge(
        told.rows.drop(columns="place"), how="left", on=backtest.KEYS
    )
    known = [c for c in told.covariates if future[c].notna().all()]
    if unknown := [c for c in told.covariates if c not in known]:
        logger.warning("origin %d: %s not told ahead, left out", points, ", ".join(unknown))
    sold = future.loc[future["y"].notna(), [*backtest.KEYS, "y"]]
    kept = [*backtest.KEYS, *known]
    return Origin(points, history[[*kept, "y"]], future[kept], sold)


def judge(name: str, configuration: Configuration, at: Origin, horizon: int, found: Found) -> None:
    """One model at one origin: its forecasts, its valid and, where there is truth, test rows."""
    if uses_plan(configuration) and not at.knows_ahead:
        found.error(at.points, name, None, "no covariate is told for all steps ahead; skipped")
        return
    count = at.history["series_id"].nunique()
    found.asked += count
    try:
        with tracking.PeakMemory() as memory:
            said, by = backtest.calibrated(configuration, at.history, at.future)
            judged = dict(windows(configuration, at, horizon))
    except Exception as error:  # a model that breaks leaves the others alone
        if name == BASELINE:
            raise
        logger.warning("origin %d, %s failed: %s", at.points, name, error, exc_info=True)
        found.failed += count
        found.error(at.points, name, None, f"failed: {error}")
        return
    for series_id, reason in said.fallbacks.items():
        found.failed += reason.startswith("failed")
        found.error(at.points, name, series_id, f"{reason}; plain quantiles of recent steps")
    rows = backtest.intervals(said, by)
    found.forecasts.append(rows.assign(model=name, origin=at.points))
    cost = (uses_plan(configuration), said.seconds, memory.mib)
    for window, of_window in judged.items():
        found.scored += [
            Scored(name, at.points, window, metric, values, *cost)
            for metric, values in accuracy.per_series(of_window).items()
            if values.notna().any()
        ]


def windows(
    configuration: Configuration, at: Origin, horizon: int
) -> Iterator[tuple[Split, pd.DataFrame]]:
    """Calibrated answers beside what was sold: at past origins (valid), and after this one."""
    past = list(backtest.past_origins(at.history, horizon, configuration.params.season))
    now: list[Past] = [Past(at.history, at.future, at.sold)] if len(at.sold) else []
    splits: tuple[tuple[Split, list[Past]], ...] = (("valid", past), ("test", now))
    for split, places in splits:
        rows = []
        for back, one in enumerate(places):
            said, by = backtest.calibrated(configuration, one.history, one.future)
            sold = backtest.intervals(said, by).merge(one.sold, on=backtest.KEYS)
            rows.append(sold.assign(origin=back))
        if rows:
            yield split, pd.concat(rows, ignore_index=True)


def _champion(scored: Sequence[Scored], places: Collection[str | int]) -> str | None:
    """The best at the earliest origin, of those that answered at every one."""
    judged = {(one.model, one.place) for one in scored}
    everywhere = {one.model for one in scored if all((one.model, p) in judged for p in places)}
    able = [one for one in scored if one.model in everywhere]
    return board.best(able, min(places), DECIDES, False)


def write(found: Found, told: Series, folder: board.Folder) -> pa.Table:
    """The three files, each whole or not at all; given back is the leaderboard."""
    rows = pd.concat(found.forecasts, ignore_index=True).rename(
        columns={"p10": "lo80", "p50": "yhat", "p90": "hi80"}
    )
    ids = pa.array(told.ids.loc[rows["series_id"]].to_numpy())
    forecasts = pa.Table.from_pandas(rows, pa.schema(FORECASTS), preserve_index=False)
    places = {one.place for one in found.scored}
    champion = _champion(found.scored, places) if places else None
    if not champion:
        logger.warning(
            "no champion: no origin has past origins inside its training points to choose by;"
            " take later --origins, or a shorter --horizon"
        )
    table = board.table(found.scored, "origin", BASELINE, dict.fromkeys(places, champion))
    errors = pd.DataFrame(found.errors, columns=["unique_id", "origin", "model", "reason"])
    errors["unique_id"] = errors["unique_id"].map(told.ids)
    beside = {
        "forecasts.parquet": forecasts.add_column(1, "unique_id", ids),
        "errors.parquet": pa.Table.from_pandas(errors, preserve_index=False),
    }
    folder.write(table, beside, {})
    return table
