"""What a configuration says of the steps after a history, and said at past origins inside it.

An answer is kept under what decides it: settings, history and covariates ahead. So an origin that
is past of several later ones, or of an ensemble and its members, is fitted once in a process. What
a person should hear of is a warning once in a process, too: a bench asks at hundreds of origins.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from jobs.training.family import Configuration
from jobs.training.forecasts import conformal
from jobs.training.forecasts.forecaster import fewest_points, scales, tell_fallbacks
from jobs.training.forecasts.models import model as model_of

logger = logging.getLogger(__name__)

PAST_ORIGINS = 6  # that intervals and weights come from, one horizon apart
KEPT_ROWS = 5_000_000  # of answers that stay in memory, about 400 MB
KEYS = ["series_id", "ds"]


@dataclass(frozen=True)
class Answers:
    """Answers of a model fitted on a history, with what they are measured by."""

    rows: pd.DataFrame  # series_id, ds, step from 1, p10, p50, p90, scale, rms_scale
    fallbacks: Mapping[str, str]  # series answered without the model → why
    seconds: float  # fitting and answering, members of an ensemble included
    device: str = "cpu"
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Past:
    """A past origin: what was known there, and what came after it."""

    history: pd.DataFrame  # series_id, ds, y, covariates
    future: pd.DataFrame  # series_id, ds, covariates
    sold: pd.DataFrame  # series_id, ds, y


_kept: OrderedDict[tuple[str, str], Answers] = OrderedDict()
_told: set[Hashable] = set()


def answers(configuration: Configuration, history: pd.DataFrame, future: pd.DataFrame) -> Answers:
    """Fit on a regular history and answer for `future` (series_id, ds, covariates); no margins.

    Every series in `future` has the same number of steps.
    """
    place = (configuration.id, _mark(history, future))
    if place in _kept:
        _kept.move_to_end(place)
        return _kept[place]
    started = time.perf_counter()
    model = model_of(configuration.model)(configuration.params).fit(history)
    horizon = int(future.groupby("series_id").size().max())
    rows = model.answers(horizon, future)
    reasons = {(model.name, s, why.partition(":")[0]) for s, why in model.fallbacks.items()}
    tell_fallbacks(model, rows, _level(reasons), history["ds"].max())
    rows["step"] = rows.groupby("series_id").cumcount() + 1
    season = configuration.params.season
    for name, power in (("scale", 1), ("rms_scale", 2)):
        rows[name] = rows["series_id"].map(scales(history, season, power))
    seconds = time.perf_counter() - started + getattr(model, "borrowed_seconds", 0.0)
    found = Answers(
        rows, dict(model.fallbacks), seconds, model.device, getattr(model, "curves", {})
    )
    _keep(place, found)
    return found


def _mark(*frames: pd.DataFrame) -> str:
    told = hashlib.sha256()
    for frame in frames:
        told.update(repr(list(frame)).encode())
        told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return told.hexdigest()


def _level(facts: Collection[Hashable]) -> int:
    """Of a log line: WARNING where one of its facts is new in this process, else DEBUG."""
    new = not _told.issuperset(facts)
    _told.update(facts)
    return logging.WARNING if new else logging.DEBUG


def _keep(place: tuple[str, str], found: Answers) -> None:
    _kept[place] = found
    while len(_kept) > 1 and sum(len(one.rows) for one in _kept.values()) > KEPT_ROWS:
        _kept.popitem(last=False)


def past_origins(history: pd.DataFrame, horizon: int, season: int) -> Iterator[Past]:
    """Past origins inside a regular history, one horizon apart, the newest first.

    A series is there while half of its points, a season seen twice and FEWEST points stand before
    the origin: further back a model knows too little to be the same procedure.
    """
    by_series = history.groupby("series_id")
    left, points = by_series.cumcount(ascending=False), by_series.cumcount() + 1
    needed = np.maximum(fewest_points(season), (left + points) / 2)
    for back in range(1, PAST_ORIGINS + 1):
        before = left >= back * horizon
        asked = (left + points - back * horizon) >= needed
        if not asked.any():
            return
        after = history[asked & ~before & (left >= (back - 1) * horizon)].reset_index(drop=True)
        known = history[asked & before].reset_index(drop=True)
        yield Past(known, after.drop(columns="y"), after[[*KEYS, "y"]])


def beside(answered: Answers, sold: pd.DataFrame, with_fallbacks: bool = True) -> pd.DataFrame:
    """Answers with `y`, what was sold; those of steps that have not been are left out."""
    rows = answered.rows
    if not with_fallbacks:
        rows = rows[~rows["series_id"].isin(list(answered.fallbacks))]
    return rows.merge(sold[[*KEYS, "y"]].dropna(), on=KEYS)


def calibrated(
    configuration: Configuration, history: pd.DataFrame, future: pd.DataFrame
) -> tuple[Answers, np.ndarray]:
    """Answers for `future`, and their margins from past origins inside the history."""
    horizon = int(future.groupby("series_id").size().max())
    past = past_origins(history, horizon, configuration.params.season)
    return answers(configuration, history, future), margins(configuration, past, history, horizon)


def margins(
    configuration: Configuration, past: Iterable[Past], history: pd.DataFrame, horizon: int
) -> np.ndarray:
    """Conformal margins per step ahead (T,), in scales, from what was missed at past origins.

    Without a past origin those of the seasonal naive within the history.
    """
    found = [
        beside(answers(configuration, one.history, one.future), one.sold, with_fallbacks=False)
        for one in past
    ]
    rows = pd.concat(found, ignore_index=True) if found else None
    if rows is None or not conformal.misses(rows).notna().any():
        level = _level([("no past origin", configuration.id)])
        logger.log(level, "%s: no past origin, intervals of the seasonal naive", configuration.id)
        rows = naive_answers(history, horizon, configuration.params.season)
    return conformal.margins(rows, horizon)


def naive_answers(history: pd.DataFrame, horizon: int, season: int) -> pd.DataFrame:
    """Every value of a history beside the seasonal naive's answer 1..T steps before it."""
    by_series = history.groupby("series_id")["y"]
    scale = history["series_id"].map(scales(history, season))
    parts = []
    for step in range(1, horizon + 1):
        said = by_series.shift(-(-step // season) * season)
        parts.append(
            pd.DataFrame(
                {"step": step, "y": history["y"], "p10": said, "p90": said, "scale": scale}
            )
        )
    return pd.concat(parts, ignore_index=True).dropna()


def intervals(answered: Answers, by: np.ndarray) -> pd.DataFrame:
    """The answers' rows with their intervals; fallbacks keep their plain quantiles."""
    rows, scale = answered.rows, answered.rows.groupby("series_id")["scale"].first()
    plain = rows["series_id"].isin(list(answered.fallbacks))
    moved = conformal.moved_out(rows[~plain], by, scale)
    return pd.concat([moved, rows[plain]]).sort_values(KEYS, ignore_index=True)
