"""What returns is found where it is, and left out where it is not."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.forecasts import pattern
from jobs.training.forecasts.forecaster import scales
from jobs.training.forecasts.windows import best_rate, level

DAYS = pd.date_range("2017-01-02", "2017-09-30")


def history(wave: np.ndarray, noise: float = 1.0, series: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    parts = [
        pd.DataFrame(
            {"series_id": f"s{i}", "ds": DAYS, "y": 50 + wave + rng.normal(0, noise, len(DAYS))}
        )
        for i in range(series)
    ]
    return pd.concat(parts, ignore_index=True)


def learnt(rows: pd.DataFrame, *covariates: str) -> np.ndarray:
    """The pattern of the first series."""
    found = pattern.learn(rows, scales(rows, 1), 1, covariates)
    return found.of(rows)[: len(DAYS)]


def test_paydays_are_found() -> None:
    wave = 3 * np.cos(2 * np.pi * (DAYS.day - 1) / DAYS.days_in_month).to_numpy()
    said = learnt(history(wave))
    assert np.corrcoef(said, wave)[0, 1] > 0.95
    assert said.std() == pytest.approx(wave.std(), rel=0.3)


def test_a_pattern_that_does_not_return_is_left_out() -> None:
    assert np.abs(learnt(history(np.zeros(len(DAYS))))).max() < 0.3
    once = np.where(DAYS.month == 5, 3.0, 0.0) * np.cos(
        2 * np.pi * DAYS.day.to_numpy() / 31
    )  # in May
    assert learnt(history(once)).std() < 0.2 * once[DAYS.month == 5].std()


def test_days_before_a_large_holiday_are_near_it() -> None:
    near = pattern.near_holidays(pd.Timestamp("2017-04-01"), pd.Timestamp("2017-07-10"))
    found = DAYS[DAYS.isin(near) & (DAYS > "2017-04-01") & (DAYS < "2017-07-10")]
    assert [f"{d:%m-%d}" for d in found[:5]] == ["04-12", "04-13", "04-14", "04-15", "04-16"]
    assert [f"{d:%m-%d}" for d in found[-5:]] == ["06-30", "07-01", "07-02", "07-03", "07-04"]
    assert len(found) == 15


def test_a_covariate_that_moves_sales_is_used_and_one_that_does_not_is_left_out() -> None:
    offers = (np.random.default_rng(10).random(len(DAYS)) < 0.2).astype(float)
    rows = history(4 * offers)
    told = rows.assign(offers=np.tile(offers, 6))
    said = learnt(told, "offers")
    assert said[offers == 1].mean() - said[offers == 0].mean() == pytest.approx(4, rel=0.1)
    plain = history(np.zeros(len(DAYS))).assign(offers=np.tile(offers, 6))
    assert np.abs(learnt(plain, "offers")).max() < 0.3


def test_places_in_the_season_add_to_nothing() -> None:
    rows = history(np.where(DAYS.dayofweek == 5, 7.0, 0.0))
    found = pattern.learn(rows, scales(rows, 7), 7)
    assert found.by_place.sum(axis=1).abs().max() < 1e-9
    assert found.by_place.loc["s0", 5] == pytest.approx(6, rel=0.1)  # 7 - its mean of 1


def test_a_level_is_the_weighted_mean_worked_by_hand() -> None:
    # weights 1/4, 1/2, 1: (8 / 4 + 4 / 2 + 2) / (7 / 4)
    assert level(np.array([8.0, 4.0, 2.0]), 0.5)[-1] == pytest.approx(6 / 1.75)


def test_the_rate_follows_a_walk_and_rests_on_noise() -> None:
    rng = np.random.default_rng(11)
    assert best_rate([rng.normal(0, 1, 200).cumsum()], 1) > 0.3
    assert best_rate([rng.normal(0, 1, 200)], 1) <= 0.05
