"""Every metric worked by hand, and beside an independent library."""

import numpy as np
import pandas as pd
import pytest
import utilsforecast.losses as library

from jobs.training.forecasts import accuracy

ROWS = pd.DataFrame(
    {
        "series_id": ["a", "a", "b", "b"],
        "ds": pd.to_datetime(["2017-01-04", "2017-01-05"] * 2),
        "origin": 3,
        "y": [10.0, 4.0, 0.0, 0.0],
        "p10": [8.0, 5.0, 0.0, 0.0],
        "p50": [9.0, 6.0, 1.0, 1.0],
        "p90": [12.0, 7.0, 2.0, 2.0],
        "scale": [2.0, 2.0, 0.0, 0.0],
        "rms_scale": [5.0, 5.0, 0.0, 0.0],
    }
)


def test_metrics_are_those_worked_by_hand() -> None:
    found = accuracy.per_series(ROWS)
    assert tuple(found) == accuracy.METRICS
    assert found["mase"]["a"] == pytest.approx((1 + 2) / 2 / 2)
    assert found["rmsse"]["a"] == pytest.approx(np.sqrt((1 + 4) / 2 / 5))
    assert found["wape"]["a"] == pytest.approx(3 / 14)
    # .1 * 2 + .5 * 1 + .1 * 2 = .9 and .9 * 1 + .5 * 2 + .1 * 3 = 2.2, over three levels
    assert found["pinball"]["a"] == pytest.approx((0.9 + 2.2) / 3 / 2 / 2)
    assert found["coverage"]["a"] == 0.5
    assert found["width"]["a"] == pytest.approx((4 + 2) / 2 / 2)


def test_a_series_without_a_scale_or_sales_has_no_value() -> None:
    found = accuracy.per_series(ROWS)
    for metric in ("mase", "rmsse", "wape", "pinball", "width"):
        assert np.isnan(found[metric]["b"])
    assert found["coverage"]["b"] == 1.0


def test_an_independent_library_finds_the_same() -> None:
    days = pd.date_range("2017-01-01", periods=3)
    train = pd.DataFrame({"series_id": "a", "ds": days, "y": [3.0, 4.0, 7.0]})  # changes 1, 3
    rows = ROWS[ROWS["series_id"] == "a"]
    found = accuracy.per_series(rows)
    said = rows.rename(columns={"p50": "model", "p10": "model-lo-80", "p90": "model-hi-80"})
    told = {
        "mase": library.mase(said, ["model"], 1, train, id_col="series_id"),
        "rmsse": library.rmsse(said, ["model"], 1, train, id_col="series_id"),
        "coverage": library.coverage(said, ["model"], 80, id_col="series_id"),
    }
    for metric, theirs in told.items():
        assert found[metric]["a"] == pytest.approx(theirs["model"].iloc[0])
