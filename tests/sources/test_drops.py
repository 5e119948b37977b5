"""The drops that the demo cuts, on the package's real data: its first days only."""

import csv
import datetime as dt
import gzip
from decimal import Decimal

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.demo import drops
from jobs.settings import settings

UNTIL = dt.date(2017, 1, 8)


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """The drops' folder, cut once for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALES_STATE", str(tmp_path_factory.mktemp("drops")))
        # 20.9 million rows are not what is tested here: three weeks stand for them
        patch.setattr(drops, "WEEKS", 3)
        settings.cache_clear()
        drops.cut(UNTIL)
        folder = settings().drops
    settings.cache_clear()
    return folder


def lines(folder, day):
    with gzip.open(folder / "till/order_lines" / day / "order_lines.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def test_a_week_of_drops_is_a_week_of_the_source_line_by_line_and_cent_by_cent(cut):
    """Cut by the shop's day, Monday to Sunday is the source's week 2; cut by UTC it is not."""
    source = pq.read_table(drops.package_file("transactions"))
    source = source.filter(pc.equal(source["week"], 2))
    found = [row for n in range(2, 9) for row in lines(cut, f"2017-01-0{n}")]
    assert {row["week"] for row in found} == {"2"}
    assert len(found) == source.num_rows
    expected = round(pc.sum(source["sales_value"]).as_py(), 2)
    assert sum(Decimal(row["sales_value"]) for row in found) == Decimal(str(expected))


def test_a_line_sold_late_in_the_evening_lies_in_its_own_day(cut):
    instants = sorted(row["transaction_timestamp"] for row in lines(cut, "2017-01-05"))
    # the shop's 5 January lasts from 05:00 UTC to 05:00 UTC of the 6th
    assert instants[0] >= "2017-01-05 05:00:00"
    assert "2017-01-06 00:00:00" < instants[-1] < "2017-01-06 05:00:00"


def test_promotions_are_dropped_before_their_week(cut):
    assert drops.plan_date(3) == dt.date(2017, 1, 6)  # a Friday; the week begins on the 9th
    path = cut / "erp/promotions/2017-01-06/promotions-week-03.parquet"
    assert set(pq.read_table(path)["week"].to_pylist()) == {3}
    assert len(list((cut / "erp/promotions/2017-01-01").iterdir())) == 2  # weeks 1 and 2


def test_campaigns_of_the_year_before_come_with_the_first_drop(cut):
    text = (cut / "erp/campaigns/2017-01-01/campaigns.csv").read_text()
    assert [row.split(",")[0] for row in text.splitlines()[1:]] == ["24", "25", "26"]


def test_nothing_is_cut_after_the_last_date_wanted(cut):
    assert max(path.name for path in (cut / "till/order_lines").iterdir()) == "2017-01-08"


def test_cutting_again_writes_nothing(monkeypatch):
    monkeypatch.setattr(drops, "WEEKS", 1)
    drops.cut(drops.FIRST_DAY)
    before = {path: path.stat().st_mtime_ns for path in settings().drops.rglob("*.*")}
    assert len(before) == 7  # products, three of campaigns, promotions, lines, redemptions
    drops.cut(drops.FIRST_DAY)
    assert {path: path.stat().st_mtime_ns for path in settings().drops.rglob("*.*")} == before


def test_a_closed_day_has_no_file():
    christmas = dt.date(2017, 12, 25)
    assert drops.of_day(drops.order_lines(), christmas).num_rows == 0
