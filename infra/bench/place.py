"""A state folder of a benchmark's own, with a Spark JVM that nobody else uses."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from infra import spark as jvm
from jobs.settings import ROOT, from_environment, settings

START_SECONDS = 120
PORTS = 5  # that a state folder's services take


class NoServer(Exception):
    """The benchmark's Spark JVM did not come up."""


@contextlib.contextmanager
def opened(home: Path, memory: str = "3g") -> Iterator[Path]:
    """An empty state folder at `home`, this process's settings on it, and its JVM running.

    Raises:
        NoServer: see the log that the message names.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    told = {
        "SALES_STATE": str(home),
        "LAKE_URI": str(home / "lake"),
        "SALES_PORT_BASE": str(_free_ports()),
        "SALES_SECRET_SPARK_TOKEN": secrets.token_urlsafe(16),
        "SPARK_DRIVER_MEMORY": memory,
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    settings.cache_clear()
    # or a bench that is stopped leaves its JVM behind
    before_term = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = _started(home)
    try:
        yield home
    finally:
        signal.signal(signal.SIGTERM, before_term)
        process.terminate()
        process.wait(timeout=60)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        settings.cache_clear()


def _started(home: Path) -> subprocess.Popen[bytes]:
    here = from_environment(os.environ)
    with (home / "spark.log").open("w") as log:
        process = subprocess.Popen(
            jvm.argv(here),
            env={**os.environ, **jvm.environment(here)},
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", here.spark_port), timeout=1).close()
            return process
        time.sleep(0.2)
    process.kill()
    raise NoServer(f"Spark did not come up within {START_SECONDS} s; see {home / 'spark.log'}")


def _free_ports() -> int:
    """First of PORTS ports in a row that nothing listens on."""
    for base in range(30_000 + os.getpid() % 20_000, 60_000, PORTS):
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for port in range(base, base + PORTS):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
    raise NoServer("no free ports")
