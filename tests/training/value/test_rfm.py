"""RFM: fifths of who bought lately, often and for much."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.family import NothingToJudge
from jobs.training.value.rfm import fifths, rfm
from tests.training.value.cohort import after, days


def test_ten_accounts_make_five_pairs() -> None:
    assert list(fifths(np.arange(10))) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_equal_numbers_are_in_the_same_fifth() -> None:
    # six of ten have the least; the others have 6, 7, 8, 9 of ten below them
    assert list(fifths(np.array([1, 1, 1, 1, 1, 1, 2, 3, 4, 5]))) == [1] * 6 + [4, 4, 5, 5]


def test_the_order_of_rows_changes_nothing() -> None:
    rows = days([("b", 3, 5.0), ("a", 3, 5.0), ("c", 20, 9.0), ("a", 4, 1.0)])
    shuffled = rows.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(rfm(rows, after(4)), rfm(shuffled, after(4)))


def test_an_account_by_hand() -> None:
    rows = [("a", 0, 10.0), ("a", 21, 30.0)]  # recent, often, much
    rows += [("b", 7, 0.0), ("b", 7, 20.0)]  # a day without an order has no part but its sales
    rows += [("c", 27, 1.0)]
    found = rfm(days(rows), after(4)).set_index("account_id")
    assert list(found["recency_days"]) == [6, 20, 0]
    assert list(found["orders"]) == [2, 1, 1]
    assert list(found["sales_usd"]) == [40, 20, 1]
    assert list(found["rfm"]) == ["244", "112", "411"]


def test_orders_of_more_than_a_year_ago_count_for_recency_only() -> None:
    rows = days([("old", 0, 50.0), ("new", 400, 5.0)])
    found = rfm(rows, after(60)).set_index("account_id")
    assert found.loc["old", "recency_days"] == 419
    assert tuple(found.loc["old", ["orders", "sales_usd"]]) == (0, 0)


def test_what_comes_later_changes_nothing() -> None:
    rows = [("a", 3, 5.0), ("b", 9, 7.0)]
    later = days([*rows, ("a", 28, 99.0), ("new", 28, 9.0)])
    late = days([*rows, ("b", 10, 99.0)])
    late.loc[late["sales_usd"] == 99, "known_date"] += pd.Timedelta(days=90)
    expected = rfm(days(rows), after(4))
    for more in (later, late):
        pd.testing.assert_frame_equal(rfm(more, after(4)), expected)


def test_nobody_is_told() -> None:
    with pytest.raises(NothingToJudge, match="no account has an order by 2017-01-29"):
        rfm(days([("a", 3, 0.0)]), after(4))
