"""The mean of other forecasters, and what its weights rest on."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.forecasts import backtest, ensemble, models
from jobs.training.forecasts.ensemble import Ensemble, Params, weights
from jobs.training.forecasts.forecaster import steps_after

DAYS = pd.date_range("2017-01-02", periods=40, freq="7D")


@pytest.fixture(autouse=True)
def _two_members(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {"equal": ("mean", "seasonal_naive"), "learnt": ("mean", "seasonal_naive")}
    monkeypatch.setattr(ensemble, "MEMBERS", members)


def walk(seed: int) -> pd.DataFrame:
    y = 100 + np.random.default_rng(seed).normal(0, 5, len(DAYS)).cumsum()
    return pd.DataFrame({"series_id": f"s{seed}", "ds": DAYS, "y": y})


def test_equal_weights_give_the_mean_of_the_members() -> None:
    rows = pd.concat([walk(1), walk(2)], ignore_index=True)
    asked = steps_after(rows, 4)
    answer = Ensemble(Params()).fit(rows).predict(4, asked)
    members = [
        backtest.answers(c, rows, asked).rows["p50"]
        for c in models.configurations(1, 4)
        if c.model in ("mean", "seasonal_naive")
    ]
    np.testing.assert_allclose(answer["p50"], (members[0] + members[1]) / 2)


def test_learnt_weights_go_to_what_was_right_at_past_origins() -> None:
    rows = pd.concat([walk(seed) for seed in range(3, 9)], ignore_index=True)
    found = Ensemble(Params(weights="learnt")).fit(rows)
    by_name = dict(zip((c.model for c in found.members), found.weights, strict=True))
    assert by_name["seasonal_naive"] > 0.99  # nothing else foretells a walk


def test_weights_are_those_worked_by_hand() -> None:
    found = weights(np.array([0.80, 0.81, np.nan]))
    assert found[0] / found[1] == pytest.approx(np.e)
    assert found.sum() == pytest.approx(1)
    assert found[2] == 0.0
