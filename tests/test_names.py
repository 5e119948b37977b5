"""Names are addresses: a table's name leads to its job, its rules, its test and its first line."""

import importlib
import re
from pathlib import Path

import pytest

from jobs.settings import ROOT
from jobs.table import LAYERS, Landed, built_table, columns, names, table

BUILT = names(LAYERS)


@pytest.mark.parametrize("name", BUILT)
def test_every_table_has_a_test_of_its_name(name: str) -> None:
    layer, _, short = name.partition(".")
    assert (ROOT / "tests" / "spark" / layer / f"test_{short}.py").is_file()


@pytest.mark.parametrize("name", names())
def test_the_first_line_of_a_table_says_what_one_row_is(name: str) -> None:
    layer, _, short = name.partition(".")
    home = "jobs.ops" if layer == "ops" else f"jobs.spark.{layer}"
    first_line = (importlib.import_module(f"{home}.{short}").__doc__ or "").splitlines()[0]
    assert first_line.startswith(f"{name}: one row per ")


@pytest.mark.parametrize("name", names())
def test_every_column_has_a_sentence(name: str) -> None:
    bare = [column.name for column in columns(table(name).full_schema) if not column.comment]
    assert not bare


@pytest.mark.parametrize("name", BUILT)
def test_key_slice_and_inputs_are_there(name: str) -> None:
    built = built_table(name)
    known = {column.name: column for column in columns(built.full_schema)}
    assert built.key, "a table without a key cannot be checked for copies"
    assert set(built.key) <= set(known)
    nullable = [column for column in built.key if known[column].nullable]
    assert not nullable, "a key column must be not null"
    assert {arrow.name for arrow in built.inputs} <= set(names())
    assert getattr(built, "slice", built.key[0]) in known


@pytest.mark.parametrize("name", BUILT)
def test_data_flows_from_left_to_right(name: str) -> None:
    place = LAYERS.index(name.partition(".")[0])
    for arrow in table(name).inputs:
        layer = arrow.name.partition(".")[0]
        # a prediction comes back as a source of the system `models`: it is landed like any other
        assert LAYERS.index(layer) <= place, f"{name} reads {arrow.name}"


@pytest.mark.parametrize("path", sorted((ROOT / "expectations").glob("*/[a-z]*.py")), ids=str)
def test_rules_belong_to_a_table(path: Path) -> None:
    assert f"{path.parent.name}.{path.stem}" in BUILT


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "spark").glob("*/test_*.py")), ids=str)
def test_a_table_test_belongs_to_a_table(path: Path) -> None:
    assert f"{path.parent.name}.{path.stem.removeprefix('test_')}" in BUILT


@pytest.mark.parametrize("name", BUILT)
def test_one_unit_is_one_word(name: str) -> None:
    """Money ends in _usd, instants in _at, days in _date: one quantity, one name."""
    for column in columns(table(name).full_schema):
        if column.type == "timestamp":
            assert column.name.endswith("_at"), column.name
        if column.type == "date":
            assert re.search(r"(_date|_from|_to|_until|^ds)$", column.name), column.name
        if column.type == "boolean":
            assert re.match(r"(is|has|sells)_", column.name), column.name


def test_bronze_keeps_what_silver_reads() -> None:
    assert all(isinstance(table(name), Landed) for name in names(["bronze"]))
