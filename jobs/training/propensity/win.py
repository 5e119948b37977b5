"""win: an open opportunity will have been won by the end of a horizon.

Within a horizon, and not ever: such chances times amounts add up to what the days ahead will bring,
which is what a sales manager answers for, and every snapshot's label is known once its horizon has
ended. Ever is known only of those that have ended, and the quick ones end first: learnt from them,
chances of the others come out wrong. When an opportunity will close is asked apart (closing.py).

Examples are snapshots of all that were open, four weeks apart, whose horizon had ended; one that
was still open then was not won, so that none is left out for not having ended.
"""

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from jobs.training.propensity import enough
from jobs.training.propensity.calibration import SPREAD
from jobs.training.propensity.classifier import Examples, Rows, together
from jobs.training.propensity.pipeline import STATUS, Pipeline
from jobs.training.propensity.task import Asked, NothingToAsk
from jobs.training.propensity.win_features import features

STEP = dt.timedelta(days=28)  # between snapshots that are learnt from: near ones say the same
LOOK_BACK_DAYS = 730  # of snapshots: selling changes
HISTORY_DAYS = 91  # before the first snapshot; half of all where there is less
MOST_EXAMPLES = 120_000  # beyond it snapshots are taken less often

Known = tuple[np.ndarray, Rows]  # places of opportunities, and what is known of them


@dataclass
class Win:
    """Of a pipeline."""

    of: Pipeline
    horizon_days: int
    name: str = "win"
    subject: str = "opportunity_id"
    without: tuple[str, ...] = ("sequence",)  # nothing is told by week
    baseline: str = "stage_won_share"
    spread: float = SPREAD
    seen: dict[dt.date, Known] = field(default_factory=dict)

    @property
    def _horizon(self) -> dt.timedelta:
        return dt.timedelta(days=self.horizon_days)

    def asked(self, origin: dt.date) -> Asked:
        if self.of.newest <= origin - self._horizon:
            raise NothingToAsk(
                f"{origin}: the newest change of the file is of {self.of.newest}, so all look left"
                f" lying; take {self.of.newest}"
            )
        places, rows = self.open(origin)
        if not len(places):
            raise NothingToAsk(
                f"{origin}: no opportunity is open; take an origin between {self.of.first} and"
                f" {self.of.newest}"
            )
        is_over = self.of.newest >= origin + self._horizon
        label = self._label(places, origin) if is_over else None
        return Asked(self.of.ids[places], rows, label)

    def open(self, origin: dt.date) -> Known:
        """Those that are open on the evening of an origin, in the order of their ids."""
        if origin not in self.seen:
            self.seen[origin] = features(self.of, origin)
        return self.seen[origin]

    def _label(self, places: np.ndarray, origin: dt.date) -> np.ndarray:
        """1 where it stands as won on the evening on which the horizon ends."""
        later = self.of.standing(origin + self._horizon)
        won = later.loc[later[STATUS] == "won", "opportunity"]
        found: np.ndarray = np.isin(places, won).astype(int)
        return found

    def came(self, asked: Asked, origin: dt.date, by: dt.date) -> np.ndarray | None:
        # what is known of a closing is known on its day
        return asked.label if by >= origin + self._horizon else None

    def examples(self, origin: dt.date) -> Examples:
        """Raises NothingToAsk: too little has happened by the origin; says what is missing."""
        if lacks := enough.missing(self.of, origin, self.horizon_days):
            raise NothingToAsk(
                f"{origin}: too little to score opportunities by. Missing: {'; '.join(lacks)}."
                f" Those count that were closed in the {enough.MONTHS} months before and seen open"
                f" for {enough.LEAST_DAYS} days or more; history is to be {enough.HORIZONS} times"
                " the horizon. Until then go by the share that is won from each stage"
            )
        parts = [self._part(one) for one in self.snapshots(origin - self._horizon)]
        kept = [one for one in parts if len(one.rows)]
        if len({label for one in kept for label in np.unique(one.label)}) < 2:
            raise NothingToAsk(
                f"{origin}: of the opportunities that were open {self.horizon_days} days before, or"
                " earlier, all or none were won in as many days; take a later origin or another"
                " horizon"
            )
        return together(kept)

    def _part(self, snapshot: dt.date) -> Examples:
        places, rows = self.open(snapshot)
        return Examples(rows, self._label(places, snapshot), np.ones(len(rows)))

    def snapshots(self, last: dt.date) -> list[dt.date]:
        """Evenings that are learnt from, the newest first."""
        days = (last - self.of.first).days
        start = max(min(HISTORY_DAYS, days // 2), days - LOOK_BACK_DAYS)
        step = STEP * max(
            1, round(self._open_on(last) * (days - start) / STEP.days / MOST_EXAMPLES)
        )
        return [last - n * step for n in range(max(0, (days - start) // step.days + 1))]

    def _open_on(self, day: dt.date) -> int:
        return len(self.open(day)[0])

    def before(self, origin: dt.date) -> dt.date | None:
        at = origin - self._horizon
        return at if at > self.of.first + self._horizon else None


def closing_days(of: Pipeline, places: np.ndarray, origin: dt.date, by: dt.date) -> pd.DataFrame:
    """Of opportunities that were open on an evening: when they were closed, as far as is known.

    Returns:
        days (after the origin, up to the closing or to `by`, 1 or more), is_closed.
    """
    closed = of.closings(origin, by).reindex(places)
    days = (closed.dt.normalize() - pd.Timestamp(origin)).dt.days
    told = {"days": days.fillna((by - origin).days), "is_closed": closed.notna()}
    return pd.DataFrame(told).reset_index(drop=True)
