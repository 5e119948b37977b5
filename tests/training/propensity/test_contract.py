"""What every classifier promises."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from jobs.training.propensity import models
from jobs.training.propensity.classifier import (
    BASE,
    Examples,
    Explains,
    Rows,
    as_often,
    chances,
    together,
)

NAMES = list(models.MODELS)


def examples(count: int = 600, seed: int = 0, *, noise: bool = False) -> Examples:
    """It happens the more, the longer ago the last order was and the fewer weeks had one."""
    chance = np.random.default_rng(seed)
    weekly = chance.poisson(1.0, (count, 52, 6)).astype(np.float32)
    gone = chance.integers(0, 8, count)
    for row, weeks in enumerate(gone):
        weekly[row, :weeks] = 0
    features = pd.DataFrame(
        {"recency_days": 7.0 * gone, "spend_usd": weekly[:, :, 1].sum(axis=1), "constant": 1.0},
        dtype=np.float32,
    )
    margin = np.zeros(count) if noise else gone - 4.0
    label = (chance.random(count) < chances(margin)).astype(int)
    return Examples(Rows(features, weekly), label, np.ones(count))


def fitted(name: str, on: Examples | None = None):
    [configuration] = [c for c in models.configurations("recency_days") if c.model == name]
    return models.MODELS[name](configuration.params).fit(on or examples())


@pytest.fixture(scope="module")
def all_fitted():
    return {name: fitted(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_pattern_is_learnt(name, all_fitted):
    later = examples(seed=1)
    assert roc_auc_score(later.label, all_fitted[name].margin(later.rows)) > 0.85


@pytest.mark.parametrize("name", NAMES)
def test_noise_teaches_nothing(name):
    later = examples(400, seed=1, noise=True)
    found = fitted(name, examples(400, noise=True)).margin(later.rows)
    assert abs(roc_auc_score(later.label, found) - 0.5) < 0.09


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_answers(name, all_fitted):
    later = examples(seed=1).rows
    assert np.array_equal(fitted(name).margin(later), all_fitted[name].margin(later))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_answers_as_before(name, all_fitted, tmp_path):
    later = examples(seed=1).rows
    all_fitted[name].save(tmp_path)
    again = models.MODELS[name].load(tmp_path)
    assert again.params == all_fitted[name].params
    assert again.margin(later) == pytest.approx(all_fitted[name].margin(later), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_to_ask_is_no_answer(name, all_fitted):
    none = Rows(examples().rows.features.iloc[:0], np.zeros((0, 52, 6), np.float32))
    assert len(all_fitted[name].margin(none)) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if models.explains(name)])
def test_terms_sum_to_the_margin(name, all_fitted):
    later = examples(seed=1).rows
    model = all_fitted[name]
    assert isinstance(model, Explains)
    told = model.terms(later)
    assert told.sum(axis=1).to_numpy() == pytest.approx(model.margin(later), abs=1e-6)
    assert told.drop(columns=BASE).abs().mean().idxmax() == "recency_days"


def test_only_the_network_cannot_say_why():
    assert [name for name in NAMES if not models.explains(name)] == ["sequence"]


@pytest.mark.parametrize("name", NAMES)
def test_groups_in_which_it_is_rarer_do_not_turn_the_order(name):
    """A group that orders less, and to which it happens less: pooled as it is, it misleads."""
    here, there = examples(seed=2), examples(seed=3)
    rare = np.where(np.random.default_rng(0).random(len(there.label)) < 0.1, there.label, 0)
    longer = there.rows.features.assign(recency_days=there.rows.features["recency_days"] + 56)
    part = as_often(Rows(longer, there.rows.weekly), rare)
    found = fitted(name, together([as_often(here.rows, here.label), part]))
    later = examples(seed=1)
    assert roc_auc_score(later.label, found.margin(later.rows)) > 0.75


def test_what_happened_weighs_as_much_as_what_did_not():
    one = examples(seed=2)
    label = np.where(np.arange(len(one.label)) < 30, 1, 0)
    found = together([as_often(one.rows, label)])
    assert found.weight[label == 1].sum() == pytest.approx(found.weight[label == 0].sum())
    assert found.weight.mean() == pytest.approx(1)
    # log-odds of one half, less those of 5%
    assert found.rarity == pytest.approx(-np.log(0.05 / 0.95), rel=1e-6)
