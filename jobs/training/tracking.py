"""Runs and registered models in MLflow: what ran, on which table versions, with what result."""

import datetime as dt
import hashlib
import json
import logging
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import mlflow
import psutil
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import Dataset as LoggedDataset
from mlflow.entities import DatasetInput, Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
    MLFLOW_TRACKING_PASSWORD,
    MLFLOW_TRACKING_USERNAME,
)
from mlflow.exceptions import MlflowException

from jobs.settings import ROOT, settings
from jobs.training.family import FAMILIES, ROOMS, Dataset

logger = logging.getLogger(__name__)

CHAMPION = "champion"
SAMPLE_SECONDS = 0.5  # between two looks at the memory of a run
SEEN = "owner_seen"  # tag: the owner's last sign of life, seconds since 1970
SIGN_SECONDS = 60  # between two signs of life
SILENT_SECONDS = 900  # a machine that gave none for so long is gone
CLOCK_SECONDS = 5  # by which two readings of one process's start may differ


class TrackingDown(Exception):
    """MLflow does not answer."""


@cache
def client() -> MlflowClient:
    """The tracking server of settings, unless MLflow itself was told of another store.

    Raises:
        TrackingDown: it does not answer within 5 seconds (MLflow's own retries take minutes), or
            refuses our password.
    """
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
    if not mlflow.tracking.is_tracking_uri_set():
        url = settings().mlflow_url
        try:
            httpx.get(f"{url}/health", timeout=5).raise_for_status()
        except httpx.HTTPError as error:
            raise TrackingDown(
                f"MLflow does not answer at {url} ({error}); run `make up`"
            ) from None
        login = ("admin", settings().secret("mlflow_admin"))
        asked = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
        if httpx.get(asked, auth=login, timeout=60).status_code == 401:
            raise TrackingDown(
                f"MLflow at {url} refuses the password of secret mlflow_admin: it is another "
                "installation's; give this one another SALES_PORT_BASE"
            )
        mlflow.set_tracking_uri(url)
        MLFLOW_TRACKING_USERNAME.set(login[0])
        MLFLOW_TRACKING_PASSWORD.set(login[1])
    return MlflowClient()


def keep_here_if_down(folder: Path) -> None:
    """Where MLflow does not answer, its runs are kept in a folder: a bench of files needs no stack.

    `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db` shows them.
    """
    try:
        client()
    except TrackingDown as down:
        folder.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(f"sqlite:///{folder.resolve()}/mlflow.db")
        for name in FAMILIES | ROOMS:
            if client().get_experiment_by_name(name) is None:
                client().create_experiment(name, str(folder.resolve() / "mlflow"))
        logger.debug("%s", down)
        kept = folder / "mlflow.db"
        logger.info("MLflow is not up, and need not be: runs are kept in %s", kept)


def where() -> str:
    """Where the runs of this process are, for a person."""
    kept = mlflow.get_tracking_uri()
    if not kept.startswith("sqlite:"):
        return f"MLflow at {kept}"
    return f"{sys.prefix}/bin/mlflow ui --backend-store-uri {shlex.quote(kept)}"


# packages of other families that decide what a family answers: a value's reasons are told as theirs
ALSO_USES = {"value": ("propensity",)}


@cache
def code_version(family: str) -> str:
    """Git commit where there is one, and a hash of the training code of a family or a room."""
    packages = [(FAMILIES | ROOMS)[family].split(".")[-2], *ALSO_USES.get(family, ())]
    files = [
        *ROOT.glob("jobs/training/*.py"),
        *(path for name in packages for path in ROOT.glob(f"jobs/training/{name}/*.py")),
        # what people review there, such as which features may be used
        *(path for name in packages for path in ROOT.glob(f"jobs/training/{name}/*.yaml")),
    ]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
    git = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return f"{git.stdout.strip() or 'no-git'}+{digest[:12]}"


def fingerprint(**parts: object) -> str:
    """Hash of everything that decides a run's result: equal fingerprints need no second run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """Of a file's bytes: what a run was given, where no table's version says it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Run:
    """One MLflow run that is under way, or has ended."""

    id: str
    experiment_id: str

    def params(self, params: Mapping[str, object]) -> None:
        client().log_batch(self.id, params=[Param(k, str(v)[:500]) for k, v in params.items()])

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        now = int(time.time() * 1_000)
        client().log_batch(
            self.id, metrics=[Metric(k, float(v), now, step) for k, v in metrics.items()]
        )

    def curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """Values per step, such as the loss of each epoch."""
        now = int(time.time() * 1_000)
        for name, values in curves.items():
            points = [Metric(name, float(v), now, step) for step, v in enumerate(values)]
            client().log_batch(self.id, metrics=points[:1_000])

    def tags(self, tags: Mapping[str, object]) -> None:
        for key, value in tags.items():
            client().set_tag(self.id, key, str(value))

    def datasets(self, datasets: Sequence[Dataset]) -> None:
        inputs = [
            DatasetInput(
                LoggedDataset(
                    name=d.table,
                    digest=f"v{d.version}",
                    source_type="delta",
                    source=json.dumps({"table": d.table, "version": d.version}),
                )
            )
            for d in datasets
        ]
        client().log_inputs(self.id, datasets=inputs)

    def figure(self, figure: Figure, name: str) -> None:
        client().log_figure(self.id, figure, f"plots/{name}.png")

    def json(self, content: Any, name: str) -> None:
        client().log_dict(self.id, content, name)

    def content(self, name: str) -> Any:
        """What `json` logged."""
        return mlflow.artifacts.load_dict(f"runs:/{self.id}/{name}")


class PeakMemory(threading.Thread):
    """The most memory that this process and its children held while the block ran, in MiB.

    By samples: the system's own high-water mark is the process's, of all runs before too, and
    knows nothing of the workers that fit Prophet. What came and went between two samples is missed.
    """

    def __init__(self) -> None:
        super().__init__(name="peak memory", daemon=True)
        self.mib = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(SAMPLE_SECONDS):
            self.sample()

    def sample(self) -> None:
        me = psutil.Process()
        held = 0
        for process in (me, *me.children(recursive=True)):
            with suppress(psutil.Error):  # it has ended meanwhile
                held += process.memory_info().rss
        self.mib = max(self.mib, held / 2**20)

    def __enter__(self) -> Self:
        self.sample()
        self.start()
        return self

    def __exit__(self, *told: object) -> None:
        self.over.set()
        self.join()
        self.sample()


class SignsOfLife(threading.Thread):
    """Tells of a run again and again that its process lives: other machines cannot look."""

    def __init__(self, run: Run) -> None:
        super().__init__(name="signs of life", daemon=True)
        self.of = run
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(SIGN_SECONDS):
            with suppress(MlflowException):  # the server is away: the next one may reach it
                self.of.tags({SEEN: time.time()})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *told: object) -> None:
        self.over.set()
        self.join()


def _experiment(name: str) -> str:
    found = client().get_experiment_by_name(name)
    if found:
        return str(found.experiment_id)
    try:
        return str(client().create_experiment(name))
    except MlflowException:
        # another process made it between the question and the answer
        found = client().get_experiment_by_name(name)
        if not found:
            raise
        return str(found.experiment_id)


def _owner() -> dict[str, str]:
    """Who works on a run; a number of a process alone is used again after its end."""
    return {
        "owner_host": socket.gethostname(),
        "owner_pid": str(os.getpid()),
        "owner_started": str(psutil.Process().create_time()),
        SEEN: str(time.time()),
    }


def _is_abandoned(tags: Mapping[str, str]) -> bool:
    """Whether the process that worked on a run is gone.

    Of another machine only the last sign of life is known; runs that are not ours are left alone.
    """
    if "owner_pid" not in tags:
        return False
    if tags.get("owner_host") != socket.gethostname():
        return time.time() - float(tags.get(SEEN, "inf")) > SILENT_SECONDS
    try:
        process = psutil.Process(int(tags["owner_pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:  # dead, and not yet asked for by its parent
            return True
        # seconds since the boot, whose own time moves with the clock
        return abs(process.create_time() - float(tags.get("owner_started", 0))) > CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True


def finished(experiment: str, fingerprint: str) -> Run | None:
    """The newest run that ended well with the same fingerprint."""
    place = _experiment(experiment)
    found = client().search_runs(
        [place],
        f"attributes.status = 'FINISHED' and tags.fingerprint = '{fingerprint}'",
        max_results=1,
    )
    return Run(found[0].info.run_id, place) if found else None


def close_abandoned() -> list[str]:
    """End as KILLED what dead processes left running, children too, in whatever experiment.

    Returns:
        The ids of the runs.
    """
    places = [place.experiment_id for place in client().search_experiments()]
    closed = []
    for run in client().search_runs(places, "attributes.status = 'RUNNING'", max_results=10_000):
        if _is_abandoned(run.data.tags):
            client().set_terminated(run.info.run_id, "KILLED")
            logger.warning("run %s: its process is gone, ended as KILLED", run.info.run_id)
            closed.append(run.info.run_id)
    return closed


def _continued(place: str, fingerprint: str) -> str | None:
    """The newest run that was killed at the same work, whoever found it so."""
    killed = f"attributes.status = 'KILLED' and tags.fingerprint = '{fingerprint}'"
    found = client().search_runs([place], killed, max_results=1)
    return str(found[0].info.run_id) if found else None


def ended(run_id: str) -> None:
    """Let a run be FINISHED whose work is whole: it was killed between its end and saying so."""
    if client().get_run(run_id).info.status == "KILLED":
        client().set_terminated(run_id, "FINISHED")


@contextmanager
def run(
    experiment: str,
    name: str,
    fingerprint: str,
    datasets: Sequence[Dataset] = (),
    tags: Mapping[str, str] | None = None,
    parent: Run | None = None,
) -> Iterator[Run]:
    """A run that ends as what it was: FINISHED, FAILED, or KILLED by the next one's hand.

    A killed run with the same fingerprint is continued under its own id, a child too.
    """
    place = _experiment(experiment)
    labels = {"fingerprint": fingerprint, **_owner(), **(tags or {})}
    if parent:
        labels["mlflow.parentRunId"] = parent.id
    if parent is None:
        close_abandoned()
    if run_id := _continued(place, fingerprint):
        logger.info("continuing killed run %s", run_id)
        client().update_run(run_id, status="RUNNING")
        Run(run_id, place).tags(labels)
    else:
        run_id = client().create_run(place, run_name=name, tags=labels).info.run_id
    current = Run(run_id, place)
    current.datasets(datasets)
    started = time.perf_counter()
    try:
        with PeakMemory() as memory, SignsOfLife(current):
            yield current
    except KeyboardInterrupt:
        client().set_terminated(run_id, "KILLED")
        raise
    except BaseException:
        client().set_terminated(run_id, "FAILED")
        raise
    seconds = time.perf_counter() - started
    current.metrics({"seconds": seconds, "peak_memory_mib": memory.mib})
    client().set_terminated(run_id, "FINISHED")


def register(name: str, run: Run, folder: Path, tags: Mapping[str, str]) -> ModelVersion:
    """Put a saved model into the registry as the next version of `name`."""
    try:
        client().create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    client().log_artifacts(run.id, str(folder), "model")
    source = f"{client().get_run(run.id).info.artifact_uri}/model"
    return client().create_model_version(name, source, run.id, tags=dict(tags))


def versions(name: str) -> list[ModelVersion]:
    """All registered versions of a family, the newest first."""
    found = client().search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda v: int(v.version), reverse=True)


def version_with(name: str, fingerprint: str) -> ModelVersion | None:
    """The newest version made by a train run with this fingerprint."""
    found = (v for v in versions(name) if v.tags.get("fingerprint") == fingerprint)
    return next(found, None)


def newest_version(name: str) -> ModelVersion | None:
    return next(iter(versions(name)), None)


def champion(name: str) -> ModelVersion | None:
    """The version with the alias `champion`; null if there is none yet."""
    try:
        return client().get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # MLflow: no such alias is INVALID_PARAMETER_VALUE, no such model RESOURCE_DOES_NOT_EXIST
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def crown(name: str, version: str) -> None:
    client().set_registered_model_alias(name, CHAMPION, version)


def tag_version(version: ModelVersion, tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        client().set_model_version_tag(version.name, version.version, key, value)


def download(version: ModelVersion, folder: Path) -> Path:
    """The saved folder of a version, as a local copy."""
    return Path(
        mlflow.artifacts.download_artifacts(artifact_uri=version.source, dst_path=str(folder))
    )


def loaded(of: Any, version: ModelVersion) -> Any:
    """The model of a version of a family."""
    with tempfile.TemporaryDirectory() as folder:
        return of.model(version.tags["model"]).load(download(version, Path(folder)))


def now() -> dt.datetime:
    """When a decision was made (UTC): belongs to logs only, never to data."""
    return dt.datetime.now(dt.UTC)
