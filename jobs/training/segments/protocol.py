"""How segments are made from the lake, judged, and told: which kind of customer each one is.

The ways of files.py, by how well segments agree with themselves when they are made again. The
number of segments is chosen four weeks before the newest day (valid) and judged there (test). A
version goes on from the champion's segments: its number while that is steady, its ids, its names.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from jobs.training import account_days
from jobs.training.family import Changes, Configuration, Data, Judged, NothingToJudge, Split
from jobs.training.segments import files, segmentation
from jobs.training.segments.features import features
from jobs.training.segments.held import Held
from jobs.training.segments.names import names
from jobs.training.segments.segmenter import Segmenter
from jobs.training.segments.stability import Stability

logger = logging.getLogger(__name__)

DAYS = "account_days"  # the frame


@dataclass
class Ground:
    """Account days, and what was chosen at a cut: once for both splits."""

    days: pd.DataFrame
    cut: dt.date
    seen: dict[str, tuple[Segmenter, Stability]] = field(default_factory=dict)

    def chosen(self, model: str) -> tuple[Segmenter, Stability]:
        """A way with its number of segments, and how steady it was at the cut."""
        if model not in self.seen:
            self.seen[model] = files.chosen(model, features(self.days, self.cut), None)
        return self.seen[model]


@dataclass(frozen=True)
class Window:
    """A day at which ways are judged; null: at the choice itself."""

    ground: Ground
    day: dt.date | None


class SegmentsFamily:
    name = "segments"
    entity = "account_segments"
    valid_days = 7
    tables = account_days.TABLES
    tasks = ("segments",)

    def model(self, name: str) -> type[Held]:
        """Raises KeyError: there is no such way."""
        if name not in files.WAYS:
            raise KeyError(f"no way to make segments {name!r}; there are: {', '.join(files.WAYS)}")
        return type(name, (Held,), {"name": name, "Params": files.WAYS[name].Params})

    @property
    def baseline(self) -> Configuration:
        return Configuration(files.BASELINE, files.way(files.BASELINE, 0).params)

    def configurations(self) -> Sequence[Configuration]:
        """Each way, the baseline first; its number of segments is chosen, not set."""
        return [Configuration(name, files.way(name, 0).params) for name in files.WAYS]

    def data(self, as_of: dt.date | None) -> Data:
        days, datasets = account_days.days(as_of)
        return Data({DAYS: days}, datasets, days["business_date"].max().date())

    def cut(self, data: Data) -> dt.date:
        """Where the number is chosen, such that the newest day judges it."""
        return data.newest - dt.timedelta(days=files.VALID_DAYS)

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        """Raises NothingToJudge: nobody had ordered by the cut, or the test is yet to come."""
        days, day = data.frames[DAYS], cut + dt.timedelta(days=files.VALID_DAYS)
        if day > data.newest or features(days, cut).empty:
            raise NothingToJudge(
                f"{self.name}, cut {cut}: a test there needs an order by then and"
                f" {files.VALID_DAYS} days after it; there are days to {data.newest}. Land more,"
                " or take another cut"
            )
        ground = Ground(days, cut)
        return {"valid": Window(ground, None), "test": Window(ground, day)}

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        """Metrics: steadiness (what decides), ari, silhouette, segments; at the test moved_share.

        steadiness is ari, the adjusted Rand index of each bootstrap, and 0 where `Stability.faults`
        says that these are no segments to work with. Who is in no segment has silhouette 0.
        """
        way, seen = window.ground.chosen(configuration.model)
        if window.day is None:
            return [Judged(self.name, _metrics(seen))]
        week_ago = window.day - files.WEEK
        last, now = (features(window.ground.days, day) for day in (week_ago, window.day))
        before = segmentation.make(way, last, week_ago)
        refit = segmentation.refit(before, way, last, now, window.day)
        told = _metrics(refit.stability) | {"moved_share": refit.moved}
        return [Judged(self.name, told)]

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Held:
        found = self._known(data, as_of)
        way, seen = files.chosen(configuration.model, found, None)
        return self._held(configuration)(segmentation.make(way, found, as_of), seen, None)

    def refit(self, before: Held, data: Data, configuration: Configuration, as_of: dt.date) -> Held:
        last, now = features(data.frames[DAYS], as_of - files.WEEK), self._known(data, as_of)
        way, _ = files.chosen(configuration.model, now, before.segments.groups.count)
        refit = segmentation.refit(before.segments, way, last, now, as_of)
        for reason in refit.reasons:
            logger.warning("segments as of %s will wait for a person: %s", as_of, reason)
        return self._held(configuration)(refit.segments, refit.stability, refit)

    def _known(self, data: Data, as_of: dt.date) -> pd.DataFrame:
        found = features(data.frames[DAYS], as_of)
        if found.empty:
            raise NothingToJudge(
                f"{self.name}: no account has an order in the 52 weeks to {as_of}: take another"
                " date, or land more days"
            )
        return found

    def _held(self, configuration: Configuration) -> type[Held]:
        return self.model(configuration.model)

    def changes(self, before: Held | None, after: Held, data: Data, as_of: dt.date) -> Changes:
        now = features(data.frames[DAYS], as_of)
        champion = before.segments if before else None
        return segmentation.changes(champion, after.segments, now, after.stability)

    def predict(self, model: Held, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        """Every account with an order in the 52 weeks; week_before_id: by these segments too."""
        days = data.frames[DAYS]
        now = model.segments.assign(features(days, as_of))
        last = model.segments.assign(features(days, as_of - files.WEEK))["segment_id"]
        texts = {code: names().text(code) for code in now["segment_code"].dropna().unique()}
        words = {
            f"segment_name{end}": now["segment_code"].map(
                {code: getattr(text, language) for code, text in texts.items()}
            )
            for end, language in (("", "en"), ("_zh", "zh"))
        }
        found = now.assign(**words, week_before_id=last.reindex(now.index))
        return found.rename_axis("account_id").reset_index()


def _metrics(seen: Stability) -> dict[str, pd.Series]:
    ari: Any = pd.Series(seen.ari)
    return {
        "steadiness": ari * (not seen.faults),
        "ari": ari,
        "silhouette": pd.Series(np.nan_to_num(seen.silhouettes, nan=0.0)),
        "segments": pd.Series([float(seen.count)]),
    }


FAMILY = SegmentsFamily()
