"""The real JVM: loopback, behind a token, alone on its lake, gone when it is ended."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra import spark, stack, supervision
from infra.services import services
from jobs.settings import ROOT, Settings, from_environment, settings
from jobs.spark import session
from tests.conftest import free_ports

pytestmark = pytest.mark.services

HOLD = "import sys; from infra import spark; spark.hold(sys.argv[1])"


@pytest.fixture
def here(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("SALES_PORT_BASE", str(free_ports(5)))
    monkeypatch.setenv("SPARK_DRIVER_MEMORY", "1g")
    settings.cache_clear()
    yield settings()
    supervision.stop(settings())


def java(here: Settings) -> psutil.Process:
    return next(each for each in supervision.leftovers(here) if each.name() == "java")


def hold(lake_uri: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HOLD, lake_uri]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def second_jvm(here: Settings, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    other = {"SALES_STATE": str(tmp_path / "other"), "LAKE_URI": here.lake_uri}
    there = from_environment({**here.environment(), **other})
    environment = {**os.environ, **spark.environment(there)}
    return subprocess.run(
        spark.argv(there), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_the_jvm_from_its_start_to_its_end(here: Settings, tmp_path: Path) -> None:
    """One test for all of it: starting a JVM is what costs."""
    stack.start(here, [each for each in services(here) if each.name == "spark"])
    process = java(here)

    heard = [c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert len(heard) >= 2
    assert {ip.removeprefix("::ffff:") for ip in heard} == {"127.0.0.1"}

    token = here.secret("spark_token")
    told = " ".join(process.cmdline())
    assert token not in told
    holder = spark.home(here) / "spark.properties"
    assert token in holder.read_text()
    assert stat.S_IMODE(holder.stat().st_mode) == 0o600

    # a table's session id serves again after it was closed
    for _ in range(2):
        with session.opened("silver.order_lines") as connected:
            assert connected.range(3).count() == 3

    refused = second_jvm(here, tmp_path)
    assert refused.returncode != 0
    assert f"written by the Spark JVM of process {process.pid}" in refused.stderr

    os.kill(int(supervision.supervisor(here).getPID()), 9)
    supervision.stop(here)
    assert not process.is_running()
    assert hold(here.lake_uri).returncode == 0


def test_a_lock_is_free_once_its_holder_was_killed(here: Settings) -> None:
    waiting = HOLD + "; print('held', flush=True); import time; time.sleep(600)"
    holder = subprocess.Popen(
        [sys.executable, "-c", waiting, here.lake_uri], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        refused = hold(here.lake_uri)
        assert refused.returncode != 0
        assert f"process {holder.pid}" in refused.stderr
    finally:
        holder.kill()
        holder.wait()
    assert hold(here.lake_uri).returncode == 0


def test_a_lake_on_an_object_store_has_no_file_to_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spark.hold("s3a://company/lake")
    assert list(tmp_path.iterdir()) == []
