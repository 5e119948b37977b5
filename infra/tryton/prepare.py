"""Make the CRM ready to start: its environment, a database template, and this pipeline's own copy.

python -m infra.tryton.prepare      (does only what is missing; 0.1 s when all is there)
"""

import hashlib
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from infra import environments, state
from jobs import command
from jobs.settings import Settings, settings

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
MODULE = HERE / "trytond_sales_scores"
DATABASE = "tryton"

log = logging.getLogger(__name__)


def program(settings: Settings, name: str) -> Path:
    """A program of Tryton's own environment."""
    return settings.cache / "tryton-venv" / "bin" / name


def web(settings: Settings) -> Path:
    """Folder of the web client, which `infra.tryton.web` fills."""
    return settings.cache / "tryton-web" / "node_modules" / "tryton-sao"


def environment(folder: Path) -> dict[str, str]:
    """Tryton's configuration for a database in `folder`."""
    return {
        "TRYTOND_DATABASE__URI": "sqlite://",
        "TRYTOND_DATABASE__PATH": str(folder),
        "TRYTOND_DATABASE__LIST": "False",
        "TZ": "UTC",
    }


def prepare(settings: Settings) -> None:
    """Environment, template and database, each made where it is missing.

    Raises:
        PrepareError: a step failed.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / "tryton.lock"):
        environments.make(settings.cache / "tryton-venv", LOCK, _fingerprint(), [MODULE])
        template = _template(settings)
        passwords = {user: settings.make_secret(f"crm_{user}") for user in ("admin", "pipeline")}
        database(settings, template, settings.state / "crm", passwords)


def database(
    settings: Settings, template: Path, folder: Path, passwords: Mapping[str, str]
) -> None:
    """Copy the template to `folder` and set its passwords; one that is there is brought up to date.

    Tryton must not be running on it when its module has changed.
    """
    home, made_from = folder / f"{DATABASE}.sqlite", folder / "made-from"
    if home.exists():
        if not made_from.exists() or made_from.read_text() != template.stem:
            admin = program(settings, "trytond-admin")
            environments.run([admin, "-d", DATABASE, "-u", "sales_scores"], environment(folder))
            made_from.write_text(template.stem)
            log.info("CRM database %s brought up to date", home)
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
        shutil.copyfile(template, Path(new) / home.name)
        environments.run(
            [program(settings, "python"), "-m", "trytond_sales_scores.first_start", DATABASE],
            environment(Path(new)),
            json.dumps(dict(passwords)),
        )
        _close(Path(new) / home.name)
        made_from.write_text(template.stem)
        os.replace(Path(new) / home.name, home)
    log.info("CRM database %s created", home)


def _template(settings: Settings) -> Path:
    """An initialised database without data, one file per version of lock and module."""
    template = settings.cache / f"tryton-{_fingerprint()[:16]}.sqlite"
    if template.exists():
        return template
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=settings.cache, prefix=".tryton-") as work:
        made = Path(work) / f"{DATABASE}.sqlite"
        made.touch()
        admin = [program(settings, "trytond-admin"), "-d", DATABASE]
        config = environment(Path(work)) | {"TRYTONPASSFILE": str(Path(work) / "password")}
        # replaced when a database is made from the template
        (Path(work) / "password").write_text(os.urandom(32).hex())
        environments.run([*admin, "--all", "--email", "admin@example.com", "-l", "en"], config)
        environments.run([*admin, "-u", "sales_scores", "--activate-dependencies"], config)
        _close(made)
        os.replace(made, template)
    log.info("Tryton's database template made in %.0f s", time.monotonic() - started)
    return template


def _fingerprint() -> str:
    digest = hashlib.sha256(LOCK.read_bytes())
    for path in sorted(MODULE.rglob("*")):
        if path.suffix in {".py", ".xml", ".cfg", ".toml"}:
            digest.update(str(path.relative_to(MODULE)).encode() + path.read_bytes())
    return digest.hexdigest()


def _close(path: Path) -> None:
    """Bring the write-ahead log into the file, so that the file alone is the database."""
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = delete")
    connection.close()


def main() -> None:
    """Make the CRM ready to start; only what is missing is made."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    state.claim(settings())
    prepare(settings())


if __name__ == "__main__":
    command.run(main)
