"""Histories as all forecasters get them."""

import pandas as pd
import pytest

from jobs.training.forecasts.forecaster import (
    regular,
    scales,
    steps_after,
    up_to_date,
    without_model,
)


def history(values: dict[str, float | None], series_id: str = "DELI") -> pd.DataFrame:
    return pd.DataFrame(
        {"series_id": series_id, "ds": pd.to_datetime(list(values)), "y": list(values.values())}
    )


def test_a_missing_day_lies_on_the_line_between_its_neighbours() -> None:
    found = regular(history({"2017-01-02": 1.0, "2017-01-03": 2.0, "2017-01-05": 4.0}))
    assert list(found["y"]) == [1.0, 2.0, 3.0, 4.0]


def test_a_null_value_is_a_missing_one() -> None:
    found = regular(history({"2017-01-02": 1.0, "2017-01-03": None, "2017-01-04": 3.0}))
    assert list(found["y"]) == [1.0, 2.0, 3.0]


def test_what_is_told_of_a_step_without_a_value_stays() -> None:
    rows = history({"2017-01-02": 1.0, "2017-01-03": None, "2017-01-04": 3.0, "2017-01-05": None})
    found = regular(rows.assign(offer=[0.0, 1.0, 0.0, 1.0]))
    assert list(found["offer"]) == [0.0, 1.0, 0.0]
    assert list(found["y"]) == [1.0, 2.0, 3.0]


def test_a_series_ends_with_its_own_last_value_and_is_asked_from_there() -> None:
    ended = history({"2017-01-02": 1.0, "2017-01-03": 7.0}, "ENDED")
    going = history({"2017-01-02": 1.0, "2017-01-03": 2.0, "2017-01-04": 3.0})
    found = regular(pd.concat([ended, going]))
    assert list(found.loc[found["series_id"] == "ENDED", "y"]) == [1.0, 7.0]
    asked = steps_after(found, 2)
    assert list(asked.loc[asked["series_id"] == "ENDED", "ds"].dt.day) == [4, 5]
    assert list(asked.loc[asked["series_id"] == "DELI", "ds"].dt.day) == [5, 6]


def test_a_department_that_ended_is_brought_up_to_date_at_its_last_value() -> None:
    ended = history({"2017-01-02": 1.0, "2017-01-03": 7.0}, "ENDED")
    going = history({"2017-01-03": 2.0, "2017-01-05": 3.0})
    found = regular(up_to_date(pd.concat([ended, going])))
    assert list(found.loc[found["series_id"] == "ENDED", "y"]) == [1.0, 7.0, 7.0, 7.0]


def test_weeks_stay_weeks() -> None:
    found = regular(history({"2017-01-02": 1.0, "2017-01-09": 2.0, "2017-01-23": 4.0}))
    assert list(found["ds"].dt.day) == [2, 9, 16, 23]


def test_two_rows_for_a_day_are_refused_by_name() -> None:
    twice = pd.concat([history({"2017-01-02": 1.0}), history({"2017-01-02": 1.0})])
    with pytest.raises(ValueError, match="'DELI' has two rows for 2017-01-02"):
        regular(twice)


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no row with a value among 1"):
        regular(history({"2017-01-02": None}))


def test_the_scale_is_the_mean_change_from_a_season_before() -> None:
    rows = history({f"2017-01-0{day}": y for day, y in enumerate((1.0, 5.0, 2.0, 9.0), 1)})
    assert scales(rows, 1)["DELI"] == pytest.approx((4 + 3 + 7) / 3)
    assert scales(rows, 2)["DELI"] == pytest.approx((1 + 4) / 2)
    assert scales(rows.iloc[[2, 0, 3, 1]], 1)["DELI"] == pytest.approx((4 + 3 + 7) / 3)


def test_short_and_constant_series_are_told_apart() -> None:
    short = history({"2017-01-02": 1.0, "2017-01-03": 2.0}, "NEW")
    flat = history({"2017-01-02": 1.0, "2017-01-03": 1.0, "2017-01-04": 1.0}, "FLAT")
    found = without_model(pd.concat([short, flat]), 3)
    assert found == {"NEW": "short: 2 points, 3 needed", "FLAT": "constant"}
