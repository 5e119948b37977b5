"""How tables are made, how long a version can be read, and who may build meanwhile."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from jobs import lake as tables
from jobs.settings import ROOT
from jobs.spark import catalog, session, store, upkeep
from jobs.table import table

WRITER = """
import sys
from jobs.spark import store
with store.only_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def create(*which: str) -> None:
    with session.opened("catalog") as spark:
        for name in which:
            catalog.create(spark, table(name))


@pytest.fixture
def builder(lake: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is building gold.account_profile."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, "gold.account_profile"],
        cwd=ROOT,
        env={**os.environ, "SALES_STATE": str(lake.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_table_that_is_being_built_does_not_stop_a_start(
    lake: Path, builder: subprocess.Popen[str]
) -> None:
    with pytest.raises(store.Busy):
        catalog.prepare(["gold.account_profile"])
    create("gold.account_profile")
    catalog.prepare(["gold.account_profile"])
    assert builder.poll() is None


@pytest.mark.parametrize(
    ("name", "days"),
    [("features.interactions", 400), ("scores.crm_outbox", 400), ("gold.daily_sales", 35)],
)
def test_log_and_files_of_a_version_are_kept_alike(lake: Path, name: str, days: int) -> None:
    create(name)
    told = DeltaTable(tables.location(name)).metadata().configuration
    assert told["delta.logRetentionDuration"] == f"interval {days} days"
    assert told["delta.deletedFileRetentionDuration"] == f"interval {days} days"
    # deltalake refuses to look for files younger than the table itself keeps
    assert upkeep.check(name).orphans == 0
    upkeep.vacuum(name)


def test_a_file_that_no_version_names_is_an_orphan_once_it_is_old_enough(lake: Path) -> None:
    create("scores.crm_outbox", "gold.account_profile")
    for name in ("scores.crm_outbox", "gold.account_profile"):
        stray = Path(tables.location(name), "part-stray.parquet")
        stray.write_bytes(b"left by a writer that was killed")
        of_last_quarter = dt.datetime.now().timestamp() - 100 * 86_400
        os.utime(stray, (of_last_quarter, of_last_quarter))
    assert upkeep.check("gold.account_profile").orphans == 1
    assert upkeep.check("scores.crm_outbox").orphans == 0


def test_a_watermark_that_a_killed_merge_left_is_not_committed_by_another(lake: Path) -> None:
    with session.opened("silver.accounts") as spark:
        spark.conf.set(store.USER_METADATA, '{"watermark": "of a killed build"}')
    with session.opened("silver.accounts") as spark:
        assert spark.conf.get(store.USER_METADATA, None) is None
