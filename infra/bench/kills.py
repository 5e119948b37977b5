"""Kills a building process (-9) at random instants and runs it again: is the end always the same?

python -m infra.bench.kills [--kills 200] [--seed 1]

The company is made up and small (tests/spark/toys.py): seven tables of every kind. Its day brings
new orders, a corrected price, an order that moves, one three weeks late, a line taken back, and a
product in another department. The right end is what one build of everything from nothing gives.
A Spark JVM of its own serves them; everything lies in a folder of its own that is wiped.
"""

import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

# before the first fork, and used only after it: a child that is to be killed starts at once
import great_expectations.expectations  # noqa: F401
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from infra.bench import place
from jobs import command
from jobs.settings import settings
from jobs.spark.build import build
from tests.spark import toys

Rows = dict[str, list[tuple[object, ...]]]

FORK = multiprocessing.get_context("fork")
WARMING = 3  # days built before the kills
BETWEEN = "before the first table"
AFTER = "nothing: it had ended before, and is not counted"


def land_history(folder: Path) -> None:
    """What is built before the day that is disturbed."""
    toys.land_products(folder, toys.MONDAY, toys.DEPARTMENTS)
    for n in range(10):
        lines = [(f"o{n}", product, toys.noon(n), "1.50") for product in ("p1", "p2")]
        toys.land_lines(folder, toys.day(n), lines)


def land_day(folder: Path) -> None:
    """A day that touches every table, and days of long ago."""
    toys.land_products(folder, toys.day(24), {"p1": "DELI", "p3": "DELI"})
    toys.land_lines(folder, toys.day(2), [("o2", "p1", toys.noon(2), "1.50")])
    toys.land_lines(
        folder,
        toys.day(24),
        [
            ("o24", "p1", toys.noon(24), "4"),
            ("o24", "p3", toys.noon(24), "5"),
            ("o1", "p1", toys.noon(1), "9"),
            ("o3", "p2", toys.noon(6), "1.50"),
            ("late", "p2", toys.noon(3), "2.50"),
        ],
    )


def within(state: Path, lake: str = "lake") -> None:
    """Let this process work in a state of its own, on the Spark server that is up."""
    here = settings()
    told = {
        "SALES_STATE": str(state),
        "LAKE_URI": str(state / lake),
        "SALES_PORT_BASE": str(here.port_base),
        "SALES_SECRET_SPARK_TOKEN": here.secret("spark_token"),
    }
    os.environ.update(told)
    settings.cache_clear()


def builds(tell: Connection, state: Path, lake: str = "lake") -> None:
    """In a child: build everything, telling of each table before it; then the rows of all."""
    within(state, lake)
    for toy in toys.ALL:
        tell.send(toy.name)
        build(toy)
    tell.send({toy.name: toys.rows(toy.name) for toy in toys.ALL})


def start(work: Callable[..., None], *told: object) -> tuple[multiprocessing.Process, Connection]:
    """Fork a child that has all modules already, and says what it does."""
    heard, tell = FORK.Pipe(duplex=False)
    child = FORK.Process(target=work, args=(tell, *told))
    child.start()
    tell.close()
    return child, heard  # type: ignore[return-value]


def heard_of(heard: Connection) -> list[object]:
    """All that a child said before its end."""
    said = []
    while True:
        try:
            said.append(heard.recv())
        except (EOFError, OSError):
            return said


def built(state: Path, lake: str = "lake") -> Rows:
    """Builds without a disturbance; the rows of every table.

    Raises:
        RuntimeError: they did not come to their end.
    """
    child, heard = start(builds, state, lake)
    said = heard_of(heard)
    child.join()
    if child.exitcode or not isinstance(said[-1], dict):
        raise RuntimeError(f"the builds in {state} ended with {child.exitcode} at {said[-1:]}")
    return said[-1]


def killed(state: Path, after_seconds: float) -> str:
    """Builds that are killed; gives the table that was being built."""
    child, heard = start(builds, state)
    time.sleep(after_seconds)
    child.kill()
    child.join()
    if child.exitcode == 0:
        return AFTER
    names = [said for said in heard_of(heard) if isinstance(said, str)]
    return names[-1] if names else BETWEEN


def run(home: Path, kills: int, seed: int) -> int:
    """All the kills; prints where they fell, and gives how many did not end well.

    A copy of a state has a name of its own: sessions and what the server knows belong to a path.
    """
    history, day = home / "history", home / "day"
    history.mkdir()
    _forked(history, land_history)
    built(history)
    shutil.copytree(history, day)
    _forked(day, land_day)
    right = built(day, "from-nothing")
    # the last time counts: the first ones make the server's code, which later ones find
    seconds = [_undisturbed(day, home / f"undisturbed-{n}", right) for n in range(WARMING)][-1]
    Console().print(f"an undisturbed day takes {seconds:.1f} s; {kills} kills, seed {seed}")
    instants = random.Random(seed)
    fell: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    try:
        for _ in track(range(kills), "kills"):
            name = AFTER
            while name == AFTER:
                state = home / f"killed-{fell.total()}"
                shutil.copytree(day, state)
                name = killed(state, instants.uniform(0, seconds))
                fell[name] += 1
                wrong[name] += built(state) != right
                shutil.rmtree(state)
    finally:  # Ctrl-C too: what was done until then
        _tell(fell, wrong)
    return wrong.total()


def _undisturbed(day: Path, state: Path, right: Rows) -> float:
    """Seconds of the day's builds without a kill.

    Raises:
        RuntimeError: they do not give what one build of everything gives.
    """
    shutil.copytree(day, state)
    began = time.monotonic()
    if built(state) != right:
        raise RuntimeError("the undisturbed day does not equal a build from nothing")
    seconds = time.monotonic() - began
    shutil.rmtree(state)
    return seconds


def _forked(state: Path, land: Callable[[Path], None]) -> None:
    def work(tell: Connection) -> None:
        within(state)
        land(state)

    child, heard = start(work)
    heard_of(heard)
    child.join()
    if child.exitcode:
        raise RuntimeError(f"landing in {state} ended with {child.exitcode}")


def _tell(fell: Counter[str], wrong: Counter[str]) -> None:
    table = Table("killed while building", "kills", "ended as undisturbed")
    for name in (BETWEEN, *(toy.name for toy in toys.ALL), AFTER):
        table.add_row(name, str(fell[name]), str(fell[name] - wrong[name]))
    hit = fell.total() - fell[AFTER]
    table.add_row("all that were hit", str(hit), str(hit - wrong.total() + wrong[AFTER]))
    Console().print(table)


def _forgetful(folder: Path) -> Path:
    """Settings of a server that soon forgets a state that is gone.

    By default Spark keeps sessions, and Delta logs, for an hour: those of a hundred states fill its
    memory, and it does little but collect garbage. A lake's tables have one of each.
    """
    path = folder / "server.properties"
    path.write_text(
        "spark.connect.session.manager.defaultSessionTimeout 3m\n"
        "spark.databricks.delta.delta.log.cacheRetentionMinutes 3\n"
    )
    return path


def main(
    kills: Annotated[int, typer.Option(min=1, help="how many")] = 200,
    seed: Annotated[int, typer.Option(help="of the instants")] = 1,
) -> None:
    """Kill builds at random instants, run them again, and compare."""
    with tempfile.TemporaryDirectory(prefix="kills-") as home:
        work = Path(home, "work")
        work.mkdir()
        os.environ["SPARK_PROPERTIES"] = str(_forgetful(Path(home)))
        with place.opened(Path(home, "server")):
            wrong = run(work, kills, seed)
    if wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    command.run(main)
