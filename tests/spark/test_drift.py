"""Files whose columns are other ones than yesterday's: kept and told, or held back by name."""

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import lake as tables
from jobs import landing
from jobs.spark.build import Refused, build
from jobs.table import Landed
from tests.spark import toys

MONDAY = dt.date(2017, 3, 6)
SOLD_AT = "2017-03-06 17:00:00"


def day(number: int) -> dt.date:
    return MONDAY + dt.timedelta(number)


def land(folder: Path, number: int, rows: list[dict[str, Any]]) -> landing.Manifest:
    """A day's drop as CSV, of whatever columns."""
    path = folder / f"lines_{number}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return toys.land_file(path, day(number))


def line(order: str, **more: Any) -> dict[str, Any]:
    plain = {"order": order, "product": "p", "time": SOLD_AT, "amount": "1.00", "work": "0"}
    return plain | more


def extra_columns() -> list[tuple[str, str]]:
    found = tables.read("ops.extra_columns").to_pylist()
    return sorted((row["batch_id"], row["column_name"]) for row in found)


def kept(column: str) -> dict[str, Any]:
    found = tables.read("bronze.toy_lines", sql=f"select order_id, {column} as c from t")
    return {row["order_id"]: row["c"] for row in found.to_pylist()}


def test_a_new_column_is_kept_and_told_and_comes_home_once_schema_has_it(
    lake: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    land(tmp_path, 0, [line("o0")])
    land(tmp_path, 1, [line("o1", colour="red"), line("o2", colour="")])
    land(tmp_path, 2, [line("o3", colour="blue", shelf="7")])
    assert build(toys.LINES).rows_refused == 0
    assert kept("_extra") == {
        "o0": None,
        "o1": '{"colour":"red"}',
        "o2": None,
        "o3": '{"colour":"blue","shelf":"7"}',
    }
    assert extra_columns() == [
        ("till/2017-03-07", "colour"),
        ("till/2017-03-08", "colour"),
        ("till/2017-03-08", "shelf"),
    ]
    assert "colour, shelf" in caplog.text

    schema = toys.LINES.schema + ", colour string"
    with pytest.raises(Refused, match=r"missing colour \(string\); the file has order"):
        build(Landed(**{**vars(toys.LINES), "schema": schema}))  # Monday's file never had it
    wider = Landed(**{**vars(toys.LINES), "schema": schema, "since": {"colour": "2017-03-08"}})
    build(wider)
    assert kept("colour") == {"o0": None, "o1": "red", "o2": None, "o3": "blue"}
    assert extra_columns() == [("till/2017-03-08", "shelf")]

    # known from the 8th on, a file without it is a fault again
    land(tmp_path, 3, [line("o4")])
    land(tmp_path, 4, [line("o5", colour="green")])
    with pytest.raises(Refused, match=r"till/2017-03-09.*lines_3.csv: missing colour \(string\)"):
        build(wider)
    assert {*kept("order_id")} == {"o0", "o1", "o2", "o3", "o5"}  # the others go on


def test_a_retyped_column_holds_its_batch_back_by_name_and_the_others_go_on(
    lake: Path, tmp_path: Path
) -> None:
    land(tmp_path, 0, [line("o0")])
    # ten rows are fewer than a table's limit, and not one of them is an amount
    land(tmp_path, 1, [line(f"x{n}", amount="1,50") for n in range(10)])
    file = tmp_path / "lines.parquet"
    columns = {"order_id": ["y"], "product_id": ["p"], "sold_at": [dt.datetime(2017, 3, 6, 17)]}
    pq.write_table(pa.table(columns | {"amount_usd": [True], "work": [1]}), file)
    told: dict[str, Any] = {"mode": "events", "watermark": "", "columns": {}, "format": "parquet"}
    known_at = dt.datetime(2017, 3, 9, 11, tzinfo=dt.UTC)
    landing.land("toy_lines", "till", "2017-03-08", [file], known_at=known_at, **told)
    with pytest.raises(Refused) as refused:
        build(toys.LINES)
    expected = "expected decimal(12,2), found"
    assert f"lines_1.csv: retyped amount_usd ({expected} numbers of another form)" in str(
        refused.value
    )
    assert f"lines.parquet: retyped amount_usd ({expected} bool)" in str(refused.value)
    assert {*kept("order_id")} == {"o0"}

    # what is only narrower than ours passes
    narrow = {"amount_usd": pa.array([3], pa.int32()), "work": pa.array([1], pa.int32())}
    pq.write_table(pa.table(columns | narrow), file)
    landing.land("toy_lines", "till", "2017-03-08", [file], known_at=known_at, **told)
    land(tmp_path, 1, [line("x", amount="1.50")])
    assert build(toys.LINES).rows_refused == 0
    assert {str(v) for v in kept("amount_usd").values()} == {"1.00", "1.50", "3.00"}


def test_a_type_that_schema_widens_passes_into_what_is_made_from_it(
    lake: Path, tmp_path: Path
) -> None:
    def stocked(kind: str) -> Landed:
        return Landed(**{**vars(toys.PRODUCTS), "schema": f"{toys.PRODUCTS.schema}, stock {kind}"})

    def land_products(number: int, stock: int) -> None:
        path = tmp_path / "products.csv"
        path.write_text(f"product_id,department,stock\np{number},DELI,{stock}\n")
        known_at = dt.datetime.combine(day(number), dt.time(1), dt.UTC)
        told: dict[str, Any] = {"mode": "snapshot", "watermark": "", "columns": {}, "format": "csv"}
        landing.land("toy_products", "erp", f"{day(number)}", [path], known_at=known_at, **told)

    land_products(0, 7)
    for which in (stocked("int"), toys.LISTED):
        build(which)
    land_products(1, 2**40)
    assert build(stocked("bigint")).rows_written == 2
    found = tables.read("bronze.toy_products", sql="select product_id, stock from t")
    assert sorted(found.to_pylist(), key=str) == [
        {"product_id": "p0", "stock": 7},
        {"product_id": "p1", "stock": 2**40},
    ]
    build(toys.LISTED)
    assert toys.rows("silver.toy_products") == [("p1", "DELI")]
