"""Intervals from past misses: margins worked by hand, and coverage on a known noise."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.family import Configuration
from jobs.training.forecasts import backtest, conformal, models
from jobs.training.forecasts.forecaster import steps_after


def answers(actual: list[float], step: int = 1) -> pd.DataFrame:
    """A model of the middle said 10, of a series whose scale is 2."""
    told = pd.DataFrame({"y": actual, "series_id": "DELI", "scale": 2.0, "step": step})
    return told.assign(p10=10.0, p50=10.0, p90=10.0)


def test_the_margin_is_the_miss_that_covers_four_of_five_and_one_more() -> None:
    # misses in scales: 0, .5, 1, 1.5, 2; the ceil(6 * .8) = 5th is 2
    assert conformal.margins(answers([10.0, 11.0, 8.0, 13.0, 6.0]), 1) == [2.0]
    # of nine misses 0, .5 .. 4 the ceil(10 * .8) = 8th
    assert conformal.margins(answers([10.0 + i for i in range(9)]), 1) == [3.5]


def test_each_step_ahead_has_its_own_margin_and_later_ones_take_the_last() -> None:
    rows = pd.concat([answers([11.0] * 5), answers([16.0] * 5, step=2)])
    assert list(conformal.margins(rows, 2)) == [0.5, 3.0]
    assert list(conformal.margins(rows, 3)) == [0.5, 3.0, 3.0]


def test_a_series_without_a_scale_has_no_say() -> None:
    still = answers([99.0] * 50).assign(scale=0.0)
    assert conformal.margins(pd.concat([answers([11.0] * 5), still]), 1) == [0.5]


def test_an_interval_moves_out_by_the_series_own_scale() -> None:
    said = pd.DataFrame(
        {"series_id": ["DELI", "DELI", "MEAT"], "p10": 10.0, "p50": 10.0, "p90": 12.0}
    )
    scale = pd.Series({"DELI": 2.0, "MEAT": 4.0})
    found = conformal.moved_out(said, np.array([0.5, 1.0]), scale)
    assert found["p10"].tolist() == [9.0, 8.0, 8.0]
    assert found["p90"].tolist() == [13.0, 14.0, 14.0]


def test_an_interval_that_was_too_wide_moves_in_up_to_its_middle() -> None:
    said = pd.DataFrame({"series_id": ["DELI"], "p10": [7.0], "p50": [10.0], "p90": [12.0]})
    found = conformal.moved_out(said, np.array([-1.0]), pd.Series({"DELI": 2.5}))
    assert found[["p10", "p50", "p90"]].iloc[0].tolist() == [9.5, 10.0, 10.0]


def noise(series: int, points: int) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    days = pd.date_range("2017-01-02", periods=points, freq="7D")
    return pd.concat(
        [
            pd.DataFrame({"series_id": f"s{i:02}", "ds": days, "y": rng.normal(50, 3, points)})
            for i in range(series)
        ],
        ignore_index=True,
    )


def test_four_of_five_values_of_a_known_noise_are_covered() -> None:
    rows = noise(60, 52)
    left = rows.groupby("series_id").cumcount(ascending=False)
    seen, sold = rows[left >= 4].reset_index(drop=True), rows[left < 4]
    mean = Configuration("mean", models.model("mean").Params())
    answered, by = backtest.calibrated(mean, seen, steps_after(seen, 4))
    told = backtest.intervals(answered, by).merge(sold, on=backtest.KEYS)
    covered = told["y"].between(told["p10"], told["p90"]).mean()
    assert covered == pytest.approx(0.8, abs=0.05)


def test_past_origins_lie_a_horizon_apart_and_end_inside_the_history() -> None:
    rows = noise(1, 20)
    past = list(backtest.past_origins(rows, 4, season=1))
    assert [len(one.history) for one in past] == [16, 12]
    assert [list(one.sold["ds"]) for one in past] == [
        list(rows["ds"][at : at + 4]) for at in (16, 12)
    ]
    assert "y" not in past[0].future


def test_without_a_past_origin_the_intervals_are_those_of_the_naive_forecast() -> None:
    rows = noise(5, 11)
    mean = Configuration("mean", models.model("mean").Params())
    _, by = backtest.calibrated(mean, rows, steps_after(rows, 4))
    assert len(by) == 4
    assert (by > 0).all()
