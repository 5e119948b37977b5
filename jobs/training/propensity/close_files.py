"""When opportunities will close: two models, judged beside what the salesperson expects.

`stage` is a life table by stage, the baseline; `hazard` looks at all that is known. `as_told` is
the expected close of the file, which has no interval. Both models learn from snapshots four weeks
apart up to the origin; what had not closed by it counts as far as it was seen. The choice rests on
the log loss of the window before the origin, which is right of those too that are still open.

OUT/closes.parquet             opportunity_id, origin, model, close_days, close_days_lo,
                               close_days_hi (days after the origin, the middle one and 80%),
                               close_date, champion
OUT/close_leaderboard.parquet  as jobs/training/board.py says: close_log_loss; and where at most a
                               twentieth is open at the file's end close_error_days, close_coverage,
                               close_width_days
"""

import datetime as dt
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.training import board, tracking
from jobs.training.board import Scored
from jobs.training.family import Split
from jobs.training.propensity import closing
from jobs.training.propensity.closing import Closing
from jobs.training.propensity.task import NothingToAsk
from jobs.training.propensity.win import Win, closing_days

BASELINE, TOLD = "stage", "as_told"
MODELS: dict[str, tuple[str, ...]] = {BASELINE: ("stage_place",), "hazard": ()}
DECIDES = "close_log_loss"
MOST_OPEN = 0.05  # of those judged by days: beyond it the late ones are missing, and days look few
CLOSES: list[tuple[str, pa.DataType]] = [
    ("opportunity_id", pa.string()),
    ("origin", pa.date32()),
    ("model", pa.string()),
    ("close_days", pa.int32()),  # after the origin, won or lost: as many close before as after
    ("close_days_lo", pa.int32()),  # one in ten closes before
    ("close_days_hi", pa.int32()),  # one in ten closes after; 728: then or later
    ("close_date", pa.date32()),  # the origin and close_days
    ("champion", pa.bool_()),
]


def fitted(of: Win, model: str, origin: dt.date) -> Closing:
    """A model that knows what was known on the evening of an origin."""
    features, known = [], []
    for snapshot in of.snapshots(origin - dt.timedelta(days=1)):
        places, rows = of.open(snapshot)
        features.append(rows.features)
        known.append(closing_days(of.of, places, snapshot, origin))
    seen = pd.concat(known, ignore_index=True)
    days, is_closed = (seen[name].to_numpy() for name in ("days", "is_closed"))
    return Closing(MODELS[model]).fit(pd.concat(features, ignore_index=True), days, is_closed)


def bench(of: Win, origins: Sequence[dt.date]) -> dict[str, pa.Table]:
    """Ask both models at every origin; both files by name."""
    scored: list[Scored] = []
    told: list[pd.DataFrame] = []
    for origin in origins:
        earlier = _earlier(of, origin)
        for model in MODELS:
            if earlier:
                scored += _judged(of, model, earlier, origin, "valid", str(origin))[1]
            answers, found = _judged(of, model, origin, of.of.newest, "test", str(origin))
            told.append(answers)
            scored += found
        scored += _as_told(of, origin)
    best = board.best(scored, str(origins[0]), DECIDES, higher_is_better=False) or BASELINE
    rows = pd.concat(told, ignore_index=True)
    rows["champion"] = rows["model"] == best
    rows = rows.sort_values(["origin", "model", "opportunity_id"], ignore_index=True)
    kept: pa.Table = pa.Table.from_pandas(rows, pa.schema(CLOSES), preserve_index=False)
    places: list[str | int] = [str(origin) for origin in origins]
    table = board.table(scored, "origin", BASELINE, dict.fromkeys(places, best))
    return {"closes.parquet": kept, "close_leaderboard.parquet": table}


def _earlier(of: Win, origin: dt.date) -> dt.date | None:
    """The origin of the window that ends with this one; null: too little had happened by it."""
    found = of.before(origin)
    try:
        if found:
            of.examples(found)
            of.asked(found)
    except NothingToAsk:
        return None
    return found


def _judged(
    of: Win, model: str, origin: dt.date, by: dt.date, window: Split, place: str
) -> tuple[pd.DataFrame, list[Scored]]:
    """What a model says at an origin, and how that was, as far as is known on another day."""
    with tracking.PeakMemory() as memory:
        started = time.perf_counter()
        places, rows = of.open(origin)
        hazards = fitted(of, model, origin).hazards(rows.features)
        told = closing.quantiles(hazards)
        seconds = time.perf_counter() - started
    answers = told.assign(opportunity_id=of.of.ids[places], origin=origin, model=model)
    answers["close_date"] = pd.Timestamp(origin) + pd.to_timedelta(told["close_days"], unit="D")
    if by <= origin:
        return answers, []
    seen = closing_days(of.of, places, origin, by)
    days, is_closed = seen["days"].to_numpy(), seen["is_closed"].to_numpy()
    values = {DECIDES: pd.Series(closing.log_loss(hazards, days, is_closed))}
    if window == "test" and is_closed.mean() >= 1 - MOST_OPEN:
        inside = told["close_days_lo"].le(days) & told["close_days_hi"].ge(days)
        values |= {
            "close_error_days": (told["close_days"] - days).abs().where(is_closed),
            "close_coverage": inside.astype(float).where(is_closed),
            "close_width_days": (told["close_days_hi"] - told["close_days_lo"]).astype(float),
        }
    cost = (seconds, memory.mib)
    return answers, [
        Scored(model, place, window, metric, each, False, *cost) for metric, each in values.items()
    ]


def _as_told(of: Win, origin: dt.date) -> list[Scored]:
    """How far off the salesperson's expected close was, where days are judged."""
    places, rows = of.open(origin)
    if "close_in_days" not in rows.features or of.of.newest <= origin:
        return []
    seen = closing_days(of.of, places, origin, of.of.newest)
    is_closed, known = seen["is_closed"], rows.features["close_is_known"].to_numpy() > 0
    if is_closed.mean() < 1 - MOST_OPEN or not known.any():
        return []
    ahead = np.maximum(rows.features["close_in_days"].to_numpy(), 1)  # overdue: tomorrow
    off = (pd.Series(ahead) - seen["days"]).abs().where(is_closed & known)
    return [Scored(TOLD, str(origin), "test", "close_error_days", off, False, 0.0, 0.0)]
