"""Small rows for the tests of tables: what a test does not name has a plain default."""

import datetime as dt
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row

from jobs.table import FOREVER, Column, columns, table
from tests.conftest import Server, settled

AT = dt.datetime(2017, 3, 6, 11)  # UTC

PLAIN: dict[str, Any] = {
    "string": "x",
    "int": 1,
    "bigint": 1,
    "double": 1.0,
    "boolean": True,
    "date": dt.date(2017, 3, 5),
    "timestamp": AT,
}


def value(row: dict[str, Any], column: Column) -> Any:
    """What a test says of a column; else null where that is allowed, else a plain value."""
    if column.type.startswith("decimal"):
        return Decimal(str(row.get(column.name, 0)))
    if column.name in row or column.nullable:
        return row.get(column.name)
    if column.name == "superseded_date":
        return FOREVER
    return [] if column.type.startswith("array") else PLAIN[column.type]


@pytest.fixture
def rows(spark: Any) -> Callable[..., DataFrame]:
    """`rows("bronze.coupons", {...}, {...})`: a table's frame of the rows given, maybe of none."""

    def build(name: str, *given: dict[str, Any]) -> DataFrame:
        contract = columns(table(name).full_schema)
        ddl = ", ".join(f"{column.name} {column.type}" for column in contract)
        return spark.createDataFrame([[value(row, c) for c in contract] for row in given], ddl)

    return build


@pytest.fixture
def made() -> Callable[..., list[Row]]:
    """Rows that `make` gives, without build's counters, after checking them against SCHEMA."""

    def build(name: str, *inputs: Any) -> list[Row]:
        contract = table(name)
        result = contract.make(*inputs)  # type: ignore[union-attr]
        expected = {c.name: c.type for c in columns(contract.full_schema)}
        counters = [c for c in ("_duplicates", "_superseded") if c in result.columns]
        assert result.columns == [*expected, *counters]
        found = {f.name: f.dataType.simpleString() for f in result.schema.fields}
        assert {name: found[name] for name in expected} == expected
        return result.collect()

    return build


@pytest.fixture(scope="session")
def one_order(one_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state in which every toy is built from one order of one day: to be copied."""
    # here: other tests of tables need no toys
    from tests.spark import toys

    home = tmp_path_factory.mktemp("one-order")
    with settled({**one_server.environment, "SALES_STATE": str(home)}):
        toys.land_products(home, toys.MONDAY, toys.DEPARTMENTS)
        toys.land_lines(home, toys.MONDAY, [("o1", "p1", toys.noon(0), "1")])
        toys.build_all()
    return home


@pytest.fixture
def shop(lake: Path, state: Path, one_order: Path) -> Path:
    """`lake` with the toys of `one_order` built."""
    shutil.copytree(one_order, state, dirs_exist_ok=True)
    return lake
