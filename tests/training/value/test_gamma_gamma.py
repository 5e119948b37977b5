"""Gamma-Gamma: the authors' figures, a cohort with known parameters, and accounts without spend."""

import numpy as np
import pytest

from jobs.training.value.gamma_gamma import GammaGamma

CDNOW = GammaGamma(6.25, 3.74, 15.44)  # the authors' estimate, on repeat customers


def test_the_mean_over_all_of_the_published_parameters() -> None:
    """p * gamma / (q - 1): 35.2 USD, as the authors say."""
    [found] = CDNOW.expected(np.array([0.0]), np.array([0.0]))
    assert found == pytest.approx(6.25 * 15.44 / 2.74)
    assert found == pytest.approx(35.2, abs=0.05)


def test_expected_spend_by_hand() -> None:
    # 2 * (10 + 3 * 20) / (2 * 3 + 4 - 1)
    assert GammaGamma(2, 4, 10).expected(np.array([3.0]), np.array([20.0])) == 140 / 9


def test_many_purchases_are_believed_and_few_are_drawn_towards_all() -> None:
    found = CDNOW.expected(np.array([1.0, 1_000.0]), np.array([100.0, 100.0]))
    assert 35.2 < found[0] < found[1]
    assert found[1] == pytest.approx(100, rel=0.01)


def test_known_parameters_are_found_again_in_any_currency() -> None:
    """Synthetic cohort at the authors' parameters."""
    chance = np.random.default_rng(2)
    count = 20_000
    scale = chance.gamma(CDNOW.q, 1 / CDNOW.gamma, count)
    purchases = chance.integers(1, 6, count).astype(float)
    mean = chance.gamma(CDNOW.p * purchases, 1 / (scale * purchases))
    for unit in (1.0, 1_000.0):
        found = GammaGamma.fit(purchases, unit * mean)
        told = (found.p, found.q, found.gamma / unit)
        assert told == pytest.approx((CDNOW.p, CDNOW.q, CDNOW.gamma), rel=0.06)


def test_who_spent_nothing_is_left_out_of_the_fit() -> None:
    purchases, mean = np.array([1.0, 2, 3, 4]), np.array([9.0, 11, 10, 12])
    more = np.append(purchases, [0.0, 5.0]), np.append(mean, [8.0, -3.0])
    assert GammaGamma.fit(*more) == GammaGamma.fit(purchases, mean)


def test_without_anybody_all_spend_nothing() -> None:
    of = GammaGamma.fit(np.zeros(3), np.zeros(3))
    assert list(of.expected(np.zeros(3), np.zeros(3))) == [0, 0, 0]
