"""The services as a whole: `python -m infra.stack up`, `down`, `status`."""

import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from threading import Event
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra import airflow_home, overview, state, supervision
from infra.jars import jars
from infra.services import Door, Service, services, write_endpoints
from infra.supervision import CannotStart
from jobs import command
from jobs.settings import ROOT, Settings, settings

app = typer.Typer(add_completion=False, help=__doc__)
# a table in a log file has room
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)

START_SECONDS = 420


def start(settings: Settings, listed: Sequence[Service]) -> None:
    """Start what does not run yet and wait until every service is well.

    Raises:
        CannotStart: something is in the way, or a service did not come up.
    """
    supervision.check_room(settings, listed)
    supervision.open_supervisor(settings, listed)
    began = time.monotonic()
    with (
        console.status("starting") as status,
        ThreadPoolExecutor(max_workers=len(listed)) as pool,
    ):
        given_up = Event()
        waiting = {
            pool.submit(_start_one, settings, each, began, given_up): each.name for each in listed
        }
        missing = set(waiting.values())
        try:
            for done in as_completed(waiting):
                done.result()
                missing.discard(waiting[done])
                console.print(f"{waiting[done]:22} ready after {time.monotonic() - began:4.0f} s")
                status.update(f"starting {', '.join(sorted(missing))}")
        finally:
            given_up.set()


def _start_one(settings: Settings, service: Service, began: float, given_up: Event) -> None:
    supervisor = supervision.supervisor(settings)
    if supervisor.getProcessInfo(service.name)["statename"] not in supervision.RUNNING:
        service.folder.mkdir(parents=True, exist_ok=True)
        service.prepare()
        supervisor.startProcess(service.name, False)
    while not given_up.is_set() and (fault := service.fault()):
        word = supervisor.getProcessInfo(service.name)["statename"]
        late = time.monotonic() - began > START_SECONDS
        if late or word in ("FATAL", "EXITED", "STOPPED", "UNKNOWN"):
            log = supervision.log_file(settings, service.name)
            last = [line for line in log.read_text(errors="replace").splitlines() if line][-1:]
            raise CannotStart(
                f"{service.name} is {word}: {fault}; {last[0] if last else ''} ({log})"
            )
        given_up.wait(0.3)


@app.command()
def up() -> None:
    """Start every service, make the tables."""
    state.claim(settings())
    with console.status("fetching Delta's JARs where they are missing"):
        jars(settings())
    listed = services(settings())
    try:
        start(settings(), listed)
    except KeyboardInterrupt:
        console.print("interrupted: stopping what was started")
        supervision.stop(settings())
        sys.exit(130)
    airflow_home.make_pools(settings())
    write_endpoints(settings(), listed)
    with console.status("making the tables"):
        _run("jobs.spark.catalog")
    console.print("everything is up: `make status` shows the addresses")


def _run(module: str) -> None:
    """Run one of our modules; its own words go to the terminal."""
    if subprocess.run([sys.executable, "-m", module], cwd=ROOT).returncode:
        raise CannotStart(f"python -m {module} failed; its message stands above")


@app.command()
def down() -> None:
    """End every service, after a crash too."""
    with console.status("stopping"):
        left = supervision.stop(settings())
    told = (
        f"; {len(left)} processes that had lost their parent or would not go were ended"
        if left
        else ""
    )
    console.print(f"nothing of {settings().state} runs any more{told}")


@app.command()
def wipe() -> None:
    """Delete the state folder; refused where it is not one of ours."""
    if state.wipe(settings()):
        console.print(f"{settings().state} is gone")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="for programs, all lines")] = False,
) -> None:
    """One screen: services, what is late, refused or broken, and what the next run will do.

    Fails if a service is down.
    """
    listed = services(settings())
    states = supervision.states(settings())
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        faults = list(pool.map(lambda each: each.fault() if each.name in states else "", listed))
    words = [states.get(each.name, "STOPPED") for each in listed]
    bad = [
        fault or (word.lower() if word != "RUNNING" else "")
        for fault, word in zip(faults, words, strict=True)
    ]
    lines = overview.overview(settings())
    if as_json:
        health = {each.name: told or "well" for each, told in zip(listed, bad, strict=True)}
        typer.echo(json.dumps({"services": health, "lines": [asdict(each) for each in lines]}))
    else:
        console.print(_services(listed, bad))
        console.print(f"memory {_memory():.1f} GiB, logs in {settings().state / 'logs'}\n")
        console.print(overview.show(lines) if lines else "nothing was built or run yet")
    if any(bad):
        sys.exit(1)


def _services(listed: Sequence[Service], bad: Sequence[str]) -> Table:
    """Each service, what is wrong with it, and its doors."""
    table = Table("service", "health", "address", "login", box=None)
    for service, fault in zip(listed, bad, strict=True):
        table.add_row(
            service.name,
            f"[red]{fault}[/red]" if fault else "[green]well[/green]",
            "\n".join(door.address for door in service.doors),
            "\n".join(_login(door) for door in service.doors),
        )
    return table


def _login(door: Door) -> str:
    """Who logs in, and the file with the password."""
    if not door.secret:
        return ""
    path = settings().secrets / door.secret
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{door.user}, {shown}" if door.user else str(shown)


def _memory() -> float:
    """Memory of all our processes in GiB; what they share counts once (PSS)."""
    total = 0
    for process in supervision.leftovers(settings()):
        with contextlib.suppress(psutil.Error):
            told = process.memory_full_info()
            total += getattr(told, "pss", told.uss)
    return total / 2**30


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    command.run(app)
