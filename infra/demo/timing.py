"""What a run of a DAG cost, task by task: the work itself, and what orchestration added to it.

python -m infra.demo.timing sales_daily demo-day

Work is what the build recorded of itself (ops.builds); for other tasks it is the task's own time.
Overhead is the rest: from the end of the last task that it waits for to its own start, and what its
process took beside the work. A wait for a free slot of the executor is not orchestration: it is
shown apart.
"""

import datetime as dt
import statistics
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from infra import airflow_home
from jobs import airflow_api, command, lake
from jobs.settings import Settings, settings


@dataclass(frozen=True)
class Cost:
    """Seconds of one task."""

    task: str
    work: float
    overhead: float
    slot: float  # waited for a free slot


class NoSuchRun(Exception):
    """Airflow knows no such run, or none of its tasks has ended."""


def costs(settings: Settings, dag_id: str, run_id: str) -> list[Cost]:
    """Every task of a run that has ended, in order of start."""
    with airflow_api.client(settings) as api:
        run = _get(api, f"/dags/{dag_id}/dagRuns/{run_id}")
        listed = _get(api, f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")
        arrows = _get(api, f"/dags/{dag_id}/tasks?limit=100")["tasks"]
    slots = int(airflow_home.environment(settings)["AIRFLOW__CORE__PARALLELISM"])
    waits_for: dict[str, list[str]] = {}
    for task in arrows:
        for after in task["downstream_task_ids"]:
            waits_for.setdefault(after, []).append(task["task_id"])
    ran = {t["task_id"]: t for t in listed["task_instances"] if t["start_date"] and t["end_date"]}
    spans = {name: (_at(t["start_date"]), _at(t["end_date"])) for name, t in ran.items()}
    began = _at(run["start_date"])
    freed = [began] * slots  # when each slot was left by its last task
    found = []
    for name, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        before = [spans[u][1] for u in waits_for.get(name, []) if u in spans]
        ready = max([began, *before])
        # it takes the slot that was left last: the others had been free, and it did not come
        slot = max((moment for moment in freed if moment <= start), default=start)
        could = max(ready, slot)
        work = min(_work(name, start, end), (end - start).total_seconds())
        overhead = (end - could).total_seconds() - work
        found.append(Cost(name, work, overhead, (could - ready).total_seconds()))
        if slot in freed:
            freed.remove(slot)
        freed.append(end)
    return found


def _work(task: str, start: dt.datetime, end: dt.datetime) -> float:
    """Seconds that a table's build recorded within a task's time; all of it for other tasks."""
    asked = f"select seconds, started_at from t where table_name = '{task}'"  # noqa: S608
    rows = lake.read("ops.builds", sql=asked).to_pylist()
    inside = [row["seconds"] for row in rows if start <= row["started_at"] <= end]
    return sum(inside) if inside else (end - start).total_seconds()


def _get(api: httpx.Client, path: str) -> Any:
    answer = api.get(path)
    if answer.status_code == 404:
        raise NoSuchRun(f"Airflow knows no {path}: look at its page for the names")
    return answer.raise_for_status().json()


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def main(
    dag_id: Annotated[str, typer.Argument(help="such as sales_daily")],
    run_id: Annotated[str, typer.Argument(help="such as demo-day")],
) -> None:
    """Print what each task of a run cost."""
    found = costs(settings(), dag_id, run_id)
    if not found:
        raise NoSuchRun(f"no task of {dag_id} {run_id} has ended yet")
    page = Table("task", "work s", "overhead s", "waited for a slot s", box=None)
    for cost in found:
        page.add_row(cost.task, f"{cost.work:.1f}", f"{cost.overhead:.2f}", f"{cost.slot:.1f}")
    console = Console(width=100)
    console.print(page)
    overheads = [cost.overhead for cost in found]
    console.print(
        f"{len(found)} tasks; overhead a task: mean {statistics.mean(overheads):.2f} s, "
        f"median {statistics.median(overheads):.2f} s, most {max(overheads):.2f} s"
    )


if __name__ == "__main__":
    command.run(main)
