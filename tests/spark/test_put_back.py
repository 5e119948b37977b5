"""A table's folder is put back from a backup, or loses its newest commit: builds see it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import lake as tables
from jobs.settings import settings
from tests.spark import toys

pytestmark = pytest.mark.services

NAME = "bronze.toy_lines"


def land(folder: Path, number: int) -> None:
    lines = [(f"o{number}", "p1", toys.noon(number), "1.50")]
    toys.land_lines(folder, toys.day(number), lines)


def everything() -> dict[str, list[tuple[object, ...]]]:
    return {toy.name: toys.rows(toy.name) for toy in toys.ALL}


def from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as other:
        other.setenv("LAKE_URI", str(tmp_path / "from-nothing"))
        settings.cache_clear()
        toys.build_all()
        found = everything()
    settings.cache_clear()
    return found


def cut(table: Path, backup: Path) -> None:
    """Remove the newest commit, as one does whose JSON was written by half."""
    newest = max((table / "_delta_log").glob("*.json"))
    newest.unlink()
    newest.with_suffix(".crc").unlink(missing_ok=True)
    (newest.parent / f".{newest.stem}.crc.crc").unlink(missing_ok=True)
    (newest.parent / f".{newest.stem}.json.crc").unlink(missing_ok=True)


def put_back(table: Path, backup: Path) -> None:
    shutil.rmtree(table)
    shutil.copytree(backup, table)


@pytest.mark.parametrize(("damaged", "landed_meanwhile"), [(put_back, True), (cut, False)])
def test_a_table_put_back_is_built_forward_and_so_is_what_is_made_from_it(
    lake: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damaged: Callable[[Path, Path], None],
    landed_meanwhile: bool,
) -> None:
    toys.land_products(tmp_path, toys.MONDAY, toys.DEPARTMENTS)
    land(tmp_path, 0)
    toys.build_all()
    backup = tmp_path / "backup"
    shutil.copytree(tables.location(NAME), backup)
    land(tmp_path, 1)
    toys.build_all()
    damaged(Path(tables.location(NAME)), backup)
    # then the version that is gone comes again, with more in it than those below have seen
    if landed_meanwhile:
        land(tmp_path, 2)
    toys.build_all()
    land(tmp_path, 3)
    toys.build_all()
    assert everything() == from_nothing(tmp_path, monkeypatch)
    assert {record.outcome for record in toys.build_all().values()} == {"unchanged"}
