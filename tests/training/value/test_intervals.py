"""Intervals from past misses, counted by hand."""

import numpy as np
import pytest

from jobs.training.value.history import History
from jobs.training.value.intervals import around, ends, scale
from tests.training.value.cohort import after, days


def test_a_tenth_of_the_misses_lies_beyond_each_end() -> None:
    # of 19: the 2nd and the 18th smallest
    assert ends(np.arange(19.0)[::-1]) == (1, 17)


def test_few_misses_give_their_extremes_and_none_no_interval() -> None:
    assert ends(np.array([3.0, -2.0])) == (-2, 3)
    assert ends(np.zeros(0)) is None
    low, high = around(np.ones(2), np.ones(2), None)
    assert np.isnan([low, high]).all()


def test_no_interval_begins_below_nothing_or_leaves_out_the_value() -> None:
    low, high = around(np.array([1.0, 10.0]), np.array([2.0, 2.0]), (-1.5, -0.5))
    assert list(low) == [0, 7]
    assert list(high) == [1, 10]


def test_an_account_whose_weeks_differ_has_a_wider_interval() -> None:
    steady = [("steady", day, 10.0) for day in range(0, 28, 7)]
    seen = History.of(days([*steady, ("wild", 20, 40.0)]), after(4))
    found = scale(seen, 28)
    wild = np.std([0, 40, 0, 0]) * 2  # of four weeks
    assert found == pytest.approx([0.1 * wild / 2, wild + 0.1 * wild / 2])
