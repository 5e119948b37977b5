"""An S3 server and a Spark cluster, each one for the run, with a Spark JVM that uses it."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra import object_store
from jobs.settings import ROOT, Settings, from_environment
from tests.conftest import Server, free_ports, server

SECONDS = 300  # for a build to come as far as a test wants it


def own(home: Path, ports: int) -> Settings:
    told = {"SALES_STATE": str(home), "SALES_PORT_BASE": str(free_ports(ports))}
    return from_environment({**os.environ, **told})


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3 server; gives the settings of a lake on it."""
    here = own(tmp_path_factory.mktemp("s3"), 30)
    try:
        object_store.start(here)
        yield {
            "LAKE_URI": f"s3a://{object_store.BUCKET}/jvm",
            "S3_ENDPOINT": object_store.endpoint(here),
            "SALES_SECRET_S3_KEY_ID": here.secret("s3_key_id"),
            "SALES_SECRET_S3_SECRET_KEY": here.secret("s3_secret_key"),
        }
    finally:
        object_store.stop(here)


@pytest.fixture(scope="session")
def s3_server(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JVM whose lake is on S3."""
    with server(tmp_path_factory.mktemp("s3-jvm"), **store) as running:
        yield running


def start(module: str, *arguments: str) -> psutil.Popen:
    """A process of ours, in this one's environment."""
    return psutil.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT)


def kill_when(victim: psutil.Process, is_there: Callable[[], object]) -> None:
    """Kill a process (-9) at the moment when something is there.

    Raises:
        AssertionError: it ended before, or the thing never came.
    """
    until = time.monotonic() + SECONDS
    while not is_there():
        assert victim.status() != psutil.STATUS_ZOMBIE, "it ended before it could be killed"
        assert time.monotonic() < until, "what was waited for never came"
        time.sleep(0.2)
    victim.kill()
    victim.wait()
