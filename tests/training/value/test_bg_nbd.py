"""BG/NBD: figures of its authors, a cohort with known parameters, the ends of the range."""

import itertools

import numpy as np
import pytest
from scipy.special import hyp2f1

from jobs.training.value.bg_nbd import LIMITS, BgNbd, Bought

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426)  # the paper's estimate, weeks


def one(repeats: float, last: float, known: float) -> Bought:
    return Bought(np.array([repeats]), np.array([last]), np.array([known]))


def simulated(of: BgNbd, accounts: int, weeks: float) -> Bought:
    """Synthetic: accounts that buy and drop out as the model says, all known for as long."""
    chance = np.random.default_rng(5)
    rate = chance.gamma(of.r, 1 / of.alpha, accounts)
    leaves = chance.beta(of.a, of.b, accounts)
    repeats, last = np.zeros(accounts), np.zeros(accounts)
    for n in range(accounts):
        now = chance.exponential(1 / max(rate[n], 1e-300))
        while now < weeks:
            repeats[n], last[n] = repeats[n] + 1, now
            if chance.random() < leaves[n]:
                break
            now += chance.exponential(1 / rate[n])
    return Bought(repeats, last, np.full(accounts, weeks))


def test_the_authors_own_example() -> None:
    """Fader, Hardie, Lee: Implementing the BG/NBD Model in Excel (2005): customer 1, 39 weeks."""
    [found] = CDNOW.expected(one(2, 30.43, 38.86), 39)
    assert found == pytest.approx(1.226, abs=0.0005)


def test_alive_by_hand() -> None:
    of = BgNbd(r=1, alpha=1, a=1, b=1)
    # 1 / (1 + 1 / (1 + 2 - 1) * ((1 + 7) / (1 + 3)) ** (1 + 2))
    assert of.alive(one(2, 3, 7)) == pytest.approx(1 / (1 + 0.5 * 8))
    assert of.alive(one(0, 0, 7)) == 1  # nobody drops out before a second purchase


def test_the_likelihood_of_nothing_bought_again_by_hand() -> None:
    # (alpha / (alpha + T)) ** r
    [found] = BgNbd(r=2, alpha=3, a=0.5, b=2).log_likelihood(one(0, 0, 6))
    assert found == pytest.approx(2 * np.log(3 / 9))


def test_the_expectation_is_the_papers_equation_10() -> None:
    r, alpha, a, b = 0.8, 5.0, 0.4, 2.5
    x, known, time = 3.0, 20.0, 8.0
    series = hyp2f1(r + x, b + x, a + b + x - 1, time / (alpha + known + time))
    shrunk = ((alpha + known) / (alpha + known + time)) ** (r + x)
    expected = (a + b + x - 1) / (a - 1) * (1 - shrunk * series)
    of, bought = BgNbd(r, alpha, a, b), one(x, 15.0, known)
    assert of.expected(bought, time) == pytest.approx(expected * of.alive(bought))


def test_a_of_one_is_no_hole() -> None:
    near = [BgNbd(0.5, 4, a, 2).expected(one(2, 9, 12), 8)[0] for a in (0.999, 1.0, 1.001)]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-4)


def test_known_parameters_are_found_again() -> None:
    """Synthetic cohort at the paper's parameters."""
    found = BgNbd.fit(simulated(CDNOW, 20_000, 39))
    assert found.r == pytest.approx(CDNOW.r, rel=0.06)
    assert found.alpha == pytest.approx(CDNOW.alpha, rel=0.08)
    # of the drop-out only the mean is sharp
    assert found.a / (found.a + found.b) == pytest.approx(0.793 / (0.793 + 2.426), rel=0.06)


def test_the_unit_of_time_is_free() -> None:
    weeks = simulated(CDNOW, 2_000, 39)
    days = Bought(weeks.repeats, 7 * weeks.last, 7 * weeks.known)
    one_, other = BgNbd.fit(weeks), BgNbd.fit(days)
    assert other.alpha == pytest.approx(7 * one_.alpha, rel=1e-4)
    assert (other.r, other.a) == pytest.approx((one_.r, one_.a), rel=1e-4)


def test_the_range_of_parameters_has_finite_answers() -> None:
    ends = [np.exp(limits) for limits in LIMITS]
    repeats = np.array([0, 1, 40, 3_000.0])
    bought = Bought(repeats, np.array([0, 0, 300, 499.0]), np.array([1, 500, 500, 500.0]))
    for r, alpha, a, b in itertools.product(*ends):
        of = BgNbd(r, 500 * alpha, a, b)
        found, alive = of.expected(bought, 52), of.alive(bought)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert ((alive >= 0) & (alive <= 1)).all()


def test_a_cohort_that_never_bought_again_is_expected_to_buy_little() -> None:
    bought = Bought(np.zeros(50), np.zeros(50), np.arange(50) + 1.0)
    found = BgNbd.fit(bought).expected(bought, 8)
    assert np.isfinite(found).all()
    assert found.max() < 0.1
