"""Intervals from what the same procedure missed at past origins: split conformal prediction.

Romano, Patterson, Candès: Conformalized Quantile Regression (arXiv 1905.03222). The miss of an
answer is max(p10 - y, y - p90) / scale of its series, below 0 inside; a model of the middle only
has p10 = p90, and its miss is |y - yhat| / scale. Misses are pooled over series and past origins,
per step ahead; the ceil((n + 1) * .8)-th smallest of n is the margin by which both ends move out
(in, where it is below 0). Differs in that the past origins are not exchangeable with the next one:
that 80% are covered is measured, not proven.
"""

import numpy as np
import pandas as pd

SHARE = 0.8  # of values that lie between p10 and p90
ENDS = ["p10", "p50", "p90"]


def misses(answers: pd.DataFrame) -> pd.Series:
    """Per row of (y, p10, p90, scale): by how many scales y lies outside, below 0 inside.

    Null where the series has no scale (constant, or shorter than a season).
    """
    outside = np.maximum(answers["p10"] - answers["y"], answers["y"] - answers["p90"])
    return (outside / answers["scale"]).replace([np.inf, -np.inf], np.nan)


def margin(missed: pd.Series) -> float:
    """The ceil((n + 1) * .8)-th smallest of n misses; the largest where n is below 4."""
    known = np.sort(missed.dropna().to_numpy())
    place = int(np.ceil((len(known) + 1) * SHARE))
    return float(known[min(place, len(known)) - 1])


def margins(answers: pd.DataFrame, horizon: int) -> np.ndarray:
    """Margin per step ahead, in scales. (T,)

    Args:
        answers: rows (step from 1, y, p10, p90, scale) of past origins whose truth was known.
    """
    missed = misses(answers).groupby(answers["step"])
    found = {step: margin(of_step) for step, of_step in missed if of_step.notna().any()}
    steps = pd.Series(found, dtype=float).reindex(range(1, horizon + 1))
    return steps.ffill().bfill().to_numpy(float)


def moved_out(answer: pd.DataFrame, by: np.ndarray, scale: pd.Series) -> pd.DataFrame:
    """ANSWER rows with both ends moved out by margins (T,) times the series' scale.

    Steps beyond the last margin take the last one; ends never cross the middle.
    """
    answer = answer.copy()
    answer[ENDS] = np.sort(answer[ENDS].to_numpy(float), axis=1)  # learnt quantiles may cross
    if not len(by):
        return answer
    place = answer.groupby("series_id").cumcount().clip(upper=len(by) - 1)
    move = by[place.to_numpy()] * answer["series_id"].map(scale).fillna(0.0).to_numpy()
    return answer.assign(
        p10=np.minimum(answer["p10"] - move, answer["p50"]),
        p90=np.maximum(answer["p90"] + move, answer["p50"]),
    )
