"""A campaign's rows hold what was spent in which days, and nothing of later ones."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from jobs.table import FOREVER
from jobs.training.transactions import COLUMNS
from jobs.training.uplift.campaign import Asked, table
from jobs.training.uplift.rows import BadTable

STARTS = dt.date(2017, 6, 1)
ASKED = Asked("c", STARTS, horizon_days=10, before_days=20)


def day(account: str, after: int, usd: float, **told: Any) -> dict[str, Any]:
    """A day of purchases, so many days after the start."""
    at = pd.Timestamp(STARTS) + pd.Timedelta(days=after)
    row = {"account_id": account, "business_date": at, "known_date": at, "sales_usd": usd}
    zeros = {"orders": 1, "products": 1.0, "discount_usd": 0.0, "coupon_usd": 0.0}
    return {**row, "superseded_date": pd.Timestamp(FOREVER), **zeros, **told}


DAYS = [
    day("a", -50, 5.0),
    day("a", -21, 7.0),  # the last day that covariates know
    day("a", -20, 11.0),
    day("a", -1, 13.0),
    day("a", 0, 100.0),
    day("a", 9, 200.0),
    day("a", 10, 1000.0),  # after the end
    day("b", -30, 3.0),
    day("late", -5, 9.0),  # of whom nothing was known
    day("late", 20, 9.0),
]
RECEIVED = [("a", "c", STARTS), ("late", "c", STARTS), ("a", "earlier", dt.date(2017, 5, 1)),
            ("b", "just before", dt.date(2017, 5, 25))]  # fmt: skip


def days(*more: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([*DAYS, *more])[list(COLUMNS)].astype({"account_id": "category"})


def recipients() -> pd.DataFrame:
    found = pd.DataFrame(RECEIVED, columns=["account_id", "campaign_id", "starts_on"])
    return found.assign(starts_on=pd.to_datetime(found["starts_on"]))


def made(*more: dict[str, Any]) -> pd.DataFrame:
    return table(days(*more), recipients(), ASKED).set_index("account_id")


def test_every_dollar_is_of_its_time() -> None:
    found = made()
    assert found.index.tolist() == ["a", "b"]
    a, b = found.loc["a"], found.loc["b"]
    assert (a["treated"], b["treated"]) == (1, 0)
    assert (a["outcome"], b["outcome"]) == (300.0, 0.0)
    assert a["pre_outcome"] == pytest.approx(24.0 / 2), "of twice as many days"
    assert (a["sales_usd_28"], a["sales_usd_84"]) == (7.0, 12.0)
    assert (a["days_since_last"], a["days_since_first"], a["days_84"]) == (1, 30, 2)
    assert (a["campaigns_before"], b["campaigns_before"]) == (1, 0)
    assert found.notna().all(axis=None)


def test_covariates_know_nothing_of_later_days_nor_of_what_was_told_later() -> None:
    late = day("b", -40, 50.0, known_date=pd.Timestamp(STARTS))
    columns = [name for name in made() if name not in ("outcome", "pre_outcome")]
    pd.testing.assert_frame_equal(made(late, day("b", 3, 70.0))[columns], made()[columns])
    assert made(day("b", 3, 70.0)).loc["b", "outcome"] == 70.0


def test_days_that_end_too_early_or_begin_too_late_are_told() -> None:
    with pytest.raises(BadTable, match="known up to 2017-06-21, its 28 days end on 2017-06-28"):
        table(days(), recipients(), Asked("c", STARTS))
    with pytest.raises(BadTable, match="nobody bought before 2017-03-03, so that nothing is known"):
        table(days(), recipients(), Asked("c", STARTS, horizon_days=10, before_days=90))


def test_recipients_without_a_column_are_told() -> None:
    with pytest.raises(BadTable, match="recipients lack starts_on: give a row per account and"):
        table(days(), recipients().drop(columns="starts_on"), ASKED)
