"""The contract of tables, without Spark."""

import datetime as dt

import pytest

from jobs.table import KeepsNoHistory, as_known

MAY = dt.date(2017, 5, 31)


def test_a_table_without_history_says_what_it_lacks() -> None:
    with pytest.raises(KeepsNoHistory, match=r"silver\.stores .* no known_date and no superseded"):
        as_known("silver.stores", MAY)
