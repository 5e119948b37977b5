"""The demo: a company's year from the till to the CRM, in steps that go on where they stood.

python -m infra.demo.demo
"""

import datetime as dt
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from infra import stack, state, supervision
from infra.demo import report
from infra.demo.runs import Run, follow, newest, trigger
from jobs import airflow_api, command
from jobs.delivery import approval, page
from jobs.delivery.ledger import Ledger
from jobs.settings import ROOT, settings

FIRST_DAY, HISTORY_END, NEXT_DAY = "2017-01-01", "2017-11-26", "2017-11-27"
SCORES, TASKS = "tryton", "tryton_tasks"  # connections
ASSET_SECONDS = 30  # the scheduler starts a run on an asset within a second or two

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


class StepFailed(Exception):
    """A step of the demo did not end well."""


@dataclass(frozen=True)
class Step:
    """A step: what a person reads, and what happens."""

    name: str
    what: str
    act: Callable[[], float | None]  # seconds where something else kept the time
    every_time: bool = False


def program(module: str, *arguments: str) -> None:
    """Run one of our own programs; it shows its own progress."""
    if subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT).returncode:
        raise StepFailed(f"python -m {module} failed; its message stands above")


def dag(
    name: str, run_id: str, connection: str = SCORES, **params: str | bool | list[str]
) -> float:
    """Trigger a DAG, or go on with the run of that name, and follow it; returns its seconds.

    Args:
        connection: whose plan is approved where the run asks a person.
    """
    run = Run(name, run_id)
    trigger(settings(), run, dict(params))
    return float(follow(settings(), run, console, partial(approve, connection))["duration"])


def approve(connection: str) -> None:
    """Say yes to the newest plan, as the person who tries the demo would in Airflow."""
    plan = Ledger(connection).plan(None)
    console.print(f"  plan {plan.plan_number} waits for a person: {plan.needs_person}")
    console.print(f"  what it would change: {page.path(plan)}")
    approval.respond(
        plan, approval.APPROVE, airflow_api.USER, settings().secret(airflow_api.SECRET)
    )
    console.print(f"  the demo approves it, as Airflow's user {airflow_api.USER}")


def deliver(connection: str) -> float:
    """Follow the delivery that the day's outbox started; start one where none was."""
    since = progress_so_far()["day"]["began"]
    deadline = time.monotonic() + ASSET_SECONDS
    of = settings().delivery_dags[connection]
    while time.monotonic() < deadline:
        if started := newest(settings(), of, since):
            return dag(of, started.run_id, connection)
        time.sleep(1)
    return dag(of, f"demo-{connection}", connection)


# a minute or more each, of fitting again and again: a person waits here
TAKE_LONG = ["two_tower", "sequence", "ranker", "ranker_plan", "forest", "blend", "ward"]

STEPS = (
    Step("services", "start Spark, Airflow, MLflow and the CRM", stack.up, every_time=True),
    Step(
        "drops",
        "cut the source's year into daily and weekly drops of files",
        lambda: program("infra.demo.drops", "--until", NEXT_DAY),
    ),
    Step("customers", "seed the CRM with the households", lambda: program("infra.demo.seed")),
    Step(
        "history",
        f"land and build {FIRST_DAY} to {HISTORY_END}, in one run of sales_daily",
        lambda: dag("sales_daily", "demo-history", start=FIRST_DAY, end=HISTORY_END),
    ),
    Step(
        "training",
        "judge the quick models, train the best, promote through the gate",
        lambda: dag("training_weekly", "demo-training", leave_out=TAKE_LONG),
    ),
    Step(
        "day",
        f"one more day, {NEXT_DAY}: land, build, predict, grade",
        lambda: dag("sales_daily", "demo-day", start=NEXT_DAY, end=NEXT_DAY, deliver=True),
    ),
    Step(
        "delivery",
        "plan, approve, apply and verify the delivery to the CRM",
        lambda: deliver(SCORES),
    ),
    Step("tasks", "turn the day's actions into tasks for salespeople", lambda: deliver(TASKS)),
)


def main() -> None:
    """Take every step that is not done yet, then show the page of facts."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    began = time.monotonic()
    if missing := {SCORES, TASKS} - {*settings().deliveries}:
        named = ", ".join(sorted(missing))
        raise StepFailed(f"the demo delivers to {named}: name it in CRM_DELIVERIES too")
    state.claim(settings())
    play_the_past()
    try:
        for number, step in enumerate(STEPS, start=1):
            take(step, f"{number}/{len(STEPS)} {step.what}")
        page = report.page(settings())
    except KeyboardInterrupt:
        console.print("interrupted: `make demo` goes on from here, `make down` stops the services")
        sys.exit(130)
    except httpx.HTTPError as error:
        raise StepFailed(
            f"Airflow at {settings().airflow_url} does not answer ({type(error).__name__}): see "
            "`make status`; `make demo` goes on from here"
        ) from None
    report.show(page, console)
    path = settings().state / "demo/report.html"
    path.write_text(report.html(page))
    console.print(f"{time.monotonic() - began:.0f} s; the same as a page: {path}")


def play_the_past() -> None:
    """Today is the newest day in the data: the demo's year is over. Holds for every later start."""
    path, line = settings().file, "COMPANY_CLOCK=data"
    lines = path.read_text().splitlines() if path.exists() else []
    if line in lines:
        return
    kept = [each for each in lines if each.partition("=")[0].strip() != "COMPANY_CLOCK"]
    # stopped first: killed in between, the next run finds them gone, not on the wrong clock
    if supervision.supervisor(settings()):
        console.print("the services run by the wall's clock: they are started again")
        supervision.stop(settings())
    replace(path, "\n".join([*kept, line]) + "\n")
    settings.cache_clear()


def take(step: Step, title: str) -> None:
    """Do a step and write down that it is done; one that is done stays done."""
    told = progress_so_far()
    if "seconds" in told.get(step.name, {}) and not step.every_time:
        console.print(f"[dim]{title}: done before[/dim]")
        return
    console.print(f"[bold]{title}[/bold]")
    now = dt.datetime.now(dt.UTC).isoformat()
    write_down(step.name, {"what": step.what, "began": now} | told.get(step.name, {}))
    began = time.monotonic()
    seconds = step.act() or time.monotonic() - began
    first = told.get(step.name, {}).get("seconds", seconds)
    write_down(step.name, {**progress_so_far()[step.name], "seconds": round(first, 1)})
    console.print(f"  done in {seconds:.0f} s")


def progress_so_far() -> dict[str, dict[str, Any]]:
    """What is written down of each step: what, when it began, its seconds once it is done."""
    path = settings().state / "demo/steps.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def write_down(name: str, fact: dict[str, Any]) -> None:
    path = settings().state / "demo/steps.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps(progress_so_far() | {name: fact}, indent=1) + "\n")


def replace(path: Path, text: str) -> None:
    """A reader, or a run after a kill, sees the old text or the new one."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


if __name__ == "__main__":
    command.run(main)
