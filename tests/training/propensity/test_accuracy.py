"""Chances are judged by numbers that are worked by hand here, or by scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from jobs.training import metrics
from jobs.training.propensity import accuracy
from jobs.training.propensity.calibration import Calibration
from jobs.training.propensity.classifier import chances, log_odds


def drawn(count: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(1)
    margin = chance.normal(-1, 1.5, count)
    return margin, (chance.random(count) < chances(margin)).astype(int)


def test_the_area_is_the_share_of_pairs_in_order_and_half_the_ties():
    # pairs: (.9 beats .5 and .4), (.5 ties .5, beats .4): 3.5 of 4
    area = accuracy.auc(np.array([0.9, 0.5, 0.5, 0.4]), np.array([1, 1, 0, 0]))
    assert area.mean() == pytest.approx(3.5 / 4)


def test_the_areas_mean_is_scikit_learns_and_its_interval_covers_what_delong_says():
    margin, label = drawn()
    area = accuracy.auc(margin, label)
    assert area.mean() == pytest.approx(roc_auc_score(label, margin), abs=1e-12)
    found = metrics.estimate(pd.Series(area))
    wide = 2 * norm.ppf(0.975) * area.std() / np.sqrt(len(area))
    assert found.high - found.low == pytest.approx(wide, rel=0.15)


def test_without_both_kinds_there_is_no_area():
    assert np.isnan(accuracy.auc(np.array([0.1, 0.2]), np.array([1, 1]))).all()


def test_log_loss_is_the_mean_of_minus_log_of_what_was_given_to_what_happened():
    lost = accuracy.log_loss(np.array([0.5, 0.25]), np.array([1, 0]))
    assert lost == pytest.approx([np.log(2), -np.log(0.75)])


def test_calibration_error_is_the_mean_distance_of_ten_bins():
    # ten accounts, one to a bin: |p - y| each
    chance = np.linspace(0.05, 0.95, 10)
    label = (chance > 0.5).astype(int)
    assert accuracy.calibration_error(chance, label).mean() == pytest.approx(0.25)


def test_what_is_off_both_ways_within_a_bin_is_no_error():
    chance = np.repeat(np.linspace(0.05, 0.95, 10), 2)
    label = np.tile([0, 1], 10)  # half of each bin, whatever it was told
    each = accuracy.calibration_error(chance, label)
    assert each.mean() == pytest.approx(np.abs(chance - 0.5).mean())
    assert each[:2] == pytest.approx([-0.05, 0.95])  # told .05 to both, 1 of them happened


def test_the_slope_of_right_chances_is_one_and_of_too_sure_ones_less():
    margin, label = drawn(20_000)
    right = accuracy.calibration_slope(chances(margin), label)
    assert right.mean() == pytest.approx(1, abs=0.06)
    too_sure = accuracy.calibration_slope(chances(2 * margin), label)
    assert too_sure.mean() == pytest.approx(0.5, abs=0.03)


def test_the_interval_of_a_slope_is_as_wide_as_slopes_of_fresh_draws_lie_apart():
    margin, label = drawn(400)
    found = metrics.estimate(pd.Series(accuracy.calibration_slope(chances(margin), label)))
    chance = np.random.default_rng(3)
    again = [
        accuracy.calibration_slope(
            chances(margin), (chance.random(400) < chances(margin)).astype(int)
        ).mean()
        for _ in range(200)
    ]
    apart = np.quantile(again, 0.975) - np.quantile(again, 0.025)
    assert found.high - found.low == pytest.approx(apart, rel=0.3)


def test_gains_of_a_perfect_order():
    told = accuracy.gains(np.array([0.9, 0.8, 0.2, 0.1]), np.array([1, 1, 0, 0]), parts=4)
    assert list(told["gain"]) == [0.5, 1, 1, 1]
    assert list(told["lift"]) == pytest.approx([2, 2, 4 / 3, 1])


def test_calibration_puts_right_what_is_too_sure_and_keeps_the_order():
    margin, label = drawn()
    found = Calibration.found(3 * margin + 1, label)
    told = found.chances(3 * margin + 1)
    assert accuracy.calibration_error(told, label).mean() < 0.02
    assert (np.argsort(told) == np.argsort(margin)).all()


def test_calibration_on_few_cases_is_what_the_model_says():
    assert Calibration.found(np.zeros(30), np.r_[np.ones(9), np.zeros(21)]) == Calibration()


def test_a_window_that_says_the_contrary_does_not_turn_the_order():
    margin, label = drawn(200)
    assert Calibration.found(-margin, label).slope > 0


def test_log_odds_and_chances_are_each_others():
    assert log_odds(chances(np.array([-3.0, 0.0, 2.0]))) == pytest.approx([-3, 0, 2])
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
