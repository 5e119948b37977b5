"""The services as a whole: `python -m infra.stack up`, `down`, `status`."""

import contextlib
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra import airflow_home, supervision
from infra.jars import jars
from infra.services import Service, services, write_endpoints
from infra.supervision import CannotStart
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
        state = supervisor.getProcessInfo(service.name)["statename"]
        late = time.monotonic() - began > START_SECONDS
        if late or state in ("FATAL", "EXITED", "STOPPED", "UNKNOWN"):
            log = supervision.log_file(settings, service.name)
            last = [line for line in log.read_text(errors="replace").splitlines() if line][-1:]
            raise CannotStart(
                f"{service.name} is {state}: {fault}; {last[0] if last else ''} ({log})"
            )
        given_up.wait(0.3)


@app.command()
def up() -> None:
    """Start every service, make the tables, register them."""
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
    with console.status("making and registering the tables"):
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
    state = settings().state
    if not state.exists():
        return
    if not (state / "secrets").is_dir():
        raise CannotStart(f"{state} does not look like a state folder (no secrets/): delete it")
    shutil.rmtree(state)
    console.print(f"{state} is gone")


@app.command()
def status() -> None:
    """Addresses, health and where the passwords lie; fails if something is down."""
    listed = services(settings())
    states = supervision.states(settings())
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        faults = list(pool.map(lambda each: each.fault() if each.name in states else "", listed))
    table = Table("service", "health", "address", "login", box=None)
    for service, fault in zip(listed, faults, strict=True):
        state = states.get(service.name, "STOPPED")
        bad = fault or (state.lower() if state != "RUNNING" else "")
        table.add_row(
            service.name,
            f"[red]{bad}[/red]" if bad else "[green]well[/green]",
            "\n".join(service.addresses),
            _login(service),
        )
    console.print(table)
    console.print(f"memory {_memory():.1f} GiB, logs in {settings().state / 'logs'}")
    if any(faults) or any(states.get(each.name) != "RUNNING" for each in listed):
        sys.exit(1)


def _login(service: Service) -> str:
    """Who logs in, and the file with the password."""
    if not service.secret:
        return ""
    path = settings().secrets / service.secret
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{service.user}, {shown}" if service.user else str(shown)


def _memory() -> float:
    """Memory of all our processes in GiB; what they share counts once (PSS)."""
    total = 0
    for process in supervision.leftovers(settings()):
        with contextlib.suppress(psutil.Error):
            told = process.memory_full_info()
            total += getattr(told, "pss", told.uss)
    return total / 2**30


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app(standalone_mode=False)
    except Exception as error:
        if not is_ours(error):
            raise
        sys.exit(f"error: {error}")


def is_ours(error: Exception) -> bool:
    """One of our own errors: its message is a sentence for a person, its stack is noise."""
    return type(error).__module__.startswith(("infra.", "jobs.", "__main__"))


if __name__ == "__main__":
    main()
