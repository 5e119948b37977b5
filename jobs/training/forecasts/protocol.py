"""How forecasts are judged: four weeks ahead of several origins, beside a seasonal naive.

An origin is the last day that a model may see. The test split has two origins, the cut and the last
one whose four weeks are complete; the valid split has the two at eight and four weeks before the
cut, so that what it asks for ends where the test begins. Intervals come from what the same
configuration missed at older origins only (conformal.py).

Which departments are large enough to be forecast is chosen anew at every origin, from the steps
that had ended there. A series is read as it was known at the origin's closing: a line that came
late or was corrected changes the step of its own day at later origins only. Answers are judged by
what is believed today.
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from jobs.training.data import as_it_stood, believed, known, read
from jobs.training.family import (
    FAILED_SHARE,
    Configuration,
    Data,
    Judged,
    NothingToJudge,
    Split,
    TooManyFailed,
)
from jobs.training.forecasts import accuracy, backtest, models
from jobs.training.forecasts.backtest import Answers, Past
from jobs.training.forecasts.forecaster import regular, steps_after, up_to_date

logger = logging.getLogger(__name__)

WEEK = dt.timedelta(weeks=1)
WEEKS_JUDGED = 4  # weeks ahead of an origin
VALID_WEEKS = (-8, -4)  # origins of the valid split, in weeks from the cut
FEWEST_WEEKS = 16  # of history before an origin, for anything to be learnt
SMALLEST_SHARE = 0.003  # of all sales; a department below it is not forecast


@dataclass(frozen=True)
class Grain:
    """What a step is, and where its series are."""

    name: Literal["week", "day"]  # also the bench's task
    days: int  # of a step
    season: int  # steps until the pattern returns; a year of weeks shows none twice
    horizon: int  # steps ahead
    test_weeks: tuple[int, ...]  # origins of the test split, in weeks from the cut
    table: str
    series: (
        str  # SQL: series_id, ds, y, known_ahead, known_date, superseded_date; weeks: is_complete
    )
    calendar: str  # SQL: ds, known_ahead
    known_ahead: str  # covariate known in advance


WEEKLY = Grain(
    name="week",
    days=7,
    season=1,
    horizon=4,
    test_weeks=(0, 3),
    table="features.sales_weekly",
    series="select series_id, week_start_date as ds, known_date, superseded_date, sales_usd as y,"
    " cast(holiday_days as double) as holiday_days, is_complete from t",
    calendar="select week_start_date as ds, cast(sum(cast(is_holiday as int)) as double)"
    " as holiday_days from t group by week_start_date",
    known_ahead="holiday_days",
)
DAILY = Grain(
    name="day",
    days=1,
    season=7,
    horizon=28,
    test_weeks=(0, 4),
    table="features.sales_daily_series",
    series="select series_id, business_date as ds, known_date, superseded_date, sales_usd as y,"
    " cast(is_holiday as double) as is_holiday from t",
    calendar="select calendar_date as ds, cast(is_holiday as double) as is_holiday from t",
    known_ahead="is_holiday",
)


@dataclass(frozen=True)
class Window:
    """The series, and the origins that a split judges."""

    series: pd.DataFrame
    origins: tuple[dt.date, ...]


def until(series: pd.DataFrame, grain: Grain, origin: dt.date) -> pd.DataFrame:
    """Steps that have ended by the origin's evening, as they were known by its closing."""
    ended = series["ds"] + pd.Timedelta(days=grain.days - 1)
    return known(series[ended <= pd.Timestamp(origin)], origin)


def in_whole_weeks(days: pd.DataFrame) -> pd.Series:
    """True for days of weeks of which each day has sales, as far as is believed."""
    sales = believed(days).groupby("ds")["y"].sum()
    sold = sales.index[sales > 0].to_series()
    count = sold.groupby(_monday(sold)).size()
    return _monday(days["ds"]).isin(count.index[count == WEEK.days])


def _monday(days: pd.Series) -> pd.Series:
    return days - pd.to_timedelta(days.dt.weekday, unit="D")


def of_some_size(series: pd.DataFrame) -> pd.DataFrame:
    """The departments that make at least SMALLEST_SHARE of all sales."""
    totals = series.groupby("series_id")["y"].sum()
    return series[series["series_id"].isin(totals.index[totals >= SMALLEST_SHARE * totals.sum()])]


def history(series: pd.DataFrame, grain: Grain, origin: dt.date) -> pd.DataFrame:
    """Regular series as a model may learn them at an origin; what came after does not choose them.

    A department that sold nothing lately goes on at its last value.
    """
    ended = of_some_size(until(series, grain, origin))
    return regular(up_to_date(ended[["series_id", "ds", "y", grain.known_ahead]]))


def future(history: pd.DataFrame, horizon: int, known_ahead: pd.DataFrame) -> pd.DataFrame:
    """The next steps of every series of a history, with what is known of them: 0 if nothing."""
    return steps_after(history, horizon).merge(known_ahead, how="left", on="ds").fillna(0.0)


class Forecasts:
    """The family of one grain."""

    entity = "sales_forecasts"
    valid_days = 7

    def __init__(self, name: str, grain: Grain) -> None:
        self.name = name
        self.grain = grain
        self.tables = (grain.table, "silver.calendar")
        self.tasks = (grain.name,)

    def model(self, name: str) -> type[Any]:
        return models.model(name)

    @property
    def baseline(self) -> Configuration:
        return self._configuration("seasonal_naive")

    def _configuration(self, model: str, **params: Any) -> Configuration:
        return Configuration(model, self.model(model).Params(season=self.grain.season, **params))

    def configurations(self) -> Sequence[Configuration]:
        return models.configurations(self.grain.season, self.grain.horizon)

    def data(self, as_of: dt.date | None) -> Data:
        series, features = read(self.grain.table, self.grain.series)
        calendar, of_calendar = read("silver.calendar", self.grain.calendar)
        if as_of:
            series = as_it_stood(series[series["ds"] <= pd.Timestamp(as_of)], as_of)
        if self.grain.name == "day":
            series = series.assign(is_complete=in_whole_weeks(series))
        if series.empty or not series["is_complete"].any():
            raise NothingToJudge(
                f"{self.grain.table} version {features.version} has no complete week up to {as_of};"
                " build it first, or take a later date"
            )
        # a week with a closed day is not complete, yet its days count, as those of a running week
        complete = series["is_complete"]
        whole = complete if self.grain.name == "week" else series["ds"] >= series.ds[complete].min()
        series = series[whole]
        series = series.assign(series_id=series["series_id"].astype(str))
        newest = believed(series)["ds"].max() + pd.Timedelta(days=self.grain.days - 1)
        frames = {"series": series, "calendar": calendar}
        return Data(frames, (features, of_calendar), newest.date())

    def cut(self, data: Data) -> dt.date:
        """The test's last origin has four complete weeks after it, the newest ones."""
        series = data.frames["series"]
        complete = series.loc[series["is_complete"], "ds"].max()
        end = (complete + pd.Timedelta(days=self.grain.days - 1)).date()
        found: dt.date = end - (WEEKS_JUDGED + max(self.grain.test_weeks)) * WEEK
        return found

    def windows(self, data: Data, cut: dt.date) -> Mapping[Split, Window]:
        """Raises NothingToJudge where a split has no origin with history before and truth after."""
        splits: dict[Split, tuple[int, ...]] = {"valid": VALID_WEEKS, "test": self.grain.test_weeks}
        series = data.frames["series"]
        first = series["ds"].min().date() + FEWEST_WEEKS * WEEK
        last = data.newest - WEEKS_JUDGED * WEEK
        found: dict[Split, Window] = {}
        for split, weeks in splits.items():
            origins = tuple(cut + week * WEEK for week in weeks)
            fitting = tuple(o for o in origins if first <= o <= last)
            if not fitting:
                raise NothingToJudge(
                    f"{self.name}, {split} split: origins {_told(origins)} do not lie between"
                    f" {first} and {last}; land more history, or take another cut"
                )
            logger.info("%s, %s split: origins %s", self.name, split, _told(fitting))
            found[split] = Window(series, fitting)
        return found

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        rows = []
        for origin in window.origins:
            answered, by = self.answers(window.series, configuration, origin)
            told = backtest.intervals(answered, by)
            told = told.merge(believed(window.series)[[*backtest.KEYS, "y"]], on=backtest.KEYS)
            rows.append(told.assign(origin=origin))
        values = accuracy.per_series(pd.concat(rows, ignore_index=True))
        return [Judged(self.grain.name, values, answered.device, answered.curves)]

    def answers(
        self, series: pd.DataFrame, configuration: Configuration, origin: dt.date
    ) -> tuple[Answers, np.ndarray]:
        """Answers at an origin, and the margins of their intervals."""
        at = self._known_at(series, origin)
        return (
            backtest.answers(configuration, at.history, at.future),
            self.margins(series, configuration, origin),
        )

    def margins(
        self, series: pd.DataFrame, configuration: Configuration, origin: dt.date
    ) -> np.ndarray:
        """From the origins before this one whose weeks had ended by then."""
        sold = until(series, self.grain, origin)
        first = series["ds"].min().date() + FEWEST_WEEKS * WEEK
        ends = [origin - (i + 1) * WEEKS_JUDGED * WEEK for i in range(backtest.PAST_ORIGINS)]
        past = [replace(self._known_at(series, o), sold=sold) for o in ends if o >= first]
        seen = history(series, self.grain, origin)
        return backtest.margins(configuration, past, seen, self.grain.horizon)

    def _known_at(self, series: pd.DataFrame, origin: dt.date) -> Past:
        seen = history(series, self.grain, origin)
        known_ahead = series[["ds", self.grain.known_ahead]].drop_duplicates("ds")
        asked = future(seen, self.grain.horizon, known_ahead)
        return Past(seen, asked, seen.head(0)[[*backtest.KEYS, "y"]])

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        stood = as_it_stood(data.frames["series"], as_of)
        seen = history(stood, self.grain, as_of)
        model = self.model(configuration.model)(configuration.params).fit(seen)
        end = (seen["ds"].max() + pd.Timedelta(days=self.grain.days - 1)).date()
        model.margins = self.margins(stood, configuration, end)
        return model

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        horizon = size or self.grain.horizon
        seen = history(data.frames["series"], self.grain, as_of)
        model.observe(seen)
        found = model.predict(horizon, future(seen, horizon, data.frames["calendar"]))
        fallen_back(model)
        found.insert(2, "horizon", found.groupby("series_id").cumcount().astype("int32") + 1)
        return found.assign(ds=found["ds"].dt.date, grain=self.grain.name)


def fallen_back(model: Any) -> None:
    """A series that the model failed at has its plain quantiles; too many are no answer.

    Raises:
        TooManyFailed: more than FAILED_SHARE of the series.
    """
    failed = [f"{s}: {why}" for s, why in model.fallbacks.items() if why.startswith("failed")]
    count = model.history["series_id"].nunique()
    if len(failed) > FAILED_SHARE * count:
        raise TooManyFailed(
            f"{model.name} failed at {len(failed)} of {count} series, more than"
            f" {FAILED_SHARE:.0%}: {'; '.join(failed[:3])}"
        )


def _told(origins: Sequence[dt.date]) -> str:
    return ", ".join(o.isoformat() for o in origins)


FAMILY = Forecasts("forecasts", WEEKLY)
