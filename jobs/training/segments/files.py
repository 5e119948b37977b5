"""The bench of segments on anyone's file of sales lines, no lake needed.

The number of segments is chosen four weeks before an origin (the window valid), and judged at the
origin (test); that of the origin before is kept while it is steady. The segments of an origin are a
refit of those of a week before, which are a refit of those of the origin before: so ids and names
go through. Nothing after an origin changes its rows.

OUT/segments.parquet     account_id, origin, model, segment_id, segment_code, distance, silhouette,
                         champion: every account with an order in the 52 weeks
OUT/kinds.parquet        model, origin, segment_id, segment_code, segment_name, segment_name_zh,
                         accounts, the median of each feature over them, champion
OUT/movement.parquet     model, origin, from_id, from_code, to_id, to_code, accounts, week
OUT/refits.parquet       model, origin, segments, moved_share, kept_share, waits, reasons
OUT/movement-ORIGIN.svg  the champion's
OUT/leaderboard.parquet  as jobs/training/board.py says; a place is an origin
"""

import datetime as dt
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jobs.training import board, tracking, transactions
from jobs.training.board import Scored
from jobs.training.family import NothingToJudge, Split
from jobs.training.segments import dbscan, hdbscan, kinds, kmeans, picture, segmentation, ward
from jobs.training.segments.features import features
from jobs.training.segments.segmentation import Refit
from jobs.training.segments.segmenter import Segmenter
from jobs.training.segments.stability import Stability, by_count, stability, steadiest
from jobs.training.segments.standard import Standard

logger = logging.getLogger(__name__)

EXPERIMENT = "segments"  # in MLflow
BASELINE = "kmeans"
DECIDES = "ari_mean"
VALID_DAYS = 28  # before an origin: where the number of segments is chosen
WEEK = dt.timedelta(days=7)
WAYS: dict[str, type[Any]] = {
    "kmeans": kmeans.KMeansSegmenter,
    "ward": ward.WardSegmenter,
    "dbscan": dbscan.DbscanSegmenter,
    "hdbscan": hdbscan.HdbscanSegmenter,
}
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("account_id", pa.string()),
    ("origin", pa.date32()),
    ("model", pa.string()),
    ("segment_id", pa.int64()),  # null: near no segment; the same over origins
    ("segment_code", pa.string()),  # see segments.yaml
    ("distance", pa.float64()),  # to the segment's centre, standard deviations
    ("silhouette", pa.float64()),  # -1 to 1, by centres: see `Segments.assign`
    ("champion", pa.bool_()),  # the model's: steadiest on the window valid
]
SEGMENTS = pa.schema(COLUMNS)


@dataclass(frozen=True)
class Asked:
    """What a bench is told."""

    transactions: Path  # see jobs/training/transactions.py
    origins: tuple[dt.date, ...]  # last days that count
    out: Path
    leave_out: tuple[str, ...] = ()  # ways that are not judged


@dataclass(frozen=True)
class Place:
    """An origin, and the days before it that are looked at: features by account."""

    origin: dt.date
    valid: pd.DataFrame
    last: pd.DataFrame  # a week before the origin
    now: pd.DataFrame

    @classmethod
    def at(cls, origin: dt.date, days: pd.DataFrame) -> "Place":
        """Raises: NothingToJudge: nobody ordered by the day of the choice, or lately."""
        first = days.loc[days["orders"] > 0, "business_date"].min()
        newest = days["business_date"].max().date()
        if (origin - newest).days >= VALID_DAYS:
            raise NothingToJudge(
                f"origin {origin}: the newest day of the file is {newest}, so all look dormant;"
                f" take {newest}"
            )
        chosen = origin - dt.timedelta(days=VALID_DAYS)
        valid, last, now = (features(days, day) for day in (chosen, origin - WEEK, origin))
        if valid.empty:
            raise NothingToJudge(
                f"origin {origin}: no account has an order in the 52 weeks to {chosen}, where the"
                f" number of segments is chosen; the first order is of {first:%Y-%m-%d}"
            )
        return cls(origin, valid, last, now)


@dataclass
class Found:
    """What a bench has found of one model, by origin."""

    scored: list[Scored] = field(default_factory=list)
    refits: dict[dt.date, Refit] = field(default_factory=dict)
    accounts: dict[dt.date, pd.DataFrame] = field(default_factory=dict)  # as `Segments.assign` says
    able: set[dt.date] = field(default_factory=set)  # where it was steady on the window valid


def bench(asked: Asked) -> pa.Table:
    """Judge every way to make segments; see the module's text. Gives the leaderboard.

    Raises:
        BadFile: see `transactions.days`.
        BadModel: see `board.to_judge`.
        BadFolder: see `board.at_work_in`.
        NothingToJudge: too few days before an origin.
    """
    ways = board.to_judge(WAYS, BASELINE, asked.leave_out)
    days = transactions.days(asked.transactions)
    places = [Place.at(origin, days) for origin in sorted(set(asked.origins))]
    told = {
        "origins": ", ".join(f"{at.origin}" for at in places),
        "transactions_sha256": tracking.sha256(asked.transactions),
    }
    code = tracking.code_version(EXPERIMENT)
    mark = tracking.fingerprint(kind="bench of files", code=code.partition("+")[2], **told)
    tags, found = {"kind": "bench of files", "code_version": code}, {}
    with (
        board.at_work_in(asked.out, "segments", [asked.transactions]) as folder,
        tracking.run(EXPERIMENT, f"bench {asked.transactions.name}", mark, (), tags) as run,
    ):
        run.params(told)
        for model in board.in_turn(ways):
            found[model] = _judged(model, places, run)
        champions = {at.origin: champion(found, at.origin) for at in places}
        run.tags({f"champion_{origin}": model for origin, model in champions.items()})
        return _write(found, champions, folder, run)


def way(model: str, count: int) -> Segmenter:
    """A way by its name; those that are told how many segments to make are told."""
    params = WAYS[model].Params()
    if takes_count(model):
        params = replace(params, groups=count)
    made: Segmenter = WAYS[model](params)
    return made


def takes_count(model: str) -> bool:
    return hasattr(WAYS[model].Params, "groups")


def chosen(model: str, valid: pd.DataFrame, count: int | None) -> tuple[Segmenter, Stability]:
    """A way with its number of segments, and how steady it was where that was chosen.

    Args:
        count: segments that there are: kept while they are steady, so that they stay who they are.
    """
    points = Standard.of(valid).points(valid)
    if not takes_count(model):
        return way(model, 0), stability(way(model, 0), points)
    if count and not (now := stability(way(model, count), points)).faults:
        return way(model, count), now
    seen = by_count(lambda number: way(model, number), points)
    count = steadiest(seen)
    return way(model, count), seen[count]


def _judged(model: str, places: Sequence[Place], parent: tracking.Run) -> Found:
    """One child run: a model at every origin, each going on from the one before."""
    found, before = Found(), None
    mark = tracking.fingerprint(parent=parent.id, model=model)
    with tracking.run(EXPERIMENT, model, mark, parent=parent) as child:
        child.params({"model": model, **asdict(way(model, 0).params)})
        for at in places:
            with tracking.PeakMemory() as memory:
                started = time.perf_counter()
                best, valid = chosen(model, at.valid, before.groups.count if before else None)
                week_ago = segmentation.make(best, at.last, at.origin - WEEK, before)
                refit = segmentation.refit(week_ago, best, at.last, at.now, at.origin)
                seconds = time.perf_counter() - started
            before = refit.segments
            found.refits[at.origin] = refit
            found.accounts[at.origin] = before.assign(at.now)
            if not valid.faults:
                found.able.add(at.origin)
            found.scored += _scored(model, at.origin, valid, refit, (seconds, memory.mib))
        child.metrics(
            {f"{s.window}.{s.place}.{s.metric}": float(s.per_subject.mean()) for s in found.scored}
        )
    return found


def _scored(
    model: str, origin: dt.date, valid: Stability, refit: Refit, cost: tuple[float, float]
) -> list[Scored]:
    told: Mapping[Split, Mapping[str, pd.Series]] = {
        "valid": _metrics(valid),
        "test": _metrics(refit.stability) | {"kept_share": refit.kept},
    }
    return [
        Scored(model, f"{origin}", window, metric, values, False, *cost)
        for window, metrics in told.items()
        for metric, values in metrics.items()
    ]


def _metrics(seen: Stability) -> dict[str, pd.Series]:
    return {
        "ari_mean": pd.Series(seen.ari),
        "ari_min": pd.Series([seen.ari.min()]),
        "silhouette": pd.Series(seen.silhouettes),
        "segments": pd.Series([float(seen.count)]),
    }


def champion(found: Mapping[str, Found], origin: dt.date) -> str:
    """The steadiest on the window valid, of those without faults there; else the baseline."""
    able = [s for one in found.values() if origin in one.able for s in one.scored]
    if best := board.best(able, f"{origin}", DECIDES, higher_is_better=True):
        return best
    logger.warning(
        "origin %s: no model's segments are steady, so the champion is the baseline, %s:"
        " they are not to be worked with; refits.parquet says why",
        *(origin, BASELINE),
    )
    return BASELINE


def _write(
    found: Mapping[str, Found],
    champions: Mapping[dt.date, str],
    folder: board.Folder,
    run: tracking.Run,
) -> pa.Table:
    """All files, each whole or not at all; given back is the leaderboard."""
    segments, centres, movement, refits, figures = [], [], [], [], {}
    for model, one in found.items():
        for origin, refit in one.refits.items():
            at: dict[str, Any] = {"model": model, "origin": origin}
            is_champion = champions[origin] == model
            rows = one.accounts[origin].rename_axis("account_id").reset_index()
            segments.append(rows.assign(champion=is_champion, **at))
            of_kinds = kinds.kinds(refit.segments, rows)
            centres.append(of_kinds.assign(champion=is_champion, **at))
            movement.append(refit.movement.assign(**at))
            refits.append(at | _told(refit))
            if is_champion:
                name, figure = f"movement-{origin}", picture.movement_figure(refit.movement)
                run.figure(figure, name)
                figures[f"{name}.svg"] = figure
    told = pa.Table.from_pandas(pd.concat(segments), SEGMENTS, preserve_index=False)
    moves = pa.Table.from_pandas(pd.concat(movement), preserve_index=False)
    by_place: dict[str | int, str | None] = {
        f"{origin}": model for origin, model in champions.items()
    }
    scored = [one for each in found.values() for one in each.scored]
    table = board.table(scored, "origin", BASELINE, by_place)
    beside = {
        "segments.parquet": told,
        kinds.FILE: pa.Table.from_pandas(
            pd.concat(centres), pa.schema(kinds.COLUMNS), preserve_index=False
        ),
        "movement.parquet": moves,
        "refits.parquet": pa.Table.from_pylist(refits),
    }
    folder.write(table, beside, figures)
    return table


def _told(refit: Refit) -> dict[str, Any]:
    return {
        "segments": refit.segments.groups.count,
        "moved_share": refit.moved_share,
        "kept_share": refit.kept.mean(),
        "waits": refit.waits,
        "reasons": list(refit.reasons),
    }
