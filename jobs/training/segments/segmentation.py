"""Segments of all accounts: made, named, asked about anyone, made again without losing who is who.

`make` is the first time; `refit` every week after it, with the same number of segments. Between
refits, and for customers who came since, `Segments.assign` answers without learning anything.
"""

import datetime as dt
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from jobs.training import rules as gates
from jobs.training.family import Changes, NothingToJudge
from jobs.training.segments import identity
from jobs.training.segments.features import FEATURES, NAMES
from jobs.training.segments.names import Names, names
from jobs.training.segments.segmenter import NONE, Groups, Segmenter
from jobs.training.segments.stability import Stability, stability
from jobs.training.segments.standard import Standard

logger = logging.getLogger(__name__)

ARRAYS, REST = "segments.npz", "segments.json"


@dataclass(frozen=True, eq=False)  # arrays are not equal or not
class Segments:
    """What is kept of a fit: no account is in it.

    Attributes:
        ids: of each group; an id is never given to another segment.
        codes: the name of each, see segments.yaml.
        last_id: the highest that was ever given.
        centres: by segment_id, the median of each feature over its accounts, in its unit.
        places: the same of their places among all accounts.
    """

    model: str
    as_of: dt.date
    standard: Standard
    groups: Groups
    ids: tuple[int, ...]
    codes: tuple[str, ...]
    last_id: int
    centres: pd.DataFrame
    places: pd.DataFrame

    def assign(self, features: pd.DataFrame) -> pd.DataFrame:
        """Where accounts belong, those too that nothing was learnt from.

        Returns:
            By account: segment_id and segment_code (null: near none), distance to the segment's
            centre in standard deviations, and silhouette (b - a) / max(a, b), -1 to 1, with a the
            distance to its own centre and b to the nearest other (null: there is no other).
        """
        points = self.standard.points(features)
        group = self.groups.assign(points)
        inside = group != NONE
        own, silhouette = np.full(len(points), np.nan), np.full(len(points), np.nan)
        away = self.groups.distances(points)
        rows = np.flatnonzero(inside)
        own[rows] = away[rows, group[rows]]
        if away.shape[1] > 1:
            away[rows, group[rows]] = np.inf
            other = away[rows].min(axis=1)
            most = np.maximum(own[rows], other)
            silhouette[rows] = np.divide(
                other - own[rows], most, out=np.zeros(len(rows)), where=most > 0
            )
        ids = np.array([*self.ids, 0])[group]  # NONE is the last
        codes = np.array([*self.codes, ""], dtype=object)[group]
        found = {
            "segment_id": pd.array(ids, dtype="Int64"),
            "segment_code": pd.array(codes, dtype="string"),
            "distance": own,
            "silhouette": silhouette,
        }
        told = pd.DataFrame(found, features.index)
        told.loc[~inside, ["segment_id", "segment_code"]] = pd.NA
        return told

    def save(self, folder: Path) -> None:
        """Into an existing folder, without pickle."""
        arrays: dict[str, Any] = {
            "anchors": self.groups.anchors,
            "of": self.groups.of,
            "centres": self.centres.to_numpy(float),
            "places": self.places.to_numpy(float),
            **self.standard.knots,
        }
        np.savez_compressed(folder / ARRAYS, **arrays)
        told = {
            "model": self.model,
            "as_of": self.as_of.isoformat(),
            "reach": self.groups.reach if np.isfinite(self.groups.reach) else None,
            "ids": self.ids,
            "codes": self.codes,
            "last_id": self.last_id,
            "features": [[one.name, one.scale, one.weight] for one in FEATURES],
        }
        (folder / REST).write_text(json.dumps(told, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: it was made of other features.
        """
        told = json.loads((folder / REST).read_text())
        if told["features"] != [[one.name, one.scale, one.weight] for one in FEATURES]:
            raise ValueError(
                f"{folder / REST} is of other features than features.py has: make segments anew"
            )
        with np.load(folder / ARRAYS, allow_pickle=False) as kept:
            arrays = dict(kept)
        reach = np.inf if told["reach"] is None else told["reach"]
        index = pd.Index(told["ids"], name="segment_id")
        return cls(
            told["model"],
            dt.date.fromisoformat(told["as_of"]),
            Standard({name: arrays[name] for name in NAMES}),
            Groups(arrays["anchors"], arrays["of"], reach),
            tuple(told["ids"]),
            tuple(told["codes"]),
            told["last_id"],
            pd.DataFrame(arrays["centres"], index, columns=list(NAMES)),
            pd.DataFrame(arrays["places"], index, columns=list(NAMES)),
        )


@dataclass(frozen=True, eq=False)
class Refit:
    """What a refit found, and whether it is taken over.

    Attributes:
        segments: the refit, with the ids and names of before.
        moved: by account of today, 1 where it puts it elsewhere than before's segments do, else 0.
        kept: by unchanged account, 1 where it keeps its segment: see `identity.kept_share`.
        movement: from last week's segments to the refit's: see `identity.movement`.
        stability: of the refit's groups.
        reasons: why it waits for a person, who takes `segments` over or not; empty: taken over.
    """

    segments: Segments
    moved: pd.Series
    kept: pd.Series
    movement: pd.DataFrame
    stability: Stability
    reasons: tuple[str, ...]

    @property
    def moved_share(self) -> float:
        return float(self.moved.mean())

    @property
    def waits(self) -> bool:
        return bool(self.reasons)


def make(
    way: Segmenter,
    features: pd.DataFrame,
    as_of: dt.date,
    before: Segments | None = None,
    rules: Names | None = None,
) -> Segments:
    """Make segments of accounts and name them; those of before keep their ids and names.

    Raises:
        NothingToJudge: there is no account.
    """
    if features.empty:
        raise NothingToJudge(
            f"no account has an order in the 52 weeks to {as_of}: take a later date, or more days"
        )
    _tell(features, as_of)
    standard = Standard.of(features)
    points = standard.points(features)
    groups = way.groups(points)
    group = pd.Series(groups.assign(points), features.index)
    taken: dict[int, int] = {}
    if before:
        old = before.assign(features)["segment_id"]
        taken = identity.matched(old, group.where(group != NONE))
    last_id = before.last_id if before else 0
    ids = identity.fresh_ids(groups.count, taken, last_id)
    of = group.map(dict(enumerate(ids))).rename("segment_id")
    index = pd.Index(ids, name="segment_id")
    centres = features.groupby(of).median().reindex(index)
    places = standard.places(features).groupby(of).median().reindex(index)
    kept = dict(zip(before.ids, before.codes, strict=True)) if before else {}
    codes = (rules or names()).name(centres, places, kept)
    return Segments(
        *(way.name, as_of, standard, groups, ids, tuple(codes[one] for one in ids)),
        *(max([last_id, *ids]), centres, places),
    )


def _tell(features: pd.DataFrame, as_of: dt.date) -> None:
    """What is not known of whom, and what sets nobody apart: neither makes segments."""
    unknown = features.isna().sum()
    values = features.nunique()
    gaps = [f"{name} not known of {count:,}" for name, count in unknown.items() if count]
    gaps += [f"{name} the same of all" for name, count in values.items() if count == 1]
    told = "; ".join(gaps) or "all features known of all"
    logger.info("segments as of %s: %s accounts; %s", as_of, f"{len(features):,}", told)


def refit(
    before: Segments,
    way: Segmenter,
    last: pd.DataFrame,
    features: pd.DataFrame,
    as_of: dt.date,
    rules: Names | None = None,
) -> Refit:
    """Make segments anew, and say whether they may take the place of those of before.

    Args:
        last: features a week ago, by account; features: those of today.

    Raises:
        NothingToJudge: there is no account.
    """
    rules = rules or names()
    segments = make(way, features, as_of, before, rules)
    was, old, new = before.assign(last), before.assign(features), segments.assign(features)
    moved = moved_accounts(old["segment_id"], new["segment_id"])
    kept = identity.kept_share(was["segment_id"], old["segment_id"], new["segment_id"])
    seen = stability(way, segments.standard.points(features))
    reasons = _reasons(changes(before, segments, features, seen, rules), before.as_of)
    return Refit(segments, moved, kept, identity.movement(was, new, as_of), seen, reasons)


def moved_accounts(before: pd.Series, after: pd.Series) -> pd.Series:
    """1 where an account's id is another one, or one is null and the other not; else 0."""
    same = (before == after).fillna(False) | (before.isna() & after.isna())
    return (~same).astype(float)


def changes(
    before: Segments | None,
    after: Segments,
    features: pd.DataFrame,
    seen: Stability,
    rules: Names | None = None,
) -> Changes:
    """What segments change for accounts, by their features of a day; and their own faults."""
    codes = dict(zip(after.ids, after.codes, strict=True))
    own = Changes(
        len(features),
        None,
        worn=(rules or names()).worn(codes, after.centres, after.places),
        unsteady=seen.faults,
    )
    if before is None:
        return own
    ids = (one.assign(features)["segment_id"] for one in (before, after))
    names_of = dict(zip(before.ids, before.codes, strict=True))
    return replace(
        own,
        moved=float(moved_accounts(*ids).mean()),
        gone=[names_of[one] for one in before.ids if one not in codes],
        new=[codes[one] for one in after.ids if one not in names_of],
    )


def most_moved() -> float:
    """Share of accounts that a refit alone may put elsewhere: above it a person looks."""
    return float(gates.rules("segments").gate["refit"]["moved"])


def _reasons(found: Changes, before: dt.date) -> tuple[str, ...]:
    most, moved = most_moved(), found.moved or 0.0
    lists = (
        ("are no more", found.gone),
        ("were not there before", found.new),
        ("their names' rules no longer fit", found.worn),
    )
    told = f"{moved:.1%} of the accounts are put elsewhere than by the segments of {before}"
    return (
        *([f"{told}: more than {most:.0%}"] if moved > most else []),
        *(f"segments that {what}: {', '.join(codes)}" for what, codes in lists if codes),
        *found.unsteady,
    )
