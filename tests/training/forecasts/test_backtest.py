"""A bench asks models at hundreds of origins: what a person should hear of is said once."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.training.family import Configuration
from jobs.training.forecasts import backtest, ensemble, mean
from jobs.training.forecasts.ensemble import Ensemble
from jobs.training.forecasts.forecaster import steps_after

WEEKS = pd.date_range("2017-01-02", periods=40, freq="7D")
MEAN = Configuration("mean", mean.Params())


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "_told", set())
    backtest._kept.clear()


def sold(**points: int) -> pd.DataFrame:
    """A series of so many weeks by its name; below eight a model learns nothing."""
    chance = np.random.default_rng(8)
    parts = [
        pd.DataFrame({"series_id": s, "ds": WEEKS[:n], "y": 100 + chance.normal(0, 5, n)})
        for s, n in points.items()
    ]
    return pd.concat(parts, ignore_index=True)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def test_series_without_a_model_are_named_once_however_many_origins_there_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for new in range(3, 7):
        rows = sold(DELI=30, NEW=new)
        backtest.answers(MEAN, rows, steps_after(rows, 4))
    [told] = warnings(caplog)
    assert told == (
        "mean, history up to 2017-07-24: 1 series answered by plain quantiles of recent steps:"
        " NEW (short: 3 points, 8 needed)"
    )
    assert len(caplog.messages) == 4  # the others are there for who looks closer


def test_another_series_and_another_reason_are_news(caplog: pytest.LogCaptureFixture) -> None:
    flat = sold(DELI=30, NEW=20)
    flat.loc[flat["series_id"] == "NEW", "y"] = 5.0
    for rows in (sold(DELI=30, NEW=3), sold(DELI=30, NEW=4, ODD=4), flat):
        backtest.answers(MEAN, rows, steps_after(rows, 4))
    told = warnings(caplog)
    assert len(told) == 3
    assert "2 series answered" in told[1]
    assert "NEW (constant)" in told[2]


def test_a_history_without_a_past_origin_is_told_of_once_a_configuration(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for weeks in (9, 10, 10):
        rows = sold(DELI=weeks)
        backtest.calibrated(MEAN, rows, steps_after(rows, 4))
    assert warnings(caplog) == [f"{MEAN.id}: no past origin, intervals of the seasonal naive"]


def test_an_ensemble_tells_its_weights_when_it_is_kept_not_when_it_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {"equal": ("mean", "seasonal_naive")})
    caplog.set_level(logging.INFO)
    model = Ensemble(ensemble.Params()).fit(sold(DELI=30))
    assert caplog.messages == []
    model.save(tmp_path)
    assert caplog.messages == ["ensemble: seasonal_naive 0.50, mean 0.50"]
