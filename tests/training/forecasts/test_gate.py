"""Which forecaster may become champion: few series, so the mean decides against the baseline."""

from typing import Any

import pytest

from jobs.training.bench import rules
from jobs.training.promote import gate

ROW: dict[str, Any] = {
    "configuration": "arima-1",
    "baseline": "seasonal_naive-1",
    "champion": None,
    "difference": -0.07,
    "difference_low": -0.26,
    "difference_high": 0.11,
}


def test_a_weekly_forecaster_that_is_better_on_the_mean_is_let_through() -> None:
    passed, reason = gate(ROW, rules("forecasts"), None)
    assert passed
    assert reason.startswith("beats on the mean baseline seasonal_naive-1: mase -0.0700 (-0.2600")


@pytest.mark.parametrize("difference", [0.0, 0.01])
def test_the_baseline_itself_or_worse_is_not(difference: float) -> None:
    assert not gate(ROW | {"difference": difference}, rules("forecasts"), None)[0]


def test_a_daily_forecaster_must_be_better_beyond_noise() -> None:
    assert not gate(ROW, rules("forecasts_daily"), None)[0]
    assert gate(ROW | {"difference_high": -0.01}, rules("forecasts_daily"), None)[0]
