"""What returns in every series: its place in the season, day in the month, holidays, covariates.

People are paid, and get their benefits, on days of the month, and shop for holidays that a season
of weeks does not hold. A dynamic regression (Hyndman, Athanasopoulos: Forecasting: Principles and
Practice, 3rd edition, 10.5) says by how much: two harmonics of the day in the month, and whether a
large holiday is near, both averaged over the days of a step, and covariates known in advance.
Differs in that all series share its coefficients and each moves away from them as far as its own
history says (ridge), and that groups of columns are left out, or pulled to 0, as far as they do not
foretell the months that they were not learnt from (leave-one-month-out). Chosen on the weekly
origins of docs/models.md before 36.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import holidays
import numpy as np
import pandas as pd
from dateutil.easter import easter

from jobs.training.forecasts.forecaster import step_of

COUNTRY = "US"
# holidays that customers prepare for; and Easter Sunday, which is no public one
LARGE = (
    *("New Year's Day", "Memorial Day", "Independence Day", "Labor Day", "Thanksgiving Day"),
    "Christmas Day",
)
NEAR = 5  # days up to a holiday, itself included, that are near
HARMONICS = 2
AROUND = 9  # seasons of the centred mean that a pattern is measured from
SHARED_RIDGE = 5.0  # pull of the shared coefficients to 0, in squared scales
OWN_RIDGE = 20.0  # pull of a series' own ones to the shared
ALL_WEIGH = 4.0  # as much as a series' own months in what share of its coefficients it keeps
FEWEST_MONTHS = 3
EPOCH = pd.Timestamp("2000-01-03")  # a Monday: places in the season are counted from it


@dataclass(frozen=True)
class Pattern:
    """Letters: series S, place in the season M, columns C, rows N."""

    step: pd.Timedelta
    covariates: pd.Series  # name → what makes its spread 1
    by_place: pd.DataFrame  # (S, M) in y's unit
    by_column: pd.DataFrame  # (S, C) in y's unit

    def of(self, rows: pd.DataFrame) -> np.ndarray:
        """The pattern's part of rows (series_id, ds, covariates), in y's unit. (N,)"""
        season = len(self.by_place.columns)
        at = self.by_place.index.get_indexer(pd.Index(rows["series_id"]))
        found = self.by_place.to_numpy()[at, place(rows["ds"], self.step, season)]
        told = columns(rows, self.step, self.covariates)
        total: np.ndarray = found + (self.by_column.to_numpy()[at] * told).sum(axis=1)
        return total


def place(ds: pd.Series, step: pd.Timedelta, season: int) -> np.ndarray:
    """Place in the season, 0..season - 1."""
    steps: np.ndarray = ((ds - EPOCH) // step).to_numpy() % season
    return steps


def columns(rows: pd.DataFrame, step: pd.Timedelta, covariates: pd.Series) -> np.ndarray:
    """Harmonics of the month, nearness of a holiday, covariates. (N, C)"""
    unique, back = np.unique(rows["ds"].to_numpy(), return_inverse=True)
    days = [pd.DatetimeIndex(unique) + pd.Timedelta(days=d) for d in range(max(step.days, 1))]
    turn = np.stack([2 * np.pi * (d.day - 1) / d.days_in_month for d in days])  # (days, U)
    waves = [f(k * turn).mean(axis=0) for k in range(1, HARMONICS + 1) for f in (np.cos, np.sin)]
    near = near_holidays(unique[0], unique[-1] + step)
    waves.append(2 * np.stack([d.isin(near) for d in days]).mean(axis=0))
    told = rows[list(covariates.index)].to_numpy(float) / covariates.to_numpy()
    return np.column_stack([np.stack(waves, axis=1)[back], told])


def near_holidays(first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Days up to NEAR before a large holiday, and the holiday."""
    years = range(pd.Timestamp(first).year, pd.Timestamp(last).year + 2)
    named = holidays.country_holidays(COUNTRY, years=years, observed=False)
    large = [day for day, name in named.items() if name in LARGE] + [easter(y) for y in years]
    found = [pd.Timestamp(day) - pd.Timedelta(days=d) for day in large for d in range(NEAR)]
    return pd.DatetimeIndex(found)


def learn(
    history: pd.DataFrame, scale: pd.Series, season: int, covariates: Sequence[str] = ()
) -> Pattern:
    """From regular series (series_id, ds, y, covariates), sorted; scale: of each, above 0."""
    step = step_of(history)
    ids = pd.Index(sorted(set(history["series_id"])), name="series_id")
    unit = scale.reindex(ids).to_numpy()
    series = ids.get_indexer(pd.Index(history["series_id"]))
    spread = history[list(covariates)].std().replace(0.0, 1.0).fillna(1.0)
    told = columns(history, step, spread)
    scaled = history["y"].to_numpy() / unit[series]
    rest = around_mean(np.column_stack([scaled, told]), series, AROUND * season)
    at, shape = place(history["ds"], step, season), (len(ids), season)
    by_place = _by_place(rest[:, 0], series, at, shape)
    for column in rest.T:  # of the columns only what the season does not say
        column -= _by_place(column, series, at, shape)[series, at]
    month = history["ds"].dt.to_period("M").factorize()[0]
    waves = 2 * HARMONICS
    groups = [range(waves), range(waves, waves + 1), range(waves + 1, told.shape[1])]
    by_column = _by_column(rest[:, 1:], rest[:, 0], series, month, groups)
    return Pattern(
        step,
        spread,
        pd.DataFrame(by_place * unit[:, None], index=ids),
        pd.DataFrame(by_column * unit[:, None], index=ids),
    )


def around_mean(values: np.ndarray, series: np.ndarray, width: int) -> np.ndarray:
    """Values (N, K) less the centred mean of `width` rows of the same series, fewer at its ends."""
    found = np.empty_like(values)
    half = width // 2
    for one in range(series.max() + 1):
        mine = values[series == one]
        sums = np.concatenate([np.zeros((1, values.shape[1])), mine.cumsum(axis=0)])
        low = np.maximum(np.arange(len(mine)) - half, 0)
        high = np.minimum(np.arange(len(mine)) + half + 1, len(mine))
        found[series == one] = mine - (sums[high] - sums[low]) / (high - low)[:, None]
    return found


def _by_place(
    rest: np.ndarray, series: np.ndarray, at: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Mean per series and place, 0 over a season. (S, M)"""
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (series, at), rest)
    np.add.at(count, (series, at), 1)
    mean = total / np.maximum(count, 1)
    found: np.ndarray = mean - mean.mean(axis=1, keepdims=True)
    return found


def _by_column(
    told: np.ndarray,
    rest: np.ndarray,
    series: np.ndarray,
    month: np.ndarray,
    groups: Sequence[Sequence[int]],
) -> np.ndarray:
    """Coefficients (S, C) that foretell months which they were not learnt from; 0 if none do."""
    count, width, months = int(series.max()) + 1, told.shape[1], int(month.max()) + 1
    found, gain = np.zeros((count, width)), 0.0
    if months < FEWEST_MONTHS:
        return found
    squares = np.zeros((count, months, width, width))
    products = np.zeros((count, months, width))
    np.add.at(squares, (series, month), told[:, :, None] * told[:, None, :])
    np.add.at(products, (series, month), told * rest[:, None])
    some = chain.from_iterable(combinations(groups, n + 1) for n in range(len(groups)))
    for tried in {tuple(chain.from_iterable(one)) for one in some}:
        used = list(tried)
        q, p = squares[:, :, used][:, :, :, used], products[:, :, used]
        bent, agreed = _left_out(q, p)
        gains = [_gain(*of_one) for of_one in zip(bent, agreed, strict=True)]
        best = int(np.argmax(gains))
        if gains[best] > gain:
            gain, found = gains[best], np.zeros((count, width))
            full = _coefficients(q.sum(axis=1), p.sum(axis=1))[best]
            found[:, used] = _shares(bent[best], agreed[best])[:, None] * full
    return found


def _gain(bent: np.ndarray, agreed: np.ndarray) -> float:
    """By how much one best share of all series lowers the squared error of left out months."""
    share = np.clip(agreed.sum() / max(bent.sum(), 1e-12), 0, 1)
    return float(2 * share * agreed.sum() - share**2 * bent.sum())


def _shares(bent: np.ndarray, agreed: np.ndarray) -> np.ndarray:
    """Share of its coefficients that each series keeps: what fits left out months best. (S,)"""
    bent, agreed = bent + ALL_WEIGH * bent.mean(), agreed + ALL_WEIGH * agreed.mean()
    found: np.ndarray = np.clip(agreed / np.maximum(bent, 1e-12), 0, 1)
    return found


def _left_out(squares: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """b'Qb and b'p over months that b was not learnt from; shared b, and own b too. (2, S) each

    squares (S, months, C, C), products (S, months, C).
    """
    bent, agreed = np.zeros((2, len(squares))), np.zeros((2, len(squares)))
    for left in range(squares.shape[1]):
        other = np.arange(squares.shape[1]) != left
        found = _coefficients(squares[:, other].sum(axis=1), products[:, other].sum(axis=1))
        for n, b in enumerate(found):
            bent[n] += np.einsum("sc,scd,sd->s", b, squares[:, left], b)
            agreed[n] += (b * products[:, left]).sum(axis=1)
    return bent, agreed


def _coefficients(squares: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shared by all series, and shared and own. (S, C) each"""
    eye = np.eye(squares.shape[-1])
    shared = np.linalg.solve(squares.sum(axis=0) + SHARED_RIDGE * eye, products.sum(axis=0))
    left = products - squares @ shared
    own = np.linalg.solve(squares + OWN_RIDGE * eye, left[:, :, None])[:, :, 0]
    return np.tile(shared, (len(squares), 1)), shared + own
