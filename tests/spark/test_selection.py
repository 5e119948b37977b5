"""Which tables a command means, on the real tables: no Spark."""

import pytest

from jobs.spark.selection import selected
from jobs.table import UnknownTable, in_build_order, table


def test_names_are_put_in_the_order_of_the_build() -> None:
    words = ["gold.daily_sales", "bronze.order_lines", "silver.order_lines"]
    assert selected(words) == ["bronze.order_lines", "silver.order_lines", "gold.daily_sales"]
    assert selected([]) == []


def test_a_plus_before_a_name_takes_all_that_it_is_made_from() -> None:
    found = selected(["+silver.order_lines"])
    assert found[-1] == "silver.order_lines"
    assert {i.name for i in table("silver.order_lines").inputs} <= set(found)
    assert all(name.startswith(("bronze.", "silver.")) for name in found)


def test_a_plus_behind_a_name_takes_all_that_is_made_from_it() -> None:
    found = selected(["silver.order_lines+"])
    assert found[0] == "silver.order_lines"
    assert {"gold.daily_sales", "features.sales_weekly", "scores.crm_outbox"} <= set(found)
    assert not [name for name in found if name.startswith("bronze.")]
    both = selected(["+silver.order_lines+"])
    assert set(both) == {*found, *selected(["+silver.order_lines"])}
    assert both == [name for name in in_build_order() if name in both]


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(UnknownTable, match=r"'silver\.orderlines'"):
        selected(["+silver.orderlines"])
