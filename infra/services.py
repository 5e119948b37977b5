"""The list of services: what runs, where it listens, how it is known to be well."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra import airflow_home, bi, health, spark
from infra.tryton import prepare as tryton_prepare
from infra.tryton import serve as tryton
from jobs import airflow_api
from jobs.settings import ROOT, Settings

# The scheduler waits for its tasks; the API and the DAG processor have nothing to lose, and took
# 40 s to leave on a busy machine.
AIRFLOW_STOP_SECONDS = {"api": 8, "scheduler": 25, "dag-processor": 8, "triggerer": 20}


@dataclass(frozen=True)
class Door:
    """An address, and what opens it."""

    address: str
    user: str = ""
    secret: str = ""  # its name; empty: open to whoever can reach the port


@dataclass(frozen=True)
class Service:
    """One supervised process."""

    name: str
    argv: list[str]
    environment: Callable[[], dict[str, str]]  # beside what is inherited; makes its secrets
    ports: tuple[int, ...]  # loopback; none: it listens nowhere
    fault: Callable[[], str]  # what is wrong with it now; empty: nothing
    folder: Path  # its working folder
    prepare: Callable[[], None] = field(default=lambda: None)  # before its first start
    doors: tuple[Door, ...] = ()  # for people and clients
    stop_seconds: int = 25  # from TERM to KILL


def services(settings: Settings) -> list[Service]:
    """All services, the slowest to start first."""
    return [_spark(settings), _bi(settings), *_airflow(settings), _mlflow(settings), _crm(settings)]


def _spark(settings: Settings) -> Service:
    return Service(
        "spark",
        spark.argv(settings),
        lambda: spark.environment(settings),
        ports=(settings.spark_port,),
        fault=lambda: health.port(settings.spark_port),
        folder=spark.home(settings),
        prepare=lambda: spark.prepare(settings),
        doors=(Door(f"sc://localhost:{settings.spark_port}", secret="spark_token"),),  # noqa: S106 a name
    )


def _bi(settings: Settings) -> Service:
    return Service(
        "bi",
        bi.argv(settings),
        lambda: bi.environment(settings),
        ports=(settings.thrift_port,),
        fault=lambda: health.port(settings.thrift_port),
        folder=bi.home(settings),
        prepare=lambda: bi.prepare(settings),
        doors=(Door(f"hive://127.0.0.1:{settings.thrift_port}", bi.USER, bi.SECRET),),
    )


def _airflow(settings: Settings) -> list[Service]:
    """Four processes: `airflow standalone` would listen on all interfaces."""
    check = f"{settings.airflow_url}/api/v2/monitor/health"

    def process(name: str, *argv: str) -> Service:
        return Service(
            f"airflow-{name}",
            [sys.executable, "-m", "airflow", *argv],
            lambda: airflow_home.environment(settings),
            ports=(),
            fault=lambda: health.component(check, name.replace("-", "_")),
            folder=airflow_home.home(settings),
            prepare=lambda: airflow_home.prepare(settings),
            stop_seconds=AIRFLOW_STOP_SECONDS[name],
        )

    api = Service(
        "airflow-api",
        [sys.executable, "-m", "airflow", "api-server"],
        lambda: airflow_home.environment(settings),
        ports=(settings.airflow_port,),
        fault=lambda: health.page(check),
        folder=airflow_home.home(settings),
        prepare=lambda: airflow_home.prepare(settings),
        doors=(Door(settings.airflow_url, airflow_api.USER, airflow_api.SECRET),),
        stop_seconds=AIRFLOW_STOP_SECONDS["api"],
    )
    return [
        api,
        process("scheduler", "scheduler", "--skip-serve-logs"),
        process("dag-processor", "dag-processor"),
        process("triggerer", "triggerer", "--skip-serve-logs"),
    ]


def _mlflow(settings: Settings) -> Service:
    home = settings.state / "mlflow"
    argv = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    argv += ["--app-name", "basic-auth"]
    argv += ["--host", "127.0.0.1", "--port", str(settings.mlflow_port)]
    argv += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db"]
    argv += ["--artifacts-destination", str(home / "artifacts")]
    return Service(
        "mlflow",
        argv,
        lambda: _mlflow_environment(settings),
        ports=(settings.mlflow_port,),
        fault=lambda: health.page(f"{settings.mlflow_url}/health"),
        folder=home,
        doors=(Door(settings.mlflow_url, "admin", "mlflow_admin"),),
    )


def _mlflow_environment(settings: Settings) -> dict[str, str]:
    lines = (ROOT / "mlflow/server.env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    login = {
        "MLFLOW_AUTH_CONFIG_PATH": str(ROOT / "mlflow/auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.make_secret("mlflow_admin"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.make_secret("mlflow_session"),
    }
    return dict(pairs) | login | settings.environment()


def _crm(settings: Settings) -> Service:
    return Service(
        "crm",
        tryton.argv(settings),
        lambda: tryton.environment(settings),
        ports=(settings.crm_port,),
        fault=lambda: health.page(f"{settings.crm_url}/"),
        folder=settings.state / "crm",
        prepare=lambda: tryton_prepare.prepare(settings),
        doors=(Door(f"{settings.crm_url}/#{tryton.DATABASE}", "admin", "crm_admin"),),
    )


def write_endpoints(settings: Settings, listed: list[Service]) -> None:
    """Tell people and programs where the services are and where their passwords lie."""
    told = [
        {
            "service": service.name,
            "address": door.address,
            "user": door.user,
            "password_file": str(settings.secrets / door.secret) if door.secret else "",
            "log": str(settings.state / "logs" / f"{service.name}.log"),
        }
        for service in listed
        for door in service.doors or (Door(""),)
    ]
    new = settings.endpoints.with_suffix(".new")
    new.write_text(json.dumps(told, indent=1) + "\n")
    os.replace(new, settings.endpoints)
