"""A small company's gold and scores, made once, and the SQL server for BI tools on them."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyhive import hive
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession

from infra import bi
from jobs import lake
from jobs.ops import freshness, quality
from jobs.settings import ROOT, from_environment, settings
from jobs.spark import catalog, session, store
from jobs.table import built_table, columns, in_build_order, table
from tests.conftest import Server, wait_for_port
from tests.readers.company import MORNING, predictions, silver


def write(spark: SparkSession, name: str, rows: DataFrame) -> None:
    """Put rows into a new table as the first build of it does."""
    which = built_table(name)
    catalog.create(spark, which)
    typed = [F.col(c.name).cast(c.type) for c in columns(which.full_schema)]
    store.append(rows.select(*typed), which, {})


def stored(spark: SparkSession, name: str) -> DataFrame:
    return spark.read.format("delta").load(lake.location(name))


@pytest.fixture(scope="session")
def company(one_server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a state with gold and scores of the company."""
    told = one_server.environment | {"SALES_STATE": str(tmp_path_factory.mktemp("company"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        settings.cache_clear()
        with session.opened("readers") as spark:
            for name, rows in {**silver(), **predictions()}.items():
                contract = columns(table(name).full_schema)
                ddl = ", ".join(f"{c.name} {c.type}" for c in contract)
                values = [[row.get(c.name) for c in contract] for row in rows]
                write(spark, name, spark.createDataFrame(values, ddl))
            for name in in_build_order(["gold", "scores"]):
                which = table(name)
                inputs = [stored(spark, arrow.name) for arrow in which.inputs]
                write(spark, name, which.make(*inputs))  # type: ignore[union-attr]
        freshness.refresh()
        words = {"table_name": "gold.daily_sales", "run_id": "a", "rule": "key", "observed": ""}
        judged = {"rows_judged": 2, "rows_broken": 0, "broken_share": 0.0, "judged_at": MORNING}
        verdict = {"severity": "critical", "is_kept": True}
        lake.append(quality.TABLE, [words | judged | verdict])
    settings.cache_clear()
    return told


@pytest.fixture
def published(company: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The company's lake, for this process too."""
    for name, value in company.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield Path(settings().lake_uri)
    settings.cache_clear()


@pytest.fixture(scope="session")
def bi_server(company: dict[str, str]) -> Iterator[Server]:
    """The server for BI tools; the variable is one that must not reach it."""
    environment = {**os.environ, **company, "SALES_SECRET_CRM_ADMIN": "of another service"}
    here = from_environment(environment)
    log = here.state / "bi.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            bi.argv(here),
            env={**environment, **bi.environment(here)},
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
    try:
        wait_for_port(here.thrift_port, process, log)
        yield Server(company, process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


Login = Callable[..., hive.Connection]


@pytest.fixture
def login(bi_server: Server, published: Path) -> Login:
    """A BI tool's connection; without a password, with the right one."""
    right = settings().secret(bi.SECRET)

    def connect(user: str = bi.USER, password: str = right, **told: object) -> hive.Connection:
        where = ("127.0.0.1", settings().thrift_port)
        return hive.connect(*where, username=user, password=password, auth="CUSTOM", **told)

    return connect
