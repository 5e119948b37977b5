"""`build` on a small shop with a real Spark server, real files and real kills."""

import contextlib
import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs import lake as tables
from jobs.ops import builds
from jobs.settings import ROOT, settings
from jobs.spark import changes, session, watermark
from jobs.spark.build import Refused, WrongColumns, build
from jobs.spark.upkeep import check, optimize
from tests.spark import toys
from tests.spark.toys import DEPARTMENTS, MONDAY, day, noon


def quarantined(name: str = "bronze.toy_lines") -> list[tuple[object, ...]]:
    if not tables.exists("ops.quarantine"):
        return []
    found = tables.read("ops.quarantine", sql=f"select * from t where table_name = '{name}'")
    return [
        (r["batch_id"], r["row_number"], tuple(r["rules"]), r["rows"]) for r in found.to_pylist()
    ]


def test_a_build_writes_only_what_changed(shop: Path, tmp_path: Path) -> None:
    for n in range(1, 9):
        toys.land_lines(
            tmp_path, day(n), [(f"d{n}", "p1", noon(n), "1.50"), (f"d{n}", "p2", noon(n), "2")]
        )
    first = toys.build_all()
    written = {name for name, record in first.items() if record.outcome == "written"}
    assert written == set(first) - {"bronze.toy_products", "silver.toy_products"}
    assert first["silver.toy_lines"].rows_made == 17
    assert len(toys.rows("features.toy_weeks")) == 1  # one Sunday has passed

    versions = {toy.name: tables.version(toy.name) for toy in toys.ALL}
    again = toys.build_all()
    assert {r.why for r in again.values()} == {"no input changed"}
    assert {toy.name: tables.version(toy.name) for toy in toys.ALL} == versions

    # a line of the first day comes a week late, with a correction of an amount of the second day
    toys.land_lines(
        tmp_path,
        day(9),
        [("d0", "p3", noon(0), "4"), ("d1", "p1", noon(1), "9"), ("d9", "p1", noon(9), "1")],
    )
    late = toys.build_all()
    assert late["silver.toy_lines"].rows_superseded == 1
    assert late["silver.toy_lines"].slices_written == 3
    assert late["gold.toy_days"].slices_written == 3
    assert late["gold.toy_products"].rows_written == 2  # p1 and p3
    assert ("d1", "p1", day(1)) in [r[:3] for r in toys.rows("silver.toy_lines")]
    assert sum(r[2] for r in toys.rows("gold.toy_days") if r[0] == day(1)) == 11  # type: ignore[misc]

    # p2 moves to another department: the days in which it was sold are built again
    toys.land_products(tmp_path, day(10), {"p1": "GROCERY", "p2": "BAKERY"})
    moved = toys.build_all()
    assert moved["silver.toy_lines"].slices_written == 8
    assert "DELI" not in {r[1] for r in toys.rows("gold.toy_days")}
    assert moved["gold.toy_products"].outcome == "unchanged"  # no amount is other than before
    assert moved["gold.toy_products"].watermark
    assert build(toys.TOTALS).why == "no input changed"


def test_a_product_that_leaves_the_snapshot_is_deleted(shop: Path, tmp_path: Path) -> None:
    toys.land_products(tmp_path, day(1), {"p1": "GROCERY"})
    build(toys.PRODUCTS)
    assert build(toys.LISTED).rows_written == 1
    assert toys.rows("silver.toy_products") == [("p1", "GROCERY")]


def test_slices_named_by_hand_are_built_and_the_watermark_stays(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    build(toys.LINES)
    by_hand = build(toys.SOLD, days=(MONDAY, MONDAY))
    assert (by_hand.kind, by_hand.outcome, by_hand.watermark) == ("named", "unchanged", None)
    assert build(toys.SOLD).slices_written == 1


def test_changed_code_rebuilds_unless_it_is_accepted(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watermark, "fingerprint", lambda which: {"make.py": "another"})
    assert build(toys.DAYS, accept_code=True).why == "code accepted as it is"
    assert build(toys.DAYS).why == "no input changed"
    assert build(toys.TOTALS).why.startswith("code changed")


def test_accepted_code_leaves_what_has_landed_to_be_built(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    build(toys.LINES)
    monkeypatch.setattr(watermark, "fingerprint", lambda which: {"make.py": "another"})
    build(toys.SOLD, accept_code=True)
    assert build(toys.SOLD).slices_written == 1
    assert len(toys.rows("silver.toy_lines")) == 2


def test_changed_code_is_accepted_but_for_the_days_that_it_reaches(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    build(toys.LINES)
    build(toys.SOLD)
    monkeypatch.setattr(watermark, "fingerprint", lambda which: {"make.py": "another"})
    doubled = toys.Events(
        **{
            **vars(toys.SOLD),
            "make": lambda *inputs: toys.sold(*inputs).withColumn("noise", F.lit(7)),
        }
    )
    reached = build(doubled, days=(day(1), day(1)), accept_code=True)
    assert (reached.kind, reached.slices_written) == ("named", 1)
    assert build(doubled).why == "no input changed"
    noise = {str(row[2]): row[-1] for row in toys.rows("silver.toy_lines")}
    assert (noise[str(day(1))], noise[str(MONDAY)]) == (7, 0)


def test_a_changed_schema_is_built_whole_or_not_at_all(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    toys.build_all(toys.DAYS)
    wider = toys.Events(
        **{
            **vars(toys.DAYS),
            "schema": toys.DAYS.schema + ", weekday int comment '1 = Sunday'",
            "make": lambda lines: toys.days(lines).selectExpr("*", "dayofweek(sold_date) weekday"),
        }
    )
    for narrow in ({"days": (MONDAY, MONDAY)}, {"accept_code": True}):
        with pytest.raises(changes.CannotName, match="SCHEMA"):
            build(wider, **narrow)  # type: ignore[arg-type]
    assert len(toys.rows("gold.toy_days")) == 2
    assert build(wider).why.startswith("code changed")
    assert [r[-1] for r in toys.rows("gold.toy_days")] == [2, 3]


def test_new_columns_that_old_files_lack_take_no_rows_away(shop: Path, tmp_path: Path) -> None:
    wider = toys.Landed(**{**vars(toys.LINES), "schema": toys.LINES.schema + ", colour string"})
    for _ in range(2):  # and it is not taken
        with pytest.raises(Refused, match="nothing was written"):
            build(wider)
    assert len(toys.rows("bronze.toy_lines")) == 1


def test_a_batch_that_a_new_rule_holds_back_is_looked_at_again(lake: Path, tmp_path: Path) -> None:
    toys.land_rows(tmp_path, MONDAY, [["o", "p", "2017-03-06 17:00:00", "1", ""]] * 101)
    build(toys.LINES)
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    schema = toys.LINES.schema.replace("work bigint", "work bigint not null")
    stricter = toys.Landed(**{**vars(toys.LINES), "schema": schema})
    for _ in range(2):
        with pytest.raises(Refused, match=r"101 of 101 rows: not_null\(work\)"):
            build(stricter)
    assert len(toys.rows("bronze.toy_lines")) == 102


def test_a_column_that_has_statistics_may_leave_and_a_key_be_renamed(
    shop: Path, tmp_path: Path
) -> None:
    wide = {
        "schema": toys.SOLD.schema.replace("product_id", "item_id") + ", seen date",
        "key": ("order_id", "item_id"),
        "make": lambda lines, listed: (
            toys.sold(lines, listed)
            .withColumnRenamed("product_id", "item_id")
            .selectExpr("*", "sold_date as seen")
        ),
    }
    assert build(toys.Events(**{**vars(toys.SOLD), **wide})).slices_written == 1
    assert [r[-1] for r in toys.rows("silver.toy_lines")] == [MONDAY]
    assert build(toys.SOLD).rows_written == 1


def test_an_input_that_was_made_anew_is_compared_whole(shop: Path, tmp_path: Path) -> None:
    shutil.rmtree(shop / "bronze" / "toy_lines")
    toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), "3")])
    build(toys.LINES)
    assert build(toys.SOLD).why == "bronze.toy_lines was made anew"
    assert [r[3] for r in toys.rows("silver.toy_lines")] == [3]


def test_a_landing_folder_that_is_away_empties_no_table(shop: Path, tmp_path: Path) -> None:
    for n in (1, 2):
        toys.land_lines(tmp_path, day(n), [(f"d{n}", "p1", noon(n), "1.50")])
    build(toys.LINES)
    rows, landed = toys.rows("bronze.toy_lines"), settings().landing
    landed.rename(tmp_path / "not mounted")
    with pytest.raises(changes.BatchesGone, match=r"3 of its 3 batches .* Is its disk there"):
        build(toys.LINES)
    assert toys.rows("bronze.toy_lines") == rows
    shutil.rmtree(landed, ignore_errors=True)
    (tmp_path / "not mounted").rename(landed)
    assert build(toys.LINES).outcome == "unchanged"


@pytest.mark.parametrize(
    ("before", "gone", "is_accident"),
    [(9, 5, True), (10, 5, False), (7, 4, False), (2, 2, True), (1, 1, False)],
)
def test_most_of_a_tables_batches_do_not_leave_at_once(
    state: Path, before: int, gone: int, is_accident: bool
) -> None:
    named = [f"till/{n}" for n in range(before)]
    told = pytest.raises(changes.BatchesGone) if is_accident else contextlib.nullcontext()
    with told:
        changes._check_landed(toys.LINES, named, named[gone:])


def test_a_feed_that_was_vacuumed_is_compared_whole(shop: Path, tmp_path: Path) -> None:
    for amount in ("2", "3"):
        toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), amount)])
        build(toys.LINES)
    with session.opened("bronze.toy_lines") as spark:
        spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
        spark.sql(f"vacuum delta.`{shop}/bronze/toy_lines` retain 0 hours").collect()
    assert "change feed is gone" in build(toys.SOLD).why
    assert [r[3] for r in toys.rows("silver.toy_lines")] == [3]
    # and of a table of entities
    build(toys.TOTALS)
    for amount in ("4", "5"):
        toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), amount)])
        build(toys.LINES)
        build(toys.SOLD)
    with session.opened("silver.toy_lines") as spark:
        spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
        spark.sql(f"vacuum delta.`{shop}/silver/toy_lines` retain 0 hours").collect()
    assert "change feed is gone" in build(toys.TOTALS).why
    assert toys.rows("gold.toy_products") == [("p1", 5)]


def test_what_a_restore_took_back_is_built_again_and_what_is_made_from_it_follows(
    shop: Path, tmp_path: Path
) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "2")])
    build(toys.LINES)
    build(toys.SOLD)
    with session.passing() as spark:
        spark.sql(f"restore delta.`{shop}/bronze/toy_lines` to version as of 1").collect()
    # it is as it was: what is made from it too
    assert build(toys.SOLD).slices_written == 1
    assert [r[0] for r in toys.rows("silver.toy_lines")] == ["o1"]
    # and its own build knows that the batch is not in it any more
    assert build(toys.LINES).why == "1 batch landed"
    build(toys.SOLD)
    assert [r[0] for r in toys.rows("silver.toy_lines")] == ["o1", "o2"]


def test_optimize_leaves_the_tables_and_what_was_built(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    toys.build_all(toys.DAYS)
    before = toys.rows("silver.toy_lines")
    optimize("silver.toy_lines")
    assert toys.rows("silver.toy_lines") == before
    assert build(toys.DAYS).outcome == "unchanged"
    assert not check("silver.toy_lines").missing


def test_a_line_that_comes_again_on_another_day_leaves_its_old_one(
    shop: Path, tmp_path: Path
) -> None:
    toys.land_lines(tmp_path, day(5), [("o5", "p1", noon(5), "1")])
    toys.build_all(toys.SOLD)
    toys.land_lines(tmp_path, day(6), [("o1", "p1", noon(5), "7")])
    toys.build_all(toys.SOLD)
    moved = [("o1", "p1", day(5), 7), ("o5", "p1", day(5), 1)]
    assert [r[:4] for r in toys.rows("silver.toy_lines")] == moved
    # the day of its newest version alone, and the day of its old one alone
    for n in (0, 5):
        build(toys.SOLD, days=(day(n), day(n)))
        assert [r[:4] for r in toys.rows("silver.toy_lines")] == moved


def test_a_key_that_stands_in_another_slice_refuses_the_build(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, day(5), [("o1", "p1", noon(5), "7")])
    build(toys.LINES)
    unaware = toys.Input("bronze.toy_lines", toys.window(before=1, after=0, on="sold_at"))
    blind = toys.Events(**{**vars(toys.SOLD), "inputs": (unaware, toys.SOLD.inputs[1])})
    with pytest.raises(Refused, match=r"key\(order_id, product_id\)"):
        build(blind, days=(day(5), day(5)))
    assert not Path(settings().staging, "silver.toy_lines").exists()  # it may hold personal data
    build(toys.SOLD)
    assert [r[:3] for r in toys.rows("silver.toy_lines")] == [("o1", "p1", day(5))]


def test_a_value_that_moves_to_the_next_column_is_a_change(lake: Path, tmp_path: Path) -> None:
    toys.land_products(tmp_path, MONDAY, {"p1": "A", "": "B"})
    build(toys.PRODUCTS)
    assert toys.rows("bronze.toy_products") == [("p1", "A"), (None, "B")]
    toys.land_products(tmp_path, MONDAY, {"p1": "A", "B": ""})
    build(toys.PRODUCTS)
    assert toys.rows("bronze.toy_products") == [("B", None), ("p1", "A")]


def test_sundays_pass_where_nothing_is_sold_and_go_where_sales_are_taken_back(
    shop: Path, tmp_path: Path
) -> None:
    def weeks_after(number: int, lines: list[toys.Line]) -> list[tuple[object, ...]]:
        toys.land_lines(tmp_path, day(number), lines)
        for toy in (toys.LINES, toys.SOLD, toys.DAYS, toys.TRAILING):
            build(toy)
        return toys.rows("features.toy_weeks")

    assert toys.rows("features.toy_weeks") == []  # the Sunday has not come
    late = [("o2", "p1", noon(9), "1")]
    assert weeks_after(9, late) == [(day(6), 1)]
    assert weeks_after(9, []) == []
    # and where nothing at all is left
    weeks_after(9, late)
    toys.land_lines(tmp_path, MONDAY, [])
    assert weeks_after(9, []) == toys.rows("gold.toy_days") == []


# --- what may be written ---


def test_a_broken_key_refuses_the_build_and_the_table_stays(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, version = toys.rows("gold.toy_days"), tables.version("gold.toy_days")
    twice = toys.Events(
        **{**vars(toys.DAYS), "make": lambda lines: toys.days(lines).union(toys.days(lines))}
    )
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    build(toys.LINES)
    build(toys.SOLD)
    with pytest.raises(Refused, match=r"key\(sold_date, department\)"):
        build(twice)
    assert (toys.rows("gold.toy_days"), tables.version("gold.toy_days")) == (before, version)
    refused = tables.read("ops.builds", sql="select * from t where outcome = 'refused'").to_pylist()
    assert [r["table_name"] for r in refused] == ["gold.toy_days"]
    assert build(toys.DAYS).slices_written == 1


def test_a_make_that_does_not_give_its_schema_is_named(shop: Path, tmp_path: Path) -> None:
    other = toys.Events(**{**vars(toys.DAYS), "make": lambda lines: lines.select("sold_date")})
    with pytest.raises(WrongColumns, match="department"):
        build(toys.Events(**{**vars(other), "schema": toys.DAYS.schema + ", more int"}))


@pytest.fixture
def future_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row rule of the kind that real tables have."""
    import great_expectations.expectations as gxe

    home = types.ModuleType("expectations.bronze.toy_lines")
    home.RULES = [  # type: ignore[attr-defined]
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="_known_at",
            column_B="sold_at",
            or_equal=True,
            severity="critical",
            meta={"reason": "sold_in_the_future"},
        )
    ]
    monkeypatch.setitem(sys.modules, home.__name__, home)


def test_bad_rows_go_to_quarantine_and_leave_it_when_corrected(
    lake: Path, tmp_path: Path, future_rule: None
) -> None:
    toys.land_rows(
        tmp_path,
        MONDAY,
        [
            ["o1", "p1", "2017-03-06 17:00:00", "1.00", 0],
            ["o2", "p1", "2017-03-06 17:00:00", "dear", 0],  # not a number
            ["", "p1", "2017-03-06 17:00:00", "1.00", 0],  # no order
            ["o4", "p1", "2031-03-06 17:00:00", "1.00", 0],  # after the drop was complete
            ["o5", "p1", "yesterday", "", 0],  # two faults
            ["o6", "p1", "2017-03-06 17:00:00", "1.00", 0, "more"],  # a cell too many
            ["o7", "", "2017-03-06 17:00:00", "1.00", ""],  # null where null is allowed
            ["o8", "p1", "2017-03-06 17:00", "1.500", 0],  # says no more than the types hold
            ["o9", "p1", "2017", "3.999", 0],  # a cast would make a midnight and 4.00 of it
        ],
    )
    built = build(toys.LINES)
    assert (built.rows_landed, built.rows_made, built.rows_refused) == (9, 3, 6)
    assert sorted(quarantined()) == [
        ("till/2017-03-06", 2, ("type(amount_usd)",), 1),
        ("till/2017-03-06", 3, ("not_null(order_id)",), 1),
        ("till/2017-03-06", 4, ("sold_in_the_future",), 1),
        ("till/2017-03-06", 5, ("type(sold_at)", "not_null(amount_usd)"), 1),
        ("till/2017-03-06", 6, ("row(columns)",), 1),
        ("till/2017-03-06", 9, ("type(sold_at)", "type(amount_usd)"), 1),
    ]
    received = tables.read("ops.quarantine", sql="select received from t where row_number = 2")
    assert json.loads(received["received"][0].as_py())["amount_usd"] == "dear"

    toys.land_rows(tmp_path, MONDAY, [["o2", "p1", "2017-03-06 17:00:00", "2.00", 0]])
    assert build(toys.LINES).rows_refused == 0
    assert quarantined() == []
    assert [r[0] for r in toys.rows("bronze.toy_lines")] == ["o2"]


HEADER = b"order,product,time,amount,work\n"
ROW = b"o1,p1,2017-03-06 17:00:00,1.00,0\n"


def test_a_bad_file_is_named_and_the_other_batches_go_on(lake: Path, tmp_path: Path) -> None:
    contents = [
        HEADER + ROW,
        HEADER,  # no rows: nothing was sold
        b"",
        b"order,product,time,work\no1,p1,2017-03-06,0\n",  # a column is missing
        b"order,product,time,amount,work,colour\no1,p1,2017-03-06 17:00:00,1.00,0,red\n",
        HEADER + "ö1,p1,2017-03-06,1.00,0\n".encode("latin-1"),
    ]
    for number, content in enumerate(contents):
        path = tmp_path / "lines.csv"
        path.write_bytes(content)
        toys.land_file(path, day(number))
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(HEADER + ROW * 3))
    cut = toys.land_file(path, day(6)).folder / path.name
    cut.write_bytes(cut.read_bytes()[:-9])  # the disk lost the end after landing
    with pytest.raises(Refused, match=r"4 batches held back, .*file\(unreadable\)"):
        build(toys.LINES)
    kept = tables.read("bronze.toy_lines", sql="select _batch_id from t order by 1")
    assert kept["_batch_id"].to_pylist() == ["till/2017-03-06", "till/2017-03-10"]
    assert sorted((q[0], q[2], q[3]) for q in quarantined()) == [
        ("till/2017-03-08", ("file(unreadable)",), 0),
        ("till/2017-03-09", ("file(missing column)",), 1),
        # another encoding than was said: nobody knows how many rows it holds
        ("till/2017-03-11", ("file(unreadable)",), 0),
        ("till/2017-03-12", ("file(unreadable)",), 3),
    ]


def test_exact_copies_are_counted_and_dropped(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), "1")] * 3)
    build(toys.LINES)
    built = build(toys.SOLD)
    assert (built.rows_landed, built.rows_made, built.rows_duplicate) == (3, 1, 2)


def test_a_batch_with_too_many_bad_rows_is_held_back_and_the_others_go_on(
    shop: Path, tmp_path: Path
) -> None:
    toys.land_rows(tmp_path, MONDAY, [["o", "p", "never", "1", 0]] * 101)
    toys.land_lines(tmp_path, day(1), [(f"o{n}", "p1", noon(1), "1") for n in range(3_000)])
    for _ in range(2):  # it is not taken: it is looked at again
        with pytest.raises(Refused, match=r"till/2017-03-06: 101 of 101 rows: type\(sold_at\)"):
            build(toys.LINES)
    kept = toys.rows("bronze.toy_lines")
    assert len(kept) == 3_001
    assert ("o1", "p1") in [r[:2] for r in kept]  # what the batch held before
    assert len(quarantined()) == 101
    toys.land_lines(tmp_path, MONDAY, [("o2", "p1", noon(0), "1")])
    assert build(toys.LINES).rows_written == 1
    assert quarantined() == []


def test_a_file_that_arrives_broken_takes_no_good_rows_away(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.csv.gz"
    path.write_bytes(gzip.compress(HEADER + ROW * 3)[:-9])
    assert toys.land_file(path, MONDAY).files[0].rows is None
    with pytest.raises(Refused, match="unreadable"):
        build(toys.LINES)
    assert len(toys.rows("bronze.toy_lines")) == 1


# --- kills ---


def test_an_interrupted_build_is_built_by_the_next_one(shop: Path, tmp_path: Path) -> None:
    def interrupted(lines: object) -> None:
        raise KeyboardInterrupt

    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "1")])
    build(toys.LINES)
    build(toys.SOLD)
    with pytest.raises(KeyboardInterrupt):
        build(toys.Events(**{**vars(toys.DAYS), "make": interrupted}))
    assert build(toys.DAYS).rows_written == 1
    asked = "select outcome from t where table_name = 'gold.toy_days' order by finished_at"
    told = tables.read("ops.builds", sql=asked)["outcome"].to_pylist()
    assert told == ["written", "failed", "written"]
    [why] = tables.read(
        "ops.builds", sql="select error from t where outcome = 'failed'"
    ).to_pylist()
    assert why == {"error": "KeyboardInterrupt"}


def test_a_wide_build_whose_last_chunk_is_as_stored_holds_too(lake: Path, tmp_path: Path) -> None:
    toys.land_products(tmp_path, MONDAY, DEPARTMENTS)
    first, last = [(f"o{n}", "p1", noon(n), "1") for n in (0, 8)]
    toys.land_lines(tmp_path, day(9), [first, last])
    toys.build_all(toys.SOLD)
    toys.land_lines(tmp_path, day(10), [(*first[:3], "2"), last])
    build(toys.LINES)
    assert build(toys.Events(**{**vars(toys.SOLD), "chunk": 1})).slices_written == 1
    assert build(toys.SOLD).why == "no input changed"


def test_a_killed_client_s_query_does_not_commit_later(shop: Path, tmp_path: Path) -> None:
    toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), "3")], work=60_000_000)
    build(toys.LINES)
    child = toys.start("silver.toy_lines")
    staging = Path(settings().staging) / "silver.toy_lines"
    until = time.monotonic() + 120
    while not list(staging.glob("candidate*/_temporary/*")) and time.monotonic() < until:
        assert child.poll() is None, "the slow build ended before it could be killed"
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), "2")], work=0)
    toys.build_all(toys.SOLD)
    assert not list(staging.glob("*"))
    commits = tables.opened("silver.toy_lines").history()
    assert [c["operation"] for c in commits] == ["WRITE", "WRITE", "CREATE TABLE"]
    assert [r[3] for r in toys.rows("silver.toy_lines")] == [2]


STAGE = """
from jobs.spark import session, store
with session.opened("silver.toy_lines") as spark:
    store.clear_staging("silver.toy_lines")
    print(store.stage(spark, spark.range(3), "silver.toy_lines", "candidate").toArrow().num_rows)
"""


def test_a_process_that_repeats_a_killed_one_reads_what_it_staged_itself(lake: Path) -> None:
    for _ in range(2):  # the same plans with the same numbers, as a task that is tried again
        command = [sys.executable, "-c", STAGE]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b"3\n"


def test_a_build_killed_after_its_commit_is_still_recorded(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = "table_name = 'gold.toy_days'"
    tables.replace(builds.TABLE, [], mine)  # as if the process had died before it wrote the row
    assert build(toys.DAYS).outcome == "written"  # told by whoever comes next
    kept = tables.read("ops.builds", sql=f"select * from t where {mine}").to_pylist()
    assert {r["outcome"]: (r["rows_made"], r["rows_written"]) for r in kept} == {
        "written": (1, 1),
        "unchanged": (0, 0),
    }
    assert {r["table_version"] for r in kept} == {tables.version("gold.toy_days")}


def test_a_creation_that_was_cut_short_is_done_again(lake: Path, tmp_path: Path) -> None:
    log = lake / "bronze" / "toy_lines" / "_delta_log"
    log.mkdir(parents=True)
    (log / ".00000000000000000000.json.1a.tmp").write_text("")  # as a killed client left it
    toys.land_lines(tmp_path, MONDAY, [("o1", "p1", noon(0), "1")])
    build(toys.LINES)
    assert len(toys.rows("bronze.toy_lines")) == 1
