"""What an effect is freed from is learnt of whom it should be, and noise is not taken for more."""

import numpy as np
import pytest

from jobs.training.uplift import nuisance

CHANCE = np.random.default_rng(0)
COVARIATES = CHANCE.normal(size=(200, 3))
TREATED = np.arange(200) % 2 == 1
PARTS = nuisance.folds(TREATED)


def test_what_is_expected_without_treatment_is_learnt_of_the_untreated_only() -> None:
    outcome = COVARIATES[:, 0] + 100.0 * TREATED
    found = nuisance.expected(COVARIATES, outcome, ~TREATED, PARTS)
    assert found.model == "ridge"
    assert found.values == pytest.approx(COVARIATES[:, 0], abs=0.5)


def test_no_account_is_told_by_a_model_that_has_seen_it() -> None:
    # noise: whoever has seen it knows it, nobody else does
    outcome = CHANCE.normal(size=200)
    everyone = np.ones(200, bool)
    for name, make in nuisance.REGRESSIONS.items():
        told = nuisance._unseen(make, COVARIATES, outcome, everyone, PARTS)
        assert np.corrcoef(told, outcome)[0, 1] < 0.2, name


# of these the last three look as if they depended on a covariate, by less than chance does
@pytest.mark.parametrize("seed", [0, 1, 8, 26, 42])
def test_noise_tells_no_customers_apart(seed: int) -> None:
    effect = np.random.default_rng(seed).normal(size=200)
    found = nuisance.shape(COVARIATES, effect, np.ones(200, bool), PARTS)
    assert found.model == "constant"


def test_an_effect_that_depends_on_what_is_known_tells_them_apart() -> None:
    effect = 2 * COVARIATES[:, 1] + CHANCE.normal(size=200)
    found = nuisance.shape(COVARIATES, effect, np.ones(200, bool), PARTS)
    assert found.model != "constant"
    assert np.corrcoef(found.values, COVARIATES[:, 1])[0, 1] > 0.9
