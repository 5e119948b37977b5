"""Upkeep changes no row, keeps what champions learnt from, gives way to builds, survives kills."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs import lake as tables
from jobs import landing
from jobs.ops.promotions import TABLE as PROMOTIONS
from jobs.settings import ROOT, settings
from jobs.spark import health, store, upkeep
from jobs.spark.build import build
from jobs.spark.retention import days_to_keep
from jobs.spark.watermark import last
from jobs.table import Log
from jobs.training import tracking
from tests.conftest import Server, settled
from tests.spark import toys
from tests.spark.aging import aged

pytestmark = pytest.mark.services

DAY = dt.date(2017, 3, 1)
NAME = "silver.toy_lines"


def arrive(folder: Path, *days: int) -> None:
    """Orders of some days land, and are built."""
    for n in days:
        day = DAY + dt.timedelta(days=n)
        time_of = dt.datetime.combine(day, dt.time(15))
        toys.land_lines(folder, day, [(f"order-{n}", "apple", time_of, "1.00")])
    toys.build_all(until=toys.SOLD)


@pytest.fixture(scope="module")
def three_days(one_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with three days, each a version and a file of its own: to be copied."""
    home = tmp_path_factory.mktemp("three-days")
    with settled({**one_server.environment, "SALES_STATE": str(home)}):
        toys.land_products(home, DAY, {"apple": "fruit"})
        for n in range(3):
            arrive(home, n)
    return home


@pytest.fixture
def built(lake: Path, state: Path, three_days: Path) -> Path:
    """`lake` with the three days built."""
    shutil.copytree(three_days, state, dirs_exist_ok=True)
    return lake


def test_upkeep_changes_no_row_and_the_next_build_has_nothing_to_do(
    built: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, which = toys.rows(NAME), ["bronze.toy_lines", NAME, "ops.builds"]
    joined = upkeep.care("optimize", which)
    assert [done.files for done in joined[:2]] == [1, 1]
    version = tables.version(NAME)
    assert [done.outcome for done in upkeep.care("vacuum", which)] == ["done"] * 3
    # no commit: tables that are made from this one need not look again
    assert tables.version(NAME) == version
    # nothing is younger than the retention: the older versions are all there
    assert [done.removed for done in upkeep.care("vacuum", [NAME])] == [0]
    assert [done.faults for done in upkeep.care("check", which)] == [None] * 3
    assert toys.rows(NAME) == before
    assert build(toys.SOLD).outcome == "unchanged"
    found = tables.read("ops.upkeep").to_pylist()
    assert len(found) == 10
    assert {row["outcome"] for row in found} == {"done"}


def test_of_the_lists_of_landed_batches_those_go_that_no_kept_version_was_built_from(
    built: Path, state: Path
) -> None:
    lists = sorted((settings().landing / "toy_lines/.lists").glob("*"), key=os.path.getmtime)
    held = settings().landing / "toy_lines/.lists" / f"{last(toys.LINES).batches}.json"  # type: ignore[union-attr]
    assert len(lists) == 3
    long_ago = time.time() - 100 * 86400
    os.utime(lists[0], (long_ago, long_ago))
    os.utime(held, (long_ago, long_ago))
    upkeep.care("vacuum", ["bronze.toy_lines"])
    os.utime(lists[1], (long_ago, long_ago))
    landing.take("toy_lines", json.loads(lists[1].read_text()))  # used again, it is young again
    upkeep.care("vacuum", ["bronze.toy_lines"])
    assert set((settings().landing / "toy_lines/.lists").glob("*")) == {*lists[1:], held}
    assert build(toys.LINES).outcome == "unchanged"


def crowned(name: str, version: int) -> None:
    """A champion in a registry of its own, that learnt from a version of a table."""
    run = tracking.client().create_run(tracking.client().create_experiment("recommenders"))
    tracking.client().create_registered_model("recommenders")
    datasets = {"datasets": json.dumps([{"table": name, "version": version}])}
    made = tracking.client().create_model_version(
        "recommenders", ".", run.info.run_id, tags=datasets
    )
    tracking.crown("recommenders", str(made.version))
    words = dict.fromkeys(("configuration", "bench_run_id", "reason"), "a")
    row = {"family": "recommenders", "decision": "promoted", "model_version": str(made.version)}
    tables.append(PROMOTIONS, [words | row | {"decided_at": tracking.now()}])


def test_a_version_that_the_champion_learnt_from_outlives_the_retention(
    built: Path, registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learnt_from = tables.version(NAME)
    rows = tables.read(NAME, learnt_from).sort_by("order_id")
    upkeep.optimize(NAME)  # from here on nobody but the champion needs the small files
    later = {kind: aged(built, tmp_path / kind, days=100) for kind in ("none", "held")}
    monkeypatch.setenv("LAKE_URI", str(later["none"]))
    settings.cache_clear()
    (done,) = upkeep.care("vacuum", [NAME])
    assert done.removed
    assert health.check(NAME, kept=learnt_from).faults

    monkeypatch.setenv("LAKE_URI", str(later["held"]))
    settings.cache_clear()
    crowned(NAME, learnt_from)
    (done,) = upkeep.care("vacuum", [NAME])
    assert done.removed == 0
    assert tables.read(NAME, learnt_from).sort_by("order_id") == rows
    assert [done.faults for done in upkeep.care("check", [NAME])] == [None]
    kept = tables.opened(NAME).metadata().configuration
    assert kept["delta.logRetentionDuration"] == "interval 140 days"
    version = tables.version(NAME)
    upkeep.care("vacuum", [NAME])
    assert tables.version(NAME) == version  # said once, not every week


def test_a_held_version_moves_the_retention_before_its_days_end(state: Path) -> None:
    tables.create(Log(NAME, "order_id string"))
    version, now = tables.version(NAME), dt.datetime.now(dt.UTC)
    assert days_to_keep(NAME, None, now) == 35
    assert days_to_keep(NAME, version, now + dt.timedelta(days=14)) == 35
    assert days_to_keep(NAME, version, now + dt.timedelta(days=15)) == 70
    assert days_to_keep(NAME, version, now + dt.timedelta(days=50)) == 105


def child(code: str) -> subprocess.Popen[bytes]:
    """A process of its own with the toys."""
    program = f"from tests.spark import toys\nfrom jobs.spark import store, upkeep\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


# as a task that is tried again
PATIENT = f"""
import time
time.sleep(3)
while True:
    try:
        with store.only_writer({NAME!r}):
            break
    except store.Busy:
        pass
"""


def test_a_build_that_wants_the_table_goes_first(built: Path) -> None:
    # what takes as long as the OPTIMIZE of a great table
    endless = "select count_if(id % 7 = 3) from range(1000000000000000)"
    waiting = child(PATIENT)
    with pytest.raises(store.Busy, match="a build wants it and goes first"):
        upkeep._giving_way(NAME, endless)
    assert waiting.wait(timeout=60) == 0
    with store.only_writer(NAME):
        (done,) = upkeep.care("optimize", [NAME])
        assert done.outcome == "gave way"


def wait_for(condition: object, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Until something is so, or the process has ended."""
    until = time.monotonic() + seconds
    while process.poll() is None and not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_optimize_that_was_killed_leaves_the_table_right(built: Path, tmp_path: Path) -> None:
    before, there = toys.rows(NAME), set(tables.file_sizes(tables.location(NAME)))
    killed = child(f"upkeep.optimize({NAME!r})")
    wait_for(lambda: set(tables.file_sizes(tables.location(NAME))) - there, killed)
    killed.kill()
    killed.wait()
    # the JVM may still be at it
    arrive(tmp_path, 3)
    assert len(toys.rows(NAME)) == len(before) + 1
    assert toys.rows(NAME)[:3] == before
    assert upkeep.optimize(NAME).files == 1
    assert health.check(NAME).faults == ()
    assert build(toys.SOLD).outcome == "unchanged"


def test_a_vacuum_that_was_killed_leaves_the_table_right(
    built: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upkeep.optimize(NAME)
    before = toys.rows(NAME)
    monkeypatch.setenv("LAKE_URI", str(aged(built, tmp_path / "later", days=100)))
    settings.cache_clear()
    there = set(tables.file_sizes(tables.location(NAME)))
    killed = child(f"upkeep.vacuum({NAME!r})")
    wait_for(lambda: there - set(tables.file_sizes(tables.location(NAME))), killed)
    killed.kill()
    killed.wait()
    assert toys.rows(NAME) == before
    upkeep.vacuum(NAME)
    found = health.check(NAME)
    assert (found.faults, found.orphans) == ((), 0)
    assert toys.rows(NAME) == before
