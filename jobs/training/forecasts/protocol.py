"""How forecasts are judged: four weeks ahead of several origins, beside a seasonal naive.

An origin is the last day that a model may see. The test split has two origins, the cut and the last
one whose four weeks are complete; the valid split has the two at eight and four weeks before the
cut, so that what it asks for ends where the test begins. Intervals are calibrated on older origins
only (split conformal; Romano et al., arXiv 1905.03222): both ends move out by what covered 80% of
the values there, in scales of the series. They never move in: under a year of data the past is
calmer than the season ahead, and too narrow an interval costs more than too wide a one.

Which departments are large enough to be forecast is chosen anew at every origin, from the steps
that had ended there. A series is read as it was known at the origin's closing: a line that came
late or was corrected changes the step of its own day at later origins only. Answers are judged by
what is believed today.
"""

import datetime as dt
import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from jobs.training import metrics
from jobs.training.data import as_it_stood, believed, known, read
from jobs.training.family import Configuration, Data, Judged, Split
from jobs.training.forecasts.forecaster import QUANTILES, P, ahead, scales

logger = logging.getLogger(__name__)

WEEK = dt.timedelta(weeks=1)
WEEKS_JUDGED = 4  # weeks ahead of an origin
VALID_WEEKS = (-8, -4)  # origins of the valid split, in weeks from the cut
PAST_ORIGINS = 3  # that an interval is calibrated on, four weeks apart
FEWEST_WEEKS = 16  # of history before an origin, for anything to be learnt
SMALLEST_SHARE = 0.003  # of all sales; a department below it is not forecast

MODELS = {
    "seasonal_naive": "SeasonalNaive",
    "arima": "Arima",
    "seasonal": "Seasonal",
    "lstm": "Lstm",
}


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
class Answers:
    """What a model fitted at an origin says of the weeks after it."""

    rows: pd.DataFrame  # series_id, ds, p10, p50, p90, scale
    device: str
    curves: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Window:
    """The series, and the origins that a split judges."""

    series: pd.DataFrame
    origins: tuple[dt.date, ...]
    seen: dict[tuple[str, dt.date], Answers]  # by configuration and origin; the splits share it


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
    """What a model may learn from at an origin; what came after does not choose its series."""
    return of_some_size(until(series, grain, origin))


def beside(answers: pd.DataFrame, sold: pd.DataFrame) -> pd.DataFrame:
    """Answers with `y`, what was sold; those of steps that have not been are left out."""
    return answers.merge(sold[["series_id", "ds", "y"]], on=["series_id", "ds"])


def widening(answers: pd.DataFrame) -> float:
    """By how many scales both ends of an 80% interval must move out to have covered 80%.

    The ceil((n + 1) * .8)-th smallest of max(p10 - y, y - p90) / scale, at least 0.
    """
    outside = np.maximum(answers["p10"] - answers["y"], answers["y"] - answers["p90"])
    misses = np.sort((outside / answers["scale"]).replace([np.inf, -np.inf], np.nan).dropna())
    place = int(np.ceil((len(misses) + 1) * (QUANTILES[2] - QUANTILES[0])))
    return max(0.0, float(misses[min(place, len(misses)) - 1])) if len(misses) else 0.0


def widened(answers: pd.DataFrame, by: float) -> pd.DataFrame:
    """The intervals as a model with this widening gives them."""
    move = by * answers["scale"]
    return answers.assign(
        p10=(answers["p10"] - move).clip(lower=np.minimum(answers["p10"], 0.0)),
        p90=answers["p90"] + move,
    )


def per_series(answers: pd.DataFrame, before: pd.DataFrame) -> dict[str, pd.Series]:
    """Every metric's mean over a series' origins and steps; `before`: without calibration."""
    actual, scale = answers["y"].to_numpy(), answers["scale"].replace(0.0, np.nan).to_numpy()
    low, high = answers["p10"].to_numpy(), answers["p90"].to_numpy()
    found = {
        "mase": metrics.absolute_scaled_error(actual, answers["p50"].to_numpy(), scale),
        "pinball": metrics.pinball(actual, answers[P].to_numpy(), QUANTILES) / scale,
        "coverage": metrics.covered(actual, low, high),
        "width": (high - low) / scale,
        "coverage_before": metrics.covered(
            actual, before["p10"].to_numpy(), before["p90"].to_numpy()
        ),
    }
    return {
        name: pd.Series(values, answers.index).groupby(answers["series_id"]).mean()
        for name, values in found.items()
    }


def future(model: Any, horizon: int, known_ahead: pd.DataFrame) -> pd.DataFrame:
    """The next steps of every series that a model has, with what is known of them: 0 if nothing."""
    steps = pd.DataFrame({"ds": ahead(model.last, model.step, horizon)})
    steps = steps.merge(known_ahead, how="left", on="ds").fillna(0.0)
    ids = pd.DataFrame({"series_id": sorted(set(model.history["series_id"]))})
    return ids.merge(steps, how="cross")


class Forecasts:
    """The family of one grain."""

    entity = "sales_forecasts"
    valid_days = 7

    def __init__(self, name: str, grain: Grain) -> None:
        self.name = name
        self.grain = grain
        self.tables = (grain.table, "silver.calendar")

    def model(self, name: str) -> type[Any]:
        if name not in MODELS:
            raise KeyError(f"no forecaster {name!r}; there are: {', '.join(MODELS)}")
        module = importlib.import_module(f"jobs.training.forecasts.{name}")
        found: type[Any] = getattr(module, MODELS[name])
        return found

    @property
    def baseline(self) -> Configuration:
        return self._configuration("seasonal_naive")

    def _configuration(self, model: str, **params: Any) -> Configuration:
        return Configuration(model, self.model(model).Params(season=self.grain.season, **params))

    def configurations(self) -> Sequence[Configuration]:
        shared = [
            self.baseline,
            self._configuration("arima"),
            self._configuration("seasonal"),
            self._configuration("seasonal", growth="linear"),
        ]
        if self.grain.name == "week":
            return [*shared, self._configuration("lstm")]
        return [
            *shared,
            self._configuration("seasonal", covariate=self.grain.known_ahead),
            self._configuration("lstm", horizon=28, window=56, level=8, epochs=6, members=2),
        ]

    def data(self, as_of: dt.date | None) -> Data:
        series, features = read(self.grain.table, self.grain.series)
        calendar, of_calendar = read("silver.calendar", self.grain.calendar)
        if as_of:
            series = as_it_stood(series[series["ds"] <= pd.Timestamp(as_of)], as_of)
        if self.grain.name == "day":
            series = series.assign(is_complete=in_whole_weeks(series))
        if series.empty or not series["is_complete"].any():
            raise ValueError(
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
        """Raises ValueError where a split has no origin with a history before and truth after."""
        splits: dict[Split, tuple[int, ...]] = {"valid": VALID_WEEKS, "test": self.grain.test_weeks}
        series = data.frames["series"]
        first = series["ds"].min().date() + FEWEST_WEEKS * WEEK
        last = data.newest - WEEKS_JUDGED * WEEK
        found: dict[Split, Window] = {}
        seen: dict[tuple[str, dt.date], Answers] = {}
        for split, weeks in splits.items():
            origins = tuple(cut + week * WEEK for week in weeks)
            fitting = tuple(o for o in origins if first <= o <= last)
            if not fitting:
                raise ValueError(
                    f"{self.name}, {split} split: origins {_told(origins)} do not lie between"
                    f" {first} and {last}; land more history, or take another cut"
                )
            logger.info("%s, %s split: origins %s", self.name, split, _told(fitting))
            found[split] = Window(series, fitting, seen)
        return found

    def judge(self, window: Window, configuration: Configuration) -> Sequence[Judged]:
        raw, calibrated = [], []
        for origin in window.origins:
            answers = self._answers(window, configuration, origin)
            raw.append(beside(answers.rows, believed(window.series)))
            calibrated.append(widened(raw[-1], self._widening(window, configuration, origin)))
        rows = pd.concat(calibrated, ignore_index=True)
        values = per_series(rows, pd.concat(raw, ignore_index=True))
        return [Judged(self.grain.name, values, answers.device, answers.curves)]

    def _widening(self, window: Window, configuration: Configuration, origin: dt.date) -> float:
        """From the origins before this one whose weeks had ended by then; 0 where there is none."""
        first = window.series["ds"].min().date() + FEWEST_WEEKS * WEEK
        past = [origin - (i + 1) * WEEKS_JUDGED * WEEK for i in range(PAST_ORIGINS)]
        answers = [self._answers(window, configuration, o).rows for o in past if o >= first]
        if not answers:
            logger.warning("%s at %s: no past origin, intervals as they come", self.name, origin)
            return 0.0
        sold = until(window.series, self.grain, origin)
        return widening(beside(pd.concat(answers, ignore_index=True), sold))

    def _answers(self, window: Window, configuration: Configuration, origin: dt.date) -> Answers:
        place = (configuration.id, origin)
        if place not in window.seen:
            seen = history(window.series, self.grain, origin)
            model = self.model(configuration.model)(configuration.params).fit(seen)
            known_ahead = window.series[["ds", self.grain.known_ahead]].drop_duplicates("ds")
            asked = future(model, self.grain.horizon, known_ahead)
            found = model.predict(self.grain.horizon, asked)
            rows = found.assign(scale=found["series_id"].map(scales(seen, self.grain.season)))
            window.seen[place] = Answers(rows, model.device, getattr(model, "curves", {}))
        return window.seen[place]

    def fit(self, data: Data, configuration: Configuration, as_of: dt.date) -> Any:
        ended = until(data.frames["series"], self.grain, as_of)
        model = self.model(configuration.model)(configuration.params).fit(of_some_size(ended))
        end = (ended["ds"].max() + pd.Timedelta(days=self.grain.days - 1)).date()
        stood = as_it_stood(data.frames["series"], as_of)
        model.widening = self._widening(Window(stood, (), {}), configuration, end)
        return model

    def predict(self, model: Any, data: Data, as_of: dt.date, size: int | None) -> pd.DataFrame:
        horizon = size or self.grain.horizon
        model.observe(history(data.frames["series"], self.grain, as_of))
        found = model.predict(horizon, future(model, horizon, data.frames["calendar"]))
        found.insert(2, "horizon", found.groupby("series_id").cumcount().astype("int32") + 1)
        return found.assign(ds=found["ds"].dt.date, grain=self.grain.name)


def _told(origins: Sequence[dt.date]) -> str:
    return ", ".join(o.isoformat() for o in origins)


FAMILY = Forecasts("forecasts", WEEKLY)
