"""A trial lake: changed code is built there and compared; the lake itself is not touched."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from typer.testing import CliRunner

from jobs import lake as tables
from jobs.settings import settings
from jobs.spark import trial
from jobs.spark.build import build
from jobs.spark.trial import Compared, NotATrial
from tests.spark import toys
from tests.spark.toys import day, noon

NAMES = [toy.name for toy in toys.ALL]


def doubled(lines: DataFrame) -> DataFrame:
    """Other amounts, and no day but the first."""
    return (
        toys.days(lines)
        .selectExpr(*("sold_date", "department", "sales_usd * 2 as sales_usd", "lines"))
        .where(f"sold_date = date'{toys.MONDAY}'")
    )


def test_changed_code_is_built_in_a_trial_and_compared(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p2", noon(1), "1"), ("o3", "p1", noon(1), "2")])
    toys.build_all()
    stood = {name: (tables.version(name), toys.rows(name)) for name in NAMES}
    folder = tmp_path / "trial"
    trial.open_trial(folder, NAMES)
    assert list(trial.compare(folder, NAMES)) == [Compared(name) for name in NAMES]

    other = toys.Events(**{**vars(toys.DAYS), "make": doubled})
    with monkeypatch.context() as patch:
        patch.setenv("LAKE_URI", str(folder))
        settings.cache_clear()
        built = {toy.name: build(other if toy is toys.DAYS else toy) for toy in toys.ALL}
        assert [r[2] for r in toys.rows("gold.toy_days")] == [2]
    settings.cache_clear()
    assert {name for name, r in built.items() if r.outcome == "written"} == {"gold.toy_days"}
    assert "code changed: " in built["gold.toy_days"].why
    assert built["silver.toy_lines"].why == "cloned from version 2"
    assert built["features.toy_weeks"].slices_written == 0

    found = {each.table: each for each in trial.compare(folder, NAMES)}
    assert found.pop("gold.toy_days") == Compared(
        "gold.toy_days", added=0, gone=2, changed=1, columns={"sales_usd": 1}
    )
    assert {each.changed + each.added + each.gone for each in found.values()} == {0}
    monkeypatch.setattr(trial, "selected", list)  # the toys are in no folder of tables
    told = CliRunner().invoke(trial.app, ["compare", str(folder), "gold.toy_days"]).output
    assert "sales_usd 1" in told
    trial.drop(folder)
    assert not folder.exists()
    assert {name: (tables.version(name), toys.rows(name)) for name in NAMES} == stood


def test_only_a_trial_is_dropped_and_only_an_empty_folder_becomes_one(
    state: Path, tmp_path: Path
) -> None:
    lake = Path(settings().lake_uri)
    lake.mkdir()
    with pytest.raises(NotATrial, match="no trial lake"):
        trial.drop(lake)
    assert lake.exists()
    for folder in (lake, lake / "trial", lake.parent):
        with pytest.raises(NotATrial, match="in each other"):
            trial.open_trial(folder, [])
    taken = tmp_path.parent / f"{tmp_path.name}-taken"
    taken.mkdir()
    (taken / "letter.txt").write_text("keep")
    with pytest.raises(NotATrial, match="not empty"):
        trial.open_trial(taken, [])
