"""What every forecaster promises, asked of each of them."""

import importlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from jobs.settings import ROOT, settings
from jobs.training.forecasts import statistical
from jobs.training.forecasts.forecaster import P, steps_after
from jobs.training.forecasts.models import MODELS
from jobs.training.forecasts.models import model as model_of

SEASON, HORIZON, WEEKS = 7, 14, 24
SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"horizon": HORIZON, "window": 28, "hidden": 8, "members": 2, "epochs": 8},
    "linear": {"horizon": HORIZON},
    "gbm": {"horizon": HORIZON},
    "ensemble": {"horizon": HORIZON, "weights": "learnt"},
}
DAYS = pd.date_range("2017-01-02", periods=7 * WEEKS)


def new(name: str) -> Any:
    found = getattr(importlib.import_module(f"jobs.training.forecasts.{name}"), MODELS[name])
    return found(found.Params(season=SEASON, **SMALL.get(name, {})))


def rows(**values: np.ndarray) -> pd.DataFrame:
    return pd.concat(
        [pd.DataFrame({"series_id": s, "ds": DAYS[-len(y) :], "y": y}) for s, y in values.items()],
        ignore_index=True,
    )


def planted() -> pd.DataFrame:
    """Two shops of different size, both with four times the sales on Saturdays."""
    rng = np.random.default_rng(1)
    pattern = np.where(DAYS.dayofweek == 5, 4.0, 1.0)
    return rows(
        large=1_000 * pattern + rng.normal(0, 50, len(DAYS)),
        small=10 * pattern + rng.normal(0, 0.5, len(DAYS)),
    )


def asked(model: Any, horizon: int = HORIZON, *more: str) -> pd.DataFrame:
    found = steps_after(model.history, horizon)
    return pd.concat([found, *(found.head(horizon).assign(series_id=s) for s in more)])


@pytest.fixture(scope="module", params=list(MODELS))
def fitted(request: pytest.FixtureRequest) -> Any:
    return new(request.param).fit(planted())


def test_a_planted_weekly_pattern_is_found(fitted: Any) -> None:
    answer = fitted.predict(HORIZON, asked(fitted))
    saturday = answer["ds"].dt.dayofweek == 5
    for series_id, size in (("large", 1_000), ("small", 10)):
        mine = answer["series_id"] == series_id
        assert answer.loc[mine & saturday, "p50"].mean() == pytest.approx(4 * size, rel=0.1)
        assert answer.loc[mine & ~saturday, "p50"].mean() == pytest.approx(size, rel=0.1)


def test_the_same_seed_gives_the_same_answer(fitted: Any) -> None:
    again = new(fitted.name).fit(planted())
    pd.testing.assert_frame_equal(
        again.predict(HORIZON, asked(again)), fitted.predict(HORIZON, asked(fitted))
    )


def test_a_saved_model_answers_alike(fitted: Any, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = type(fitted).load(tmp_path)
    assert not [p.name for p in tmp_path.iterdir() if p.suffix in (".pkl", ".pickle")]
    pd.testing.assert_frame_equal(
        loaded.predict(HORIZON, asked(loaded)), fitted.predict(HORIZON, asked(fitted))
    )


def test_quantiles_are_ordered_and_sales_are_never_below_zero(fitted: Any) -> None:
    answer = fitted.predict(HORIZON, asked(fitted))
    assert list(answer) == ["series_id", "ds", "p10", "p50", "p90"]
    assert len(answer) == 2 * HORIZON
    assert not answer.isna().any(axis=None)
    assert (answer["p10"] <= answer["p50"]).all()
    assert (answer["p50"] <= answer["p90"]).all()
    assert (answer[P] >= 0).all(axis=None)


def test_a_newer_history_moves_the_answer_on(fitted: Any, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    model = type(fitted).load(tmp_path)
    later = planted().assign(ds=lambda d: d["ds"] + pd.Timedelta(days=7))
    model.observe(pd.concat([planted(), later]).drop_duplicates(["series_id", "ds"]))
    answer = model.predict(7, asked(model, 7))
    assert answer["ds"].min() == DAYS[-1] + pd.Timedelta(days=8)


def test_only_the_steps_right_after_the_history_can_be_asked(fitted: Any) -> None:
    late = asked(fitted).assign(ds=lambda d: d["ds"] + pd.Timedelta(days=1))
    with pytest.raises(ValueError, match="needed are 14 from 2017-06-19 to 2017-07-02"):
        fitted.predict(HORIZON, late)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_gained_on_noise(name: str) -> None:
    """Nobody foresees noise: the best there is, its mean, must stay the best."""
    rng = np.random.default_rng(2)
    noise = {f"s{i}": 100 + rng.normal(0, 10, len(DAYS) + HORIZON) for i in range(8)}
    model = new(name).fit(rows(**{s: y[:-HORIZON] for s, y in noise.items()}))
    answer = model.predict(HORIZON, asked(model))
    actual = np.concatenate([noise[s][-HORIZON:] for s in sorted(noise)])
    error = np.abs(actual - answer["p50"]).mean()
    assert error > 0.97 * np.abs(actual - 100).mean()


@pytest.mark.parametrize("name", MODELS)
def test_series_without_a_model_get_plain_quantiles_and_are_named(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd = rows(short=np.array([1.0, 2.0, 3.0]), flat=np.full(60, 5.0))
    model = new(name).fit(pd.concat([planted(), odd]))
    with caplog.at_level(logging.WARNING):
        answer = model.predict(HORIZON, asked(model, HORIZON, "never seen"))
    assert model.fallbacks["short"] == f"short: 3 points, {model.fewest} needed"
    assert model.fallbacks["flat"] == "constant"
    assert model.fallbacks["never seen"] == "unknown: no history"
    assert "never seen (unknown: no history)" in caplog.text
    by_series = answer.groupby("series_id")[P].first()
    assert list(by_series.loc["short"]) == pytest.approx([1.2, 2.0, 2.8])
    assert list(by_series.loc["flat"]) == [5.0, 5.0, 5.0]
    assert by_series.loc["never seen", "p10"] < by_series.loc["never seen", "p90"]
    assert len(answer) == 5 * HORIZON


@pytest.mark.parametrize("name", MODELS)
def test_only_odd_series_need_no_model_at_all(name: str, tmp_path: Path) -> None:
    new(name).fit(rows(flat=np.full(60, 5.0))).save(tmp_path)
    model = type(new(name)).load(tmp_path)
    assert (model.predict(2, asked(model, 2))[P] == 5.0).all(axis=None)


@pytest.mark.parametrize("name", MODELS)
def test_an_empty_history_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs a history"):
        new(name).fit(planted().head(0))


def test_a_longer_horizon_than_learnt_is_refused() -> None:
    model = new("lstm").fit(planted())
    with pytest.raises(ValueError, match="15 steps asked, 14 learnt"):
        model.predict(15, asked(model, 15))


def test_a_mean_of_the_newest_seasons_forgets_what_was_before() -> None:
    history = rows(shop=np.repeat([1.0, 3.0], [8 * SEASON, 2 * SEASON]))
    for newest, mean in ((None, 1.4), (4, 2.0), (2, 3.0), (99, 1.4)):
        params = model_of("mean").Params(season=SEASON, newest=newest)
        model = model_of("mean")(params).fit(history)
        answer = model.predict(HORIZON, asked(model))["p50"]
        np.testing.assert_allclose(answer, mean)


def test_prophet_and_stan_keep_quiet() -> None:
    """In a process of its own: workers keep the output that they were started with."""
    program = """
import pandas as pd
from jobs.training.forecasts.seasonal import Params, Seasonal
days = pd.date_range("2017-01-02", periods=40)
rows = pd.DataFrame({"series_id": "DELI", "ds": days, "y": range(40)})
answer = Seasonal(Params()).fit(rows).predict(1, pd.DataFrame(
    {"series_id": ["DELI"], "ds": [days[-1] + pd.Timedelta(days=1)]}))
print(len(answer), "row")
"""
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (told.stdout, told.stderr) == ("1 row\n", "")


def test_cpu_and_gpu_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    found = []
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("SALES_DEVICE", device)
        settings.cache_clear()
        model = new("lstm").fit(planted())
        assert model.device == device
        found.append(model.predict(HORIZON, asked(model))[P].to_numpy())
    settings.cache_clear()
    np.testing.assert_allclose(found[0], found[1], rtol=0.05)


def with_offers(days: pd.DatetimeIndex) -> np.ndarray:
    """Two days in ten, at random: only who is told in advance can know."""
    return (np.random.default_rng(12).random(len(days)) < 0.2).astype(float)


@pytest.mark.parametrize("name", [n for n in MODELS if hasattr(model_of(n).Params(), "covariates")])
def test_a_covariate_known_in_advance_moves_the_answer(name: str) -> None:
    days = pd.date_range(DAYS[0], periods=len(DAYS) + HORIZON)
    told = pd.DataFrame({"ds": days, "offers": with_offers(days)})
    seen = planted().merge(told, on="ds")
    seen["y"] *= 1 + seen["offers"]
    model = new(name).fit(seen)
    future = asked(model).merge(told, on="ds")
    assert future["offers"].nunique() == 2
    answer = model.predict(HORIZON, future).merge(told, on="ds")
    weekday = answer[(answer["series_id"] == "large") & (answer["ds"].dt.dayofweek < 5)]
    means = weekday.groupby("offers")["p50"].mean()
    assert means[1.0] - means[0.0] > 300
    with pytest.raises(ValueError, match=r"future has no offers; tell them, or fit with"):
        model.predict(HORIZON, asked(model))


def test_a_series_that_the_library_cannot_fit_falls_back_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted = statistical._fitted

    def breaks(method: Any, rows: pd.DataFrame) -> Any:
        if (rows["unique_id"] == "small").any():
            raise ZeroDivisionError("no variance")
        return fitted(method, rows)

    monkeypatch.setattr(statistical, "_fitted", breaks)
    model = new("theta").fit(planted())
    answer = model.predict(HORIZON, asked(model))
    assert model.fallbacks == {"small": "failed: no variance"}
    assert len(answer) == 2 * HORIZON
    assert answer["p50"].notna().all()


def test_an_answer_without_sense_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    model = new("mean").fit(planted())
    model.means.loc["small"] = np.inf
    answer = model.predict(HORIZON, asked(model))
    assert model.fallbacks == {"small": "failed: no sensible answer"}
    assert answer["p50"].max() < 1e5
