"""Odoo's server and its database, over what `infra.odoo.prepare` laid out.

python -m infra.odoo.serve --port 18082 --database-port 18083
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from infra import state
from infra.environments import PrepareError
from infra.odoo import postgres, prepare
from infra.odoo.prepare import DatabasePort, Place, Port
from jobs import command
from jobs.settings import Settings, settings

START_SECONDS = 180
STOP_SECONDS = 30

log = logging.getLogger(__name__)


@contextlib.contextmanager
def running(settings: Settings, place: Place, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Database and server until the block's end, from when the server answers.

    Raises:
        PrepareError: it did not start; with what it said last.
    """
    with postgres.running(place.postgres, place.database_port), log.open("a") as out:
        process = subprocess.Popen(
            prepare.argv(settings, place),
            env={**os.environ, **prepare.environment(settings)},
            stdout=out,
            stderr=out,
        )
        try:
            _wait(place, process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(place: Place, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{place.url}/web/health", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise PrepareError(f"Odoo did not start at {place.url}: {log.read_text()[-1000:]}")


def main(port: Port, database_port: DatabasePort) -> None:
    """Prepare Odoo, start it with its database, and end both together."""
    command.tell_facts()
    here = settings()
    state.claim(here)
    place = Place(here.state / "crm" / "odoo", port, database_port)
    prepare.prepare(here, place)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with running(here, place, place.home / "odoo.log") as process:
        log.info("Odoo %s answers at %s", prepare.version(here), place.url)
        sys.exit(f"Odoo has ended ({process.wait()}): see {place.home / 'odoo.log'}")


if __name__ == "__main__":
    command.run(main)
