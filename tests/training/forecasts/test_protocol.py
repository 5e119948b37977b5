"""How forecasts are judged: origins, intervals from the past only, numbers worked by hand."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.lake import location
from jobs.table import FOREVER
from jobs.training.family import Data, family
from jobs.training.forecasts.protocol import (
    DAILY,
    WEEKLY,
    Forecasts,
    in_whole_weeks,
    of_some_size,
    until,
)

MONDAYS = pd.date_range("2017-01-02", periods=51, freq="7D")
WEEKS = Forecasts("forecasts", WEEKLY)


def series(weeks: int = 51) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "series_id": name,
                    "ds": MONDAYS[:weeks],
                    "known_date": MONDAYS[:weeks] + pd.Timedelta(days=6),
                    "superseded_date": pd.Timestamp(FOREVER),
                    "y": size * (10 + rng.normal(0, 1, weeks)),
                    "is_complete": True,
                    "holiday_days": 0.0,
                }
            )
            for name, size in (("DELI", 10), ("MEAT", 100))
        ],
        ignore_index=True,
    )


def data(rows: pd.DataFrame) -> Data:
    newest = (rows["ds"].max() + pd.Timedelta(days=6)).date()
    return Data({"series": rows, "calendar": rows.head(0)[["ds", "holiday_days"]]}, (), newest)


def points(origins: tuple[dt.date, ...]) -> list[int]:
    return [int((MONDAYS + pd.Timedelta(days=6) <= pd.Timestamp(o)).sum()) for o in origins]


def test_a_full_year_gives_the_public_origins() -> None:
    found = WEEKS.windows(data(series()), WEEKS.cut(data(series())))
    assert points(found["valid"].origins) == [36, 40]
    assert points(found["test"].origins) == [44, 47]


def test_a_full_year_of_days_gives_the_public_origins() -> None:
    days = pd.date_range("2017-01-02", "2017-12-24")
    rows = pd.DataFrame({"series_id": "DELI", "ds": days, "y": 1.0, "is_complete": True})
    rows = rows.assign(known_date=days, superseded_date=pd.Timestamp(FOREVER))
    found = Forecasts("forecasts_daily", DAILY)
    told = Data({"series": rows}, (), days[-1].date())
    windows = found.windows(told, found.cut(told))
    seen = [(days <= pd.Timestamp(o)).sum() for s in ("valid", "test") for o in windows[s].origins]
    assert seen == [245, 273, 301, 329]


def test_a_shorter_history_has_the_same_distances_from_its_end() -> None:
    told = data(series(47))
    found = WEEKS.windows(told, WEEKS.cut(told))
    assert points(found["valid"].origins + found["test"].origins) == [32, 36, 40, 43]


def test_an_origin_without_its_weeks_is_left_out_and_none_is_an_error() -> None:
    told = data(series(20))
    with pytest.raises(ValueError, match="do not lie between"):
        WEEKS.windows(told, WEEKS.cut(told))


def test_a_week_is_known_on_its_sunday_only() -> None:
    assert len(until(series(), WEEKLY, dt.date(2017, 1, 7))) == 0
    assert len(until(series(), WEEKLY, dt.date(2017, 1, 8))) == 2


def test_small_departments_are_not_forecast() -> None:
    rows = pd.DataFrame({"series_id": ["MEAT", "TOYS"], "y": [1_000.0, 2.9]})
    assert list(of_some_size(rows)["series_id"]) == ["MEAT"]


def test_departments_are_chosen_at_each_origin_by_what_had_been_sold_there() -> None:
    rows = series()
    cut = WEEKS.cut(data(rows))
    began = rows[rows["series_id"] == "DELI"].assign(series_id="TOYS")
    ended = began["ds"] + pd.Timedelta(days=6) <= pd.Timestamp(cut)
    # next to nothing up to the cut, most of all sales after it
    began["y"] = began["y"].where(~ended, 0.01) * np.where(ended, 1, 1_000)
    rows = pd.concat([rows, began], ignore_index=True)
    window = WEEKS.windows(data(rows), cut)["test"]
    told = [
        set(WEEKS.answers(window.series, WEEKS.baseline, o)[0].rows["series_id"])
        for o in window.origins
    ]
    assert told == [{"DELI", "MEAT"}, {"DELI", "MEAT", "TOYS"}]
    fitted = WEEKS.fit(data(rows), WEEKS.baseline, cut)
    assert set(fitted.history["series_id"]) == {"DELI", "MEAT"}
    answer = WEEKS.predict(fitted, data(rows), data(rows).newest, None)
    assert set(answer["series_id"]) == {"DELI", "MEAT", "TOYS"}


def test_the_future_changes_no_answer_before_it() -> None:
    rows = series()
    cut = WEEKS.cut(data(rows))
    changed = rows.copy()
    changed.loc[changed["ds"] > pd.Timestamp(cut), "y"] *= 9
    for split in ("valid", "test"):
        found = []
        for told in (rows, changed):
            window = WEEKS.windows(data(told), cut)[split]
            found.append(WEEKS.answers(window.series, WEEKS.baseline, window.origins[0]))
        pd.testing.assert_frame_equal(found[0][0].rows, found[1][0].rows)
        np.testing.assert_array_equal(found[0][1], found[1][1])


def with_correction(rows: pd.DataFrame, at: dt.date, times: float = 9.0) -> pd.DataFrame:
    """Each week that had ended a week before `at` has another version by its closing."""
    hit = rows["ds"] < pd.Timestamp(at) - pd.Timedelta(days=14)
    after = rows[hit].assign(known_date=pd.Timestamp(at), y=rows["y"] * times)
    end = pd.Timestamp(at).as_unit("s")
    return pd.concat([rows.assign(superseded_date=rows["superseded_date"].where(~hit, end)), after])


def test_a_correction_known_after_an_origin_changes_no_answer_of_it() -> None:
    rows = series()
    cut = WEEKS.cut(data(rows))
    found = {}
    for name, told in {
        "as it was": rows,
        "corrected the day after": with_correction(rows, cut + dt.timedelta(days=1)),
        "corrected on the day": with_correction(rows, cut),
    }.items():
        window = WEEKS.windows(data(told), cut)["test"]
        model = WEEKS.fit(data(told), WEEKS.baseline, cut)
        answer = WEEKS.answers(window.series, WEEKS.baseline, cut)[0].rows
        found[name] = (answer[["p50", "scale"]].to_numpy(), model.margins)
    was, after, on_it = found.values()
    np.testing.assert_array_equal(was[0], after[0])
    np.testing.assert_array_equal(was[1], after[1])
    assert not np.array_equal(was[0], on_it[0])
    assert not np.array_equal(was[1], on_it[1])


def test_a_version_that_is_believed_no_more_is_not_judged_by() -> None:
    rows = series()
    cut = WEEKS.cut(data(rows))
    last_origin = pd.Timestamp(cut) + pd.Timedelta(weeks=3)
    after = (rows["ds"] > last_origin) & (rows["series_id"] == "MEAT")
    end = pd.Timestamp("2018-01-31")
    wrong = rows[after].assign(y=1e6, superseded_date=end.as_unit("s"))
    right = rows.assign(known_date=rows["known_date"].where(~after, end))
    found = []
    for told in (rows, pd.concat([right, wrong])):
        window = WEEKS.windows(data(told), cut)["test"]
        found.append(pd.DataFrame(dict(WEEKS.judge(window, WEEKS.baseline)[0].per_subject)))
    pd.testing.assert_series_equal(found[0]["mase"], found[1]["mase"])


def test_days_of_whole_weeks_are_those_of_which_each_has_sales() -> None:
    days = pd.date_range("2017-01-02", "2017-01-22")
    rows = pd.DataFrame({"ds": days, "y": 1.0, "superseded_date": pd.Timestamp(FOREVER)})
    rows.loc[8, "y"] = 0.0  # closed
    assert list(days[in_whole_weeks(rows)]) == [*days[:7], *days[14:]]


def test_intervals_are_calibrated_on_weeks_that_had_ended() -> None:
    """What was sold after the origin changes neither answers nor margins; what was before does."""
    rows, cut = series(), WEEKS.cut(data(series()))
    found = []
    for changed in (
        rows["ds"] < MONDAYS[0],
        rows["ds"] > pd.Timestamp(cut),
        rows["ds"] < "2017-09",
    ):
        told = rows.assign(y=rows["y"].where(~changed, rows["y"] * 2))
        found.append(WEEKS.margins(told, WEEKS.baseline, cut))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_the_baseline_is_judged_by_the_last_week_before_an_origin() -> None:
    rows = series()
    window = WEEKS.windows(data(rows), WEEKS.cut(data(rows)))["valid"]
    found = WEEKS.judge(window, WEEKS.baseline)[0]
    y = rows.loc[rows["series_id"] == "MEAT", "y"].to_numpy()
    by_hand = np.mean(
        [np.abs(y[o : o + 4] - y[o - 1]).mean() / np.abs(np.diff(y[:o])).mean() for o in (36, 40)]
    )
    assert found.task == "week"
    assert found.per_subject["mase"]["MEAT"] == pytest.approx(by_hand)


def test_rows_in_no_order_are_judged_alike() -> None:
    rows = series()
    shuffled = rows.sample(frac=1, random_state=4, ignore_index=True)
    found = []
    for told in (data(rows), data(shuffled)):
        window = WEEKS.windows(told, WEEKS.cut(told))["test"]
        found.append(pd.DataFrame(dict(WEEKS.judge(window, WEEKS.baseline)[0].per_subject)))
    pd.testing.assert_frame_equal(*found)


def test_the_next_weeks_are_forecast_from_tables(state: Path) -> None:
    rows = series()
    weekly = pa.table(
        {
            "series_id": pa.array(rows["series_id"].astype(str)),
            "week_start_date": pa.array(rows["ds"].dt.date),
            "known_date": pa.array(rows["known_date"].dt.date),
            "superseded_date": pa.array([FOREVER] * len(rows)),
            "sales_usd": rows["y"],
            "holiday_days": pa.array(rows["holiday_days"].astype("int32")),
            # the last week is still running
            "is_complete": rows["ds"] < MONDAYS[-1],
        }
    )
    days = pd.date_range("2017-01-02", "2018-03-01")
    calendar = pa.table(
        {
            "calendar_date": pa.array(days.date),
            "week_start_date": pa.array((days - pd.to_timedelta(days.dayofweek, unit="D")).date),
            "is_holiday": [False] * len(days),
        }
    )
    write_deltalake(location("features.sales_weekly"), weekly)
    write_deltalake(location("silver.calendar"), calendar)
    of = family("forecasts")
    read = of.data(None)
    assert read.newest == dt.date(2017, 12, 17)
    assert tuple(dataset.table for dataset in read.datasets) == of.tables
    model = of.fit(read, of.baseline, read.newest)
    found = of.predict(model, read, read.newest, None)
    assert list(found) == ["series_id", "ds", "horizon", "p10", "p50", "p90", "grain"]
    assert list(found.loc[found["series_id"] == "DELI", "horizon"]) == [1, 2, 3, 4]
    assert found["ds"].min() == dt.date(2017, 12, 18)
    assert set(found["grain"]) == {"week"}


def test_a_table_without_a_complete_week_is_named(state: Path) -> None:
    empty = pa.table(
        {
            "series_id": pa.array([], pa.string()),
            "week_start_date": pa.array([], pa.date32()),
            "known_date": pa.array([], pa.date32()),
            "superseded_date": pa.array([], pa.date32()),
            "sales_usd": pa.array([], pa.float64()),
            "holiday_days": pa.array([], pa.int32()),
            "is_complete": pa.array([], pa.bool_()),
        }
    )
    calendar = pa.table({"week_start_date": pa.array([], pa.date32()), "is_holiday": [True][:0]})
    write_deltalake(location("features.sales_weekly"), empty)
    write_deltalake(
        location("silver.calendar"), calendar.set_column(1, "is_holiday", pa.array([], pa.bool_()))
    )
    with pytest.raises(ValueError, match=r"features\.sales_weekly version 0 has no complete week"):
        family("forecasts").data(None)
