"""Airflow's home under the state folder: its settings, database, login and pools."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
from filelock import FileLock
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs.airflow_api import SECRET, USER, AirflowUnreachable, client
from jobs.settings import ROOT, Settings


class AirflowFailed(Exception):
    """Airflow's database could not be made, or its API refused what set-up asks of it."""


def home(settings: Settings) -> Path:
    return settings.state / "airflow"


def environment(settings: Settings) -> dict[str, str]:
    """Every setting of Airflow; its processes and its command line need the same."""
    core = {
        "DAGS_FOLDER": str(ROOT / "dags"),
        "LOAD_EXAMPLES": "False",
        "EXECUTOR": "LocalExecutor",
        "PARALLELISM": "4",
        "DAGS_ARE_PAUSED_AT_CREATION": "False",
        # a key of 32 bytes in base64, which wants its padding
        "FERNET_KEY": settings.make_secret("airflow_fernet") + "=",
        "EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords(settings)),
    }
    api = {
        "HOST": "127.0.0.1",
        "PORT": str(settings.airflow_port),
        "BASE_URL": settings.airflow_url,
        "WORKERS": "1",
        "SECRET_KEY": settings.make_secret("airflow_api"),
    }
    return {
        **settings.environment(),
        # the second holds airflow_local_settings
        "PYTHONPATH": f"{ROOT}:{ROOT}/infra/airflow",
        "AIRFLOW_HOME": str(home(settings)),
        **{f"AIRFLOW__CORE__{name}": value for name, value in core.items()},
        **{f"AIRFLOW__API__{name}": value for name, value in api.items()},
        "AIRFLOW__API_AUTH__JWT_SECRET": settings.make_secret("airflow_jwt"),
        # a busy machine: SQLite's writers wait for each other, tasks for the API, longer than 5 s
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home(settings)}/airflow.db?timeout=60",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60.0",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        # a changed file is read at once all the same; reading four unchanged ones costs CPU
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        # a worker whose task has just ended may sleep this long (default 5 s)
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # tasks that learn share the cores: their OpenMP threads must not spin while they wait
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def prepare(settings: Settings) -> None:
    """Make the login and the database where they are missing or older than the installed Airflow.

    Raises:
        AirflowFailed: the migration did not run through.
    """
    home(settings).mkdir(parents=True, exist_ok=True)
    password = settings.make_secret(SECRET)
    with os.fdopen(os.open(_passwords(settings), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(json.dumps({USER: password}))
        file.truncate()
    with FileLock(home(settings) / "prepare.lock"):
        done = home(settings) / "migrated"
        release = _release()
        if done.exists() and done.read_text() == release:
            return
        _migrate(settings)
        done.write_text(release)


def pools(settings: Settings) -> dict[str, str]:
    """What each is for, by its name."""
    of_crms = {f"crm_{name}": f"one writer to {name}" for name in settings.deliveries}
    return {"gpu": "one training at a time"} | of_crms


# right after its start the API is busy, and its answer may be an error of the database
@retry(
    retry=retry_if_exception_type((AirflowFailed, AirflowUnreachable, httpx.HTTPError)),
    wait=wait_fixed(2),
    stop=stop_after_delay(90),
    reraise=True,
)
def make_pools(settings: Settings) -> None:
    """One slot each; a pool that is there stays as it is.

    Raises:
        AirflowFailed: the API refused.
    """
    with client(settings) as api:
        for name, description in pools(settings).items():
            wanted = {"name": name, "slots": 1, "description": description}
            answer = api.post("/pools", json=wanted)
            if answer.status_code not in (201, 409):
                raise AirflowFailed(f"pool {name}: Airflow answers {answer.text}")


def _passwords(settings: Settings) -> Path:
    return settings.secrets / "airflow_passwords.json"


def _release() -> str:

    return version("apache-airflow")


def _migrate(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**os.environ, **environment(settings)},
        cwd=home(settings),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise AirflowFailed(f"airflow db migrate ended with {done.returncode}: {last}")
