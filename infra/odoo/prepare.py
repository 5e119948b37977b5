"""Make Odoo ready to start: its program, its environment, a database template, and a copy of it.

python -m infra.odoo.prepare --port 18082 --database-port 18083     (does only what is missing)

Everything that can be fetched again lies in the cache; the copy is `Place`'s.
"""

import base64
import hashlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from infra import environments, state
from infra.odoo import archive, postgres
from jobs import command
from jobs.settings import Settings, settings

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
DATABASE = "odoo"
ADMIN = "admin"
MODULES = ("rpc", "contacts", "crm")  # `rpc` is the API
HASH_ROUNDS = 6000  # of a password that is 256 random bits

Port = Annotated[int, typer.Option(help="of loopback, that Odoo listens on")]
DatabasePort = Annotated[int, typer.Option(help="of loopback, that its PostgreSQL listens on")]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """One Odoo: its folder, and the ports of loopback that it and its database listen on."""

    home: Path
    port: int
    database_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def postgres(self) -> Path:
        return postgres.home_for(self.home)

    @property
    def config(self) -> Path:
        return self.home / "odoo.conf"


def argv(settings: Settings, place: Place, *options: str) -> list[str]:
    """Odoo's command line."""
    python = settings.cache / "odoo-venv" / "bin" / "python"
    return [str(python), str(_tree(settings) / "usr/bin/odoo"), "-c", str(place.config), *options]


def environment(settings: Settings) -> dict[str, str]:
    """What it needs beside its command line."""
    return {"PYTHONPATH": str(_tree(settings) / "usr/lib/python3/dist-packages"), "TZ": "UTC"}


def version(settings: Settings) -> str:
    """Of Debian's package that was fetched."""
    return archive.fetch(_tree(settings))


def prepare(settings: Settings, place: Place) -> None:
    """Program, environment, template and the database of `place`, each where it is missing.

    The administrator's password and API key are the secrets `odoo_admin` and `odoo_admin_key`.

    Raises:
        CannotRun: Odoo cannot be had on this machine.
        PrepareError: a step failed.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / "odoo.lock"):
        template = _template(settings)
    if place.config.exists() and place.postgres.exists():
        _configure(place, _password(place))
        return
    password = secrets.token_urlsafe(32)
    place.home.mkdir(parents=True, exist_ok=True)
    shutil.copytree(template / "data", place.home / "data", dirs_exist_ok=True)
    postgres.unpack(template / "postgres.tar", place.postgres)
    postgres.say(place.postgres, f"alter role odoo password '{password}'")
    _admit(place, settings.make_secret("odoo_admin"), settings.make_secret("odoo_admin_key"))
    _configure(place, password)


def remove(place: Place) -> None:
    """Odoo's database and files, secrets apart."""
    shutil.rmtree(place.postgres, ignore_errors=True)
    shutil.rmtree(place.home, ignore_errors=True)


def _tree(settings: Settings) -> Path:
    return settings.cache / "odoo"


def _template(settings: Settings) -> Path:
    """An initialised database without data, one folder per version of everything in it."""
    of = version(settings)
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    environments.make(settings.cache / "odoo-venv", LOCK, wanted)
    said = (of, *MODULES, LOCK.read_text(), postgres.version())
    template = settings.cache / f"odoo-{hashlib.sha256('|'.join(said).encode()).hexdigest()[:16]}"
    if template.exists():
        return template
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=settings.cache, prefix=".odoo-") as work:
        place = Place(Path(work) / "place", 0, _free_port())
        new = Path(work) / "new"
        new.mkdir()
        try:
            _initialise(settings, place)
            postgres.pack(place.postgres, new / "postgres.tar")
            os.replace(place.home / "data", new / "data")
        finally:
            remove(place)
        os.replace(new, template)
    log.info("Odoo's database template made in %.0f s", time.monotonic() - started)
    return template


def _initialise(settings: Settings, place: Place) -> None:
    password = secrets.token_urlsafe(32)
    place.home.mkdir()
    postgres.make(place.postgres)
    postgres.say(
        place.postgres,
        f"create role odoo login password '{password}'",
        f"create database {DATABASE} owner odoo template template0 encoding 'UTF8'",
    )
    _configure(place, password)
    options = ("--skip-auto-install", "-i", ",".join(MODULES), "--stop-after-init", "--no-http")
    with postgres.running(place.postgres, place.database_port):
        environments.run(argv(settings, place, *options), environment(settings))


def _configure(place: Place, password: str) -> None:
    """Odoo's configuration, readable by its owner only.

    https://www.odoo.com/documentation/19.0/developer/reference/cli.html
    """
    told = {
        "db_host": "127.0.0.1",
        "db_port": place.database_port,
        "db_user": "odoo",
        "db_password": password,
        "db_name": DATABASE,
        "dbfilter": f"^{DATABASE}$",
        "list_db": False,
        "admin_passwd": secrets.token_urlsafe(32),
        "with_demo": False,
        "data_dir": place.home / "data",
        "http_interface": "127.0.0.1",
        "http_port": place.port or 8069,
        "max_cron_threads": 0,
        "workers": 0,
        "log_level": "warn",
    }
    lines = ["[options]", *(f"{name} = {value}" for name, value in told.items())]
    place.config.touch(mode=0o600)
    place.config.write_text("\n".join(lines) + "\n")


def _admit(place: Place, password: str, key: str) -> None:
    """Give the administrator a password and an API key, both kept as Odoo itself keeps them.

    See `res.users` and `_generate` of `res.users.apikeys` in Odoo's addons/base.
    """
    of_admin = f"from res_users where login = '{ADMIN}'"
    postgres.say(
        place.postgres,
        f"update res_users set password = '{_hashed(password)}' where login = '{ADMIN}'",  # noqa: S608
        f"insert into res_users_apikeys (name, user_id, index, key) "
        f"select 'installing', id, '{key[:8]}', '{_hashed(key)}' {of_admin}",
        database=DATABASE,
    )


def _password(place: Place) -> str:
    lines = place.config.read_text().splitlines()
    return next(line.partition(" = ")[2] for line in lines if line.startswith("db_password"))


def _hashed(secret: str) -> str:
    """As passlib writes pbkdf2_sha512, which Odoo keeps passwords and keys by."""
    salt = os.urandom(16)
    made = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, HASH_ROUNDS)
    texts = (base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, made))
    return f"$pbkdf2-sha512${HASH_ROUNDS}${'$'.join(texts)}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(port: Port, database_port: DatabasePort) -> None:
    """Make Odoo ready to start; only what is missing is made."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    here = settings()
    state.claim(here)
    prepare(here, Place(here.state / "crm" / "odoo", port, database_port))


if __name__ == "__main__":
    command.run(main)
