"""What is known of accounts as of a date, counted by hand."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training.value.history import History, past_origins, spent
from tests.training.value.cohort import FIRST, after, days

ROWS = [("a", 0, 10.0), ("a", 13, 4.0), ("b", 20, 6.0), ("b", 27, 2.0), ("never", 5, 0.0)]


def test_an_account_without_an_order_is_none() -> None:
    seen = History.of(days(ROWS), after(4))
    assert list(seen.account_ids) == ["a", "b"]
    assert seen.days_known == 28


def test_rates_count_the_last_days_or_those_known() -> None:
    seen = History.of(days(ROWS), after(4))
    assert list(seen.rate(seen.sales, 14)) == [0, 8 / 14]
    assert list(seen.rate(seen.sales, 15)) == [4 / 15, 8 / 15]
    assert list(seen.rate(seen.sales, 365)) == [14 / 28, 8 / 28]


def test_what_is_a_half_life_old_counts_half() -> None:
    seen = History.of(days([("old", 0, 8.0), ("new", 14, 8.0)]), FIRST + dt.timedelta(days=14))
    new, old = seen.faded(seen.sales, 2)
    assert old == pytest.approx(new / 2)
    steady = History.of(days([("a", n, 3.0) for n in range(10)]), FIRST + dt.timedelta(days=9))
    assert steady.faded(steady.sales, 1) == pytest.approx([3.0])


def test_weeks_end_on_the_date() -> None:
    seen = History.of(days(ROWS), after(4))
    assert seen.weekly(seen.sales, 4).tolist() == [[0, 0, 4, 10], [2, 6, 0, 0]]
    assert seen.weekly(seen.sales, 99).shape == (2, 4)
    two_days = History.of(days(ROWS[:1]), FIRST + dt.timedelta(days=1))
    assert two_days.weekly(two_days.sales, 16).tolist() == [[10]]


def test_days_since_the_first_and_the_last_order() -> None:
    seen = History.of(days([*ROWS, ("b", 1, 0.0)]), after(4))
    first, last = seen.days_since(seen.orders > 0)
    assert (list(first), list(last)) == ([27, 7], [14, 0])


def test_a_window_is_counted_as_it_was_known_on_a_day() -> None:
    rows = days(ROWS)
    rows.loc[rows["sales_usd"] == 6, "known_date"] += pd.Timedelta(days=30)
    ids = np.array(["a", "b", "stranger"])
    assert list(spent(rows, ids, after(2), 14, after(4))) == [0, 2, 0]
    assert list(spent(rows, ids, after(2), 14, after(9))) == [0, 8, 0]


def test_past_windows_have_ended_and_know_as_much_before() -> None:
    rows = days(ROWS)
    assert past_origins(rows, after(4), 7, 7, 9) == [after(3), after(2), after(1)]
    assert past_origins(rows, after(4), 7, 7, 2) == [after(3), after(2)]
    assert past_origins(rows, after(4), 14, 7, 9) == [after(2)]
    assert past_origins(rows, after(4), 15, 7, 9) == []
    assert past_origins(rows.head(0), after(4), 7, 7, 9) == []


def test_a_past_day_by_which_no_order_was_known_is_no_origin() -> None:
    rows = days(ROWS)
    rows["known_date"] = rows["known_date"].clip(lower=pd.Timestamp(after(3)))
    assert past_origins(rows, after(4), 7, 7, 9) == [after(3)]
