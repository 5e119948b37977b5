"""What is broken in a log or a folder is found and named; a table that is well has nothing."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import lake
from jobs.ops.promotions import TABLE
from jobs.spark import health

COMMITS = 12  # a checkpoint among them


@pytest.fixture
def folder(state: Path) -> Path:
    """A log table of some commits."""
    row = dict.fromkeys(("family", "decision", "model_version", "configuration", "reason"), "a")
    for _ in range(COMMITS):
        lake.append(TABLE, [{**row, "decided_at": dt.datetime.now(dt.UTC)}])
    return Path(lake.location(TABLE.name))


def commit(folder: Path, version: int) -> Path:
    return folder / f"_delta_log/{version:020}.json"


def checkpoint(folder: Path) -> Path:
    (path,) = (folder / "_delta_log").glob("*.checkpoint.parquet")
    return path


def files_of(folder: Path, version: int) -> list[Path]:
    lines = [json.loads(line) for line in commit(folder, version).read_text().splitlines()]
    return [folder / line["add"]["path"] for line in lines if "add" in line]


def test_a_table_that_is_well_has_no_fault(folder: Path) -> None:
    found = health.check(TABLE.name)
    assert (found.version, found.files, found.faults) == (COMMITS, COMMITS, ())
    assert found.bytes > 0


def lose_a_file(folder: Path) -> None:
    files_of(folder, 3)[0].unlink()


def cut_a_file(folder: Path) -> None:
    path = files_of(folder, 3)[0]
    path.write_bytes(path.read_bytes()[:-100])


def lose_a_commit(folder: Path) -> None:
    commit(folder, 5).unlink()


def empty_a_commit(folder: Path) -> None:
    commit(folder, 4).write_text("")


def cut_the_newest_commit(folder: Path) -> None:
    path = commit(folder, COMMITS)
    path.write_text(path.read_text()[:-40])


def cut_the_checkpoint(folder: Path) -> None:
    path = checkpoint(folder)
    path.write_bytes(path.read_bytes()[:200])


def spoil_the_hint(folder: Path) -> None:
    (folder / "_delta_log/_last_checkpoint").write_text("{")


def lose_the_beginning(folder: Path) -> None:
    checkpoint(folder).unlink()
    for version in range(3):
        commit(folder, version).unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lose_a_file, "1 files are missing, their rows are lost: part-"),
        (cut_a_file, "1 files have another size than the log says: part-"),
        (lose_a_commit, "versions 5 to 5 are gone from its log"),
        (empty_a_commit, f"{4:020}.json is no commit"),
        (cut_the_newest_commit, f"{COMMITS:020}.json is no commit"),
        (cut_the_checkpoint, "checkpoint.parquet is no checkpoint"),
        (spoil_the_hint, "_last_checkpoint is garbage"),
        (lose_the_beginning, "its log begins with version 3"),
    ],
)
def test_what_is_broken_is_named(folder: Path, harm: Callable[[Path], None], told: str) -> None:
    harm(folder)
    assert told in "; ".join(health.check(TABLE.name).faults)


def test_an_older_version_that_is_kept_must_have_its_files(folder: Path) -> None:
    assert health.check(TABLE.name, kept=3).faults == ()
    lake.opened(TABLE.name).optimize.compact()
    lose_a_file(folder)
    assert health.check(TABLE.name).faults == ()
    (told,) = health.check(TABLE.name, kept=3).faults
    assert told == "version 3, which a champion learnt from, has lost 1 files"
    assert "cannot be read" in health.check(TABLE.name, kept=99).faults[0]


def test_a_table_that_was_never_made_is_no_broken_one(state: Path) -> None:
    with pytest.raises(lake.NoSuchTable):
        health.check("silver.products")
