"""Python environments of programs that run beside ours, each in the cache, from a hashed lock."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

log = logging.getLogger(__name__)


class PrepareError(Exception):
    """A program cannot be made ready; the message says what to do."""


def make(home: Path, lock: Path, wanted: str, sources: Sequence[Path] = ()) -> None:
    """The environment in `home`, made anew where it is not of `wanted`.

    Args:
        lock: requirements with hashes.
        wanted: fingerprint of all that goes in.
        sources: folders of packages of ours, installed without what they depend on.

    Raises:
        PrepareError: there is no uv, or it failed.
    """
    mark = home / "made-from"
    if mark.exists() and mark.read_text() == wanted:
        return
    started = time.monotonic()
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise PrepareError("uv is not on PATH: run `make setup`, or `pip install uv`")
    shutil.rmtree(home, ignore_errors=True)
    run([uv, "venv", "-q", "--python", sys.executable, home])
    install = [uv, "pip", "install", "-q", "--python", home / "bin" / "python"]
    install.append("--compile-bytecode")
    run([*install, "--require-hashes", "-r", lock])
    for source in sources:
        with tempfile.TemporaryDirectory() as work:
            copied = shutil.copytree(source, Path(work) / source.name)
            run([*install, "--no-deps", "--no-build-isolation", copied])
    mark.write_text(wanted)
    log.info("the environment %s made in %.0f s", home, time.monotonic() - started)


def run(
    command: Sequence[str | Path], config: Mapping[str, str] | None = None, feed: str | None = None
) -> None:
    """Run a program to its end.

    Raises:
        PrepareError: it failed; with what it said last.
    """
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(config or {})},
        input=feed,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        told = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise PrepareError(f"{Path(str(command[0])).name} failed ({done.returncode}): {told}")
