"""The plan of a small shop: what would be built, how far down, and that nothing is."""

import datetime as dt
from pathlib import Path

import pytest

from jobs import lake as tables
from jobs.spark import plan, session
from jobs.spark.build import build
from jobs.spark.plan import Planned, ranges
from tests.spark import toys
from tests.spark.toys import MONDAY, day, noon


def planned() -> dict[str, Planned]:
    return {each.table: each for each in plan.plan([toy.name for toy in toys.ALL])}


def test_a_plan_follows_what_moves_and_builds_nothing(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.delattr(session, "passing")  # where nothing has changed Spark is not asked
        assert {each.why for each in planned().values()} == {"no input changed"}
    # an order of next week, one of today that comes late, and a product in another department
    toys.land_lines(tmp_path, day(7), [("o2", "p1", noon(7), "1"), ("o3", "p2", noon(0), "1")])
    toys.land_products(tmp_path, day(7), {"p1": "DELI", "p2": "DELI"})
    versions = {toy.name: tables.version(toy.name) for toy in toys.ALL}
    told = planned()
    lines = told["bronze.toy_lines"]
    assert (lines.kind, lines.why, lines.ranges) == (
        *("changed", "1 batch landed"),
        ("till/2017-03-13",),
    )
    sold = told["silver.toy_lines"]
    assert sold.upstream == ("bronze.toy_lines", "bronze.toy_products")
    assert sold.ranges == ("2017-03-05 … 03-06 (2 days)", "2017-03-12 … 03-13 (2 days)")
    assert sold.also == ("days with a product_id that changes in bronze.toy_products",)
    days = told["gold.toy_days"]
    assert set(days.slices) == set(sold.slices)
    assert days.also == ("the days of rows that change in silver.toy_lines",)
    assert told["gold.toy_products"].also == (
        "the product_id of rows that change in silver.toy_lines",
    )
    assert told["silver.toy_products"].kind == "everything"
    # a day at most: with the Sunday before
    assert told["features.toy_weeks"].ranges == ("2017-03-05 … 03-12 (2 weeks)",)
    plan.show([*told.values()])
    assert "bronze.toy_lines" in capsys.readouterr().out
    assert {toy.name: tables.version(toy.name) for toy in toys.ALL} == versions

    # what is built is within what was told
    toys.build_all()
    assert {r[2] for r in toys.rows("silver.toy_lines")} <= set(sold.slices)


def test_a_plan_says_how_far_own_changes_reach_and_which_code_is_other(
    shop: Path, tmp_path: Path
) -> None:
    toys.land_lines(tmp_path, day(2), [("o2", "p1", noon(2), "1")])
    build(toys.LINES)
    build(toys.SOLD)
    told = planned()
    assert told["silver.toy_lines"].kind == "nothing"
    assert (told["gold.toy_days"].ranges, told["gold.toy_days"].also) == (("2017-03-08",), ())
    assert told["gold.toy_products"].units == 1


def test_on_a_narrow_screen_no_name_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    long = ("the account_id, business_date of rows that change in bronze.order_lines",)
    names = ("silver.order_lines", "silver.order_lines_superseded")
    plan.show([Planned(name, "changed", "bronze.order_lines moves", also=long) for name in names])
    told = capsys.readouterr().out
    assert "…" not in told
    assert {line.split()[1] for line in told.splitlines() if " silver." in line} == {*names}


def test_days_in_a_row_are_one_range_and_batches_too() -> None:
    days = [MONDAY + dt.timedelta(n) for n in (0, 1, 2, 5)]
    assert ranges(days) == ("2017-03-06 … 03-08 (3 days)", "2017-03-11")
    weeks = [dt.date(2016, 12, 25), dt.date(2017, 1, 1)]
    assert ranges(weeks, 7) == ("2016-12-25 … 2017-01-01 (2 weeks)",)
    batches = ["till/2017-03-05", "till/2017-03-06", "erp/2017-03-05", "models/run-7"]
    assert ranges(batches) == (
        *("erp/2017-03-05", "till/2017-03-05 … 03-06 (2 batches)"),
        "models/run-7",
    )
