"""Errors and calibration by hand."""

import numpy as np
import pandas as pd
import pytest

from jobs.training.value.accuracy import deciles, per_account

ROWS = pd.DataFrame(
    {
        "account_id": ["a", "b", "a"],  # a was judged in two windows
        "value_usd": [10.0, 50.0, 20.0],
        "lo80": [5.0, 40.0, 10.0],
        "hi80": [12.0, 70.0, 30.0],
        "actual_usd": [14.0, 40.0, 18.0],
    }
)


def test_metrics_by_hand() -> None:
    found = per_account(ROWS)
    assert dict(found["mae"]) == {"a": 3, "b": 10}
    assert dict(found["bias"]) == {"a": 1, "b": -10}
    assert dict(found["coverage"]) == {"a": 0.5, "b": 1}
    assert dict(found["width"]) == {"a": 13.5, "b": 30}
    assert dict(found["wape"]) == pytest.approx({"a": 3 / 24, "b": 10 / 24})


def test_without_interval_or_spend_nothing_is_said_of_them() -> None:
    found = per_account(ROWS.assign(lo80=np.nan, hi80=np.nan, actual_usd=0.0))
    assert found["coverage"].isna().all()
    assert found["wape"].isna().all()
    assert found["mae"].notna().all()


def test_deciles_are_equally_large_and_in_order() -> None:
    value = np.arange(20.0)[::-1]
    rows = pd.DataFrame({"account_id": range(20), "value_usd": value, "actual_usd": 2 * value})
    found = deciles(rows.assign(lo80=0.0, hi80=20.0))
    assert list(found["decile"]) == list(range(1, 11))
    assert set(found["accounts"]) == {2}
    assert list(found["actual_usd"]) == list(2 * found["value_usd"])
    assert list(found["value_usd"])[:2] == [0.5, 2.5]
    assert list(found["coverage"])[4:7] == [1, 0.5, 0]
