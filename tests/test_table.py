"""The contract of tables, without Spark."""

import datetime as dt

import pytest

from jobs.table import KeepsNoHistory, as_known

MAY = dt.date(2017, 5, 31)


def test_a_table_without_history_says_what_it_lacks() -> None:
    with pytest.raises(KeepsNoHistory, match=r"silver\.stores .* no known_date and no superseded"):
        as_known("silver.stores", MAY)


def test_a_day_and_a_column_with_days_are_asked_alike() -> None:
    told = as_known("features.interactions", MAY)
    assert told == "(known_date <= date '2017-05-31' and superseded_date > date '2017-05-31')"
    by_row = as_known("features.account_days", "as_of_date")
    assert by_row == "(known_date <= as_of_date and superseded_date > as_of_date)"


def test_a_table_with_its_history_beside_it_says_where() -> None:
    with pytest.raises(KeepsNoHistory, match=r"before is in silver\.order_lines_superseded"):
        as_known("silver.order_lines", MAY)
