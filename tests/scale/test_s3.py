"""The lake on S3, on a real S3 server: the same days, the same rows, no commit lost."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame

from infra import object_store
from jobs import lake
from jobs.settings import ROOT, settings
from jobs.spark import session, store, upkeep
from jobs.table import Events, table
from tests.conftest import Server, settled
from tests.scale import company
from tests.scale.conftest import kill_when, start

pytestmark = [pytest.mark.services, pytest.mark.proof, pytest.mark.usefixtures("two_days")]

APPENDS = 20

WRITER = """
import sys
from jobs import lake
import pyarrow as pa
from deltalake import write_deltalake
for n in range(int(sys.argv[2])):
    row = pa.table({"writer": ["deltalake"], "n": pa.array([n], pa.int64())})
    write_deltalake(sys.argv[1], row, mode="append", storage_options=lake.storage_options())
"""


@pytest.fixture(scope="module")
def two_days(s3_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A lake on S3 with two days of a small company; a build of the first was killed (-9)."""
    home = tmp_path_factory.mktemp("two-days")
    place = {"SALES_STATE": str(home), "LAKE_URI": f"s3a://{object_store.BUCKET}/sales"}
    with settled(s3_server.environment | place):
        company.land(company.MONDAY)
        kill_when(start("tests.scale.company"), lambda: company.staged("silver.order_lines"))
        company.build_all()
        company.land(company.TUESDAY)
        company.build_all()
        yield


def test_the_rows_are_those_of_a_lake_on_local_disk() -> None:
    found = {name: company.rows(name) for name in company.TABLES}
    refused = company.refused()
    assert company.sales() == company.SALES
    assert refused == [("bronze.order_lines", ["type(sales_usd)"])]
    place, options = lake.location("gold.daily_sales"), lake.storage_options()
    assert polars.scan_delta(place, storage_options=options).collect()["lines"].sum() == 3
    assert not any(company.staged(name) for name in company.TABLES)

    with settled({"LAKE_URI": f"{settings().state}/lake"}):
        company.build_all()
        assert found == {name: company.rows(name) for name in company.TABLES}
        assert refused == company.refused()


def test_a_rerun_writes_nothing() -> None:
    versions = {name: lake.version(name) for name in company.TABLES}
    assert {record.outcome for record in company.build_all().values()} == {"unchanged"}
    assert versions == {name: lake.version(name) for name in company.TABLES}


def test_upkeep_compacts_and_finds_a_lost_file() -> None:
    name = "silver.order_lines"
    rows = company.rows(name)
    upkeep.optimize(name)
    upkeep.vacuum(name)
    assert company.rows(name) == rows
    assert not upkeep.check(name).missing
    [lost, *_] = lake.opened(name).get_add_actions(flatten=True)["path"].to_pylist()
    system, path = lake.files(f"{lake.location(name)}/{lost}")
    content = system.open_input_file(path).read()
    system.delete_file(path)
    assert upkeep.check(name).missing == (lost,)
    with system.open_output_stream(path) as again:
        again.write(content)


def test_what_a_creation_that_was_cut_short_left_is_removed() -> None:
    name = "gold.product_weeks"
    system, path = lake.files(f"{lake.location(name)}/_delta_log/.0.tmp")
    with system.open_output_stream(path) as left:
        left.write(b"{")
    store.clear_unborn(name)
    assert not lake.file_names(lake.location(name))


def test_two_writers_at_once_lose_no_commit() -> None:
    """Spark and deltalake, each in a process of its own, append to one table on S3."""
    place = f"{settings().lake_uri}/ops/appended"
    with session.opened("appends") as spark:
        spark.sql(f"create table delta.`{place}` (writer string, n bigint) using delta").collect()
        line = [sys.executable, "-c", WRITER, place, str(APPENDS)]
        other = subprocess.Popen(line, cwd=ROOT)
        for n in range(APPENDS):
            spark.sql(f"insert into delta.`{place}` values ('spark', {n})").collect()
        assert other.wait() == 0
    appended = DeltaTable(place, storage_options=lake.storage_options())
    found = pa.table(appended.scan().read_all()).to_pylist()
    told = sorted((row["writer"], row["n"]) for row in found)
    assert told == [(w, n) for w in ("deltalake", "spark") for n in range(APPENDS)]
    assert appended.version() == 2 * APPENDS


def replaced(rows: DataFrame, which: Events, metadata: dict[str, object], at: store.Pin) -> None:
    store.replace_slices(rows, which, [company.MONDAY], metadata, at)


def test_of_two_builds_that_looked_at_the_same_version_one_is_told_so() -> None:
    """As builds of two machines would: no lock of one is seen by the other."""
    which = table("gold.daily_sales")
    assert isinstance(which, Events)
    with session.opened(which.name) as spark:
        at = store.pin(which.name)
        rows = store.read(spark, which.name, at).where(f"business_date = '{company.MONDAY}'")
        replaced(rows, which, {"run_id": "first"}, at)
        for write in (store.append, replaced):
            with pytest.raises(store.Overtaken, match=f"after version {at.version}"):
                write(rows, which, {"run_id": "second"}, at)
    assert lake.version(which.name) == at.version + 1
    assert company.sales() == company.SALES


def test_no_key_is_in_a_file_of_the_jvm_nor_told_by_it(s3_server: Server) -> None:
    secret = settings().secret("s3_secret_key")
    files = [path for path in s3_server.log.parent.rglob("*") if path.is_file()]
    assert s3_server.log in files
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert secret not in Path(f"/proc/{s3_server.process.pid}/cmdline").read_text()
    with session.opened("keys") as spark:
        for row in spark.sql("set -v").collect() + spark.sql("set").collect():
            assert secret not in str(row)
