"""Fetch the CRM's web client, for people who want to look at it; nothing else needs it.

python -m infra.tryton.web      (needs npm; a CRM that runs must be started again)
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from infra.environments import PrepareError
from infra.tryton import prepare
from jobs import command
from jobs.settings import Settings, settings

SAO = Path(__file__).parent / "sao"


def fetch(settings: Settings) -> Path:
    """Install the client from its lock file; done once per lock.

    Raises:
        PrepareError: there is no npm, or it failed.
    """
    home, lock = settings.cache / "tryton-web", (SAO / "package-lock.json").read_bytes()
    made_from = home / "made-from"
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / "tryton-web.lock"):
        if made_from.exists() and made_from.read_bytes() == lock:
            return prepare.web(settings)
        npm = shutil.which("npm")
        if npm is None:
            raise PrepareError(
                "npm is not on PATH: install Node.js 18 or newer, or do without; only a person "
                "who wants to log into the CRM needs its web client"
            )
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(SAO, home)
        command = [npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True)
        if done.returncode:
            raise PrepareError(f"npm failed: {done.stderr.strip()[-500:]}")
        # its page looks for what it needs below itself
        os.symlink(home / "node_modules", prepare.web(settings) / "node_modules")
        made_from.write_bytes(lock)
    return prepare.web(settings)


def main(
    if_possible: Annotated[
        bool, typer.Option("--if-possible", help="go on without it where it cannot be had")
    ] = False,
) -> None:
    """Fetch the CRM's web client where it is missing."""
    try:
        place = fetch(settings())
    except PrepareError as error:
        if not if_possible:
            raise
        print(f"the CRM has no page for people, a browser gets a 405 there: {error}")
        return
    if not if_possible:
        print(f"the CRM's web client lies in {place}; start the CRM again to see it")


if __name__ == "__main__":
    command.run(main)
