"""Airflow runs as a person would start and watch them: triggered by name, followed task by task."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs import airflow_api
from jobs.settings import Settings

LOOK_SECONDS = 1.0
TELL_SECONDS = 30.0  # where nobody watches a bar, a line this often
DONE = ("success", "skipped", "failed", "upstream_failed", "removed")


class RunFailed(Exception):
    """A run did not end well; the message names the task and its log."""


@dataclass(frozen=True)
class Run:
    """A run of a DAG."""

    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"


# a fresh DAG file is seen some seconds after the processes are up
@retry(
    retry=retry_if_exception_type(LookupError),
    wait=wait_fixed(2),
    stop=stop_after_delay(120),
    reraise=True,
)
def trigger(settings: Settings, run: Run, params: dict[str, Any]) -> None:
    """Start a run; one that is there goes on, and where it had failed, its failed tasks do.

    Raises:
        LookupError: Airflow does not know the DAG.
    """
    with airflow_api.client(settings) as api:
        found = api.get(run.path)
        if found.status_code == 404:
            told = {"dag_run_id": run.run_id, "logical_date": None, "conf": params}
            answer = api.post(f"/dags/{run.dag_id}/dagRuns", json=told)
            if answer.status_code == 404:
                raise LookupError(f"Airflow does not know the DAG {run.dag_id}; see `make status`")
            answer.raise_for_status()
        elif found.json()["state"] == "failed":
            only_failed = {"dry_run": False, "only_failed": True}
            api.post(f"{run.path}/clear", json=only_failed).raise_for_status()


def newest(settings: Settings, dag_id: str, since: str) -> Run | None:
    """The newest run of a DAG that was queued after a moment (ISO 8601)."""
    asked: dict[str, str | int] = {"order_by": "-run_after", "limit": 1, "run_after_gte": since}
    with airflow_api.client(settings) as api:
        runs = api.get(f"/dags/{dag_id}/dagRuns", params=asked).json()["dag_runs"]
    return Run(dag_id, runs[0]["dag_run_id"]) if runs else None


def follow(
    settings: Settings,
    run: Run,
    console: Console,
    answer: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Show a run until it ends; returns what Airflow tells about it.

    Args:
        answer: called once, when a task of the run asks a person.

    Raises:
        RunFailed: a task failed.
    """
    columns = (TextColumn("  {task.description}"), BarColumn(20), MofNCompleteColumn())
    told, is_answered = time.monotonic(), False
    with (
        airflow_api.client(settings) as api,
        Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress,
    ):
        bar = progress.add_task(run.dag_id, total=None)
        while True:
            state, tasks = _look(api, run)
            done = sum(task["state"] in DONE for task in tasks)
            now = [task["task_id"] for task in tasks if task["state"] == "running"]
            more = f" and {len(now) - 2} more" if len(now) > 2 else ""
            what = f"{run.dag_id}: {', '.join(now[:2]) or 'waiting'}{more}"
            if not is_answered and any(task["state"] == "awaiting_input" for task in tasks):
                answer()
                is_answered = True
            progress.update(bar, completed=done, total=len(tasks) or None, description=what)
            if not sys.stdout.isatty() and time.monotonic() - told > TELL_SECONDS:
                console.print(f"  {what} ({done} of {len(tasks)} tasks done)")
                told = time.monotonic()
            if state["state"] in ("success", "failed"):
                break
            time.sleep(LOOK_SECONDS)
    if state["state"] == "failed":
        raise RunFailed(_failure(settings, run, tasks))
    return state


# the API answers late while it is busy; a watcher waits
@retry(
    retry=retry_if_exception_type((httpx.HTTPError, KeyError)),
    wait=wait_fixed(2),
    stop=stop_after_delay(120),
    reraise=True,
)
def _look(api: httpx.Client, run: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    state = api.get(run.path).raise_for_status().json()
    listed = api.get(f"{run.path}/taskInstances", params={"limit": 100}).raise_for_status()
    return state, listed.json()["task_instances"]


def _failure(settings: Settings, run: Run, tasks: list[dict[str, Any]]) -> str:
    failed = [task["task_id"] for task in tasks if task["state"] == "failed"]
    logs = settings.state / "airflow/logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
    return (
        f"{run.dag_id}: {', '.join(failed) or 'a task'} failed; the reason is in {logs}; "
        "`make demo` goes on from there once it is mended"
    )
