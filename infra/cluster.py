"""A Spark cluster on loopback, for trying and for tests: `python -m infra.cluster up`, `down`.

Spark's own standalone cluster from the installed pyspark: one master, some workers, each a process
of its own. Whoever sends it work needs the secret; the pages of master and workers show what runs,
and end nothing.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import httpx
import typer

from infra import driver, health, stack, state, supervision
from infra.jars import spark_home
from infra.java.find import java_home
from infra.services import Service
from jobs import command
from jobs.settings import Settings, settings

app = typer.Typer(add_completion=False, help=__doc__)


@dataclass(frozen=True)
class Size:
    """What there is to compute with."""

    workers: int = 2
    cores: int = 1  # of a worker
    memory: str = "2g"  # of a worker, for its executors


def at(settings: Settings) -> Settings:
    """Where the cluster keeps its own: it outlives `make down`, as a company's would."""
    return replace(settings, state=settings.state / "cluster")


def address(settings: Settings) -> str:
    """What SPARK_MASTER is to be."""
    return f"spark://127.0.0.1:{settings.cluster_port}"


def services(settings: Settings, size: Size) -> list[Service]:
    """The master and its workers."""
    return [_master(settings), *(_worker(settings, size, n + 1) for n in range(size.workers))]


def _master(settings: Settings) -> Service:
    page = settings.cluster_port + 1
    options = {"port": settings.cluster_port, "webui-port": page}
    return Service(
        "spark-master",
        _argv(settings, "master.Master", options),
        lambda: _environment(settings),
        ports=(settings.cluster_port, page),
        fault=lambda: health.port(settings.cluster_port) or health.port(page),
        folder=at(settings).state / "master",
        prepare=lambda: _write_properties(settings),
    )


def _worker(settings: Settings, size: Size, number: int) -> Service:
    page = settings.cluster_port + 1 + number
    home = at(settings).state / f"worker-{number}"
    options = {"webui-port": page, "cores": size.cores, "memory": size.memory, "work-dir": home}
    return Service(
        f"spark-worker-{number}",
        [*_argv(settings, "worker.Worker", options), address(settings)],
        lambda: _environment(settings) | {"SPARK_LOCAL_DIRS": str(home)},
        ports=(page,),
        fault=lambda: "" if page in workers(settings) else "the master does not know it yet",
        folder=home,
    )


def workers(settings: Settings) -> list[int]:
    """The workers that the master counts on, by the ports of their pages."""
    try:
        told = httpx.get(f"http://127.0.0.1:{settings.cluster_port + 1}/json/", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return []
    alive = [each["webuiaddress"] for each in told["workers"] if each["state"] == "ALIVE"]
    return [int(page.rpartition(":")[2]) for page in alive]


def _argv(settings: Settings, name: str, options: Mapping[str, object]) -> list[str]:
    program = [str(spark_home() / "bin/spark-class"), f"org.apache.spark.deploy.{name}"]
    told = {"host": "127.0.0.1", "properties-file": _properties_file(settings), **options}
    return program + [word for name, value in told.items() for word in (f"--{name}", str(value))]


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "JAVA_HOME": str(java_home(settings)),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "512m",
        "PYSPARK_PYTHON": sys.executable,
    }


def _properties_file(settings: Settings) -> str:
    return str(at(settings).state / "spark.properties")


def _write_properties(settings: Settings) -> None:
    """What master and workers read; no secret on a command line."""
    home = at(settings).state
    told = {
        "spark.authenticate": "true",
        "spark.authenticate.secret": settings.make_secret(driver.CLUSTER_SECRET),
        "spark.network.crypto.enabled": "true",
        # a second way in, which asks for no secret
        "spark.master.rest.enabled": "false",
        "spark.ui.killEnabled": "false",
        # a master that was started again knows its workers and their drivers
        "spark.deploy.recoveryMode": "FILESYSTEM",
        "spark.deploy.recoveryDirectory": str(home / "recovery"),
    }
    (home / "recovery").mkdir(parents=True, exist_ok=True)
    driver.write(home / "spark.properties", told)


def start(settings: Settings, size: Size) -> None:
    """Start master and workers, and wait until all are known.

    Raises:
        supervision.CannotStart: one of them did not come up.
    """
    state.claim(at(settings))
    listed = services(settings, size)
    supervision.open_supervisor(at(settings), listed)
    # a worker that finds no master waits longer than a master needs
    stack.start(at(settings), listed[:1])
    stack.start(at(settings), listed)


def stop(settings: Settings) -> None:
    supervision.stop(at(settings))


@app.command()
def up(
    workers: Annotated[int, typer.Option(help="how many")] = Size.workers,
    cores: Annotated[int, typer.Option(help="of a worker")] = Size.cores,
    memory: Annotated[str, typer.Option(help="of a worker")] = Size.memory,
) -> None:
    """Start it; the line that sends the jobs there is printed."""
    start(settings(), Size(workers, cores, memory))
    typer.echo(f"into {settings().file}, then `make down` and `make up`:")
    typer.echo(f"SPARK_MASTER={address(settings())}")


@app.command()
def down() -> None:
    """End master and workers."""
    stop(settings())


if __name__ == "__main__":
    command.run(app)
