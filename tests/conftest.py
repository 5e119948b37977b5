"""Fixtures: a state of one's own for each test, and one real Spark JVM for the whole run."""

import contextlib
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from infra import spark as jvm
from jobs.settings import ROOT, from_environment, settings
from jobs.spark import session

# Before anything loads OpenMP: threads that wait for each other spin, and two test processes on two
# cores then take twice the processor time. What a test starts inherits it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

START_SECONDS = 120
PORTS, BLOCK = range(20_000, 32_736), 64  # what tests listen on, and how many one of them takes

# Files of a minute or more, the longest first: a process that begins one of them last keeps the
# others waiting. Durations: make test PYTEST_ADDOPTS=--durations=50
LONGEST = (
    "spark/test_build",
    "spark/test_arrivals",
    "scale/test_cluster",
    "scale/test_s3",
    "spark/test_history",
    "identity/test_identity",
    "spark/test_put_back",
    "training/recommenders/test_files",
    "spark/test_two_at_once",
    "readers/test_guard",
    "training/test_parts",
    "spark/silver/test_order_lines",
    "crm/test_conformance",
    "infra/test_chaos",
    "infra/test_style",
    "spark/test_upkeep",
    "spark/test_trial",
    "spark/test_plan",
    "spark/test_restore",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    places = {ROOT / f"tests/{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty SALES_STATE with its own lake, landing and secrets."""
    monkeypatch.setenv("SALES_STATE", str(tmp_path))
    monkeypatch.delenv("LAKE_URI", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def registry(state: Path) -> Iterator[str]:
    """An empty MLflow store in the state, in use until the test's end; gives its address."""
    # here: most tests need no MLflow
    import mlflow

    from jobs.training import tracking

    address = f"sqlite:///{state}/mlflow.db"
    mlflow.set_tracking_uri(address)
    tracking.client.cache_clear()
    yield address
    mlflow.set_tracking_uri(None)
    tracking.client.cache_clear()


@contextlib.contextmanager
def settled(told: dict[str, str]) -> Iterator[None]:
    """With these settings, here and in processes that start; never with the shell's own lake."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("LAKE_URI", raising=False)
        for name, value in told.items():
            environment.setenv(name, value)
        settings.cache_clear()
        try:
            yield
        finally:
            settings.cache_clear()


@dataclass
class Server:
    """A running JVM: what its clients' environment needs, its process, its log."""

    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path


@contextlib.contextmanager
def server(home: Path, **given: str) -> Iterator[Server]:
    """The JVM of `make up` on free ports, with the settings given, until the block's end."""
    told = {
        "SALES_PORT_BASE": str(free_ports(5)),
        "SALES_SECRET_SPARK_TOKEN": secrets.token_urlsafe(16),
        "SPARK_DRIVER_MEMORY": "2g",
        **given,
    }
    environment = {**os.environ, **told, "SALES_STATE": str(home)}
    here = from_environment(environment)
    with (home / "spark.log").open("w") as log:
        process = subprocess.Popen(
            jvm.argv(here),
            env={**environment, **jvm.environment(here)},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(here.spark_port, process, home / "spark.log")
        yield Server(told, process, home / "spark.log")
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="session")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One JVM for the whole run."""
    with server(tmp_path_factory.mktemp("spark-server")) as running:
        yield running


@pytest.fixture
def spark_server(one_server: Server) -> dict[str, str]:
    """Environment variables of a client of the JVM; the run ends where the JVM has."""
    if one_server.process.poll() is not None:
        told = one_server.log.read_text()[-500:]
        pytest.exit(f"the tests' Spark JVM has ended, and every test of it would fail: {told}", 1)
    return one_server.environment


@pytest.fixture
def lake(
    state: Path, spark_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """`state` with a Spark server that builds can use; gives the lake's folder."""
    for name, value in spark_server.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield state / "lake"
    settings.cache_clear()


@pytest.fixture(scope="session")
def one_session(one_server: Server) -> Iterator[object]:
    """A session for all tests of `make`."""
    before = {name: os.environ.get(name) for name in one_server.environment}
    os.environ.update(one_server.environment)
    settings.cache_clear()
    with session.opened("tests") as opened:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        settings.cache_clear()
        yield opened


@pytest.fixture
def spark(one_session: object, spark_server: dict[str, str]) -> object:
    """A session for tests of `make`: DataFrames in, DataFrames out."""
    return one_session


_taken: list[FileLock] = []  # blocks of ports that this process gave out, until it ends


def free_ports(count: int) -> int:
    """First of `count` ports in a row that nothing listens on, and that no other test is given.

    A port is free until its server listens: tests that run side by side take whole blocks, each
    with a lock, below the ports that the system gives to clients.
    """
    assert count <= BLOCK
    # tests run side by side in processes whose numbers are neighbours
    blocks = (PORTS.stop - PORTS.start) // BLOCK
    for number in range(blocks):
        base = PORTS.start + BLOCK * ((os.getpid() * 8 + number) % blocks)
        lock = FileLock(Path(tempfile.gettempdir(), f"ports-{os.getuid()}-{base}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue
        if all(_is_free(port) for port in range(base, base + count)):
            _taken.append(lock)
            return base
        lock.release()
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until something listens, the process ends or START_SECONDS have passed."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no server on port {port}: {log.read_text()[-2000:]}")
