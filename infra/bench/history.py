"""The history load against DuckDB, which makes the same tables from the same landed files.

python -m infra.bench.history [--copies 1 --copies 20] [--days 331]

Both run on this machine, one after the other, with the same cores and memory. Of the pipeline every
table is built, in one process, from nothing; the ratio is over the tables that DuckDB makes too
(`infra.bench.peer` says what it leaves out). More copies are more customers, orders and shops; all
but the first copy is synthetic (`infra.bench.company`).
"""

import datetime as dt
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from infra.bench import peer, place
from infra.bench.company import Company
from infra.demo.drops import FIRST_DAY
from jobs import command, lake
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.table import LAYERS, built_table, in_build_order, names

console = Console(highlight=False)


class NotTheSame(Exception):
    """The pipeline and DuckDB made different tables: their times cannot be compared."""


@dataclass(frozen=True)
class Load:
    """What a history load took, by table."""

    seconds: dict[str, float]
    rows: dict[str, int]
    peer_seconds: dict[str, float]


def measured(home: Path, company: Company, days: int) -> Load:
    """Land a company's history and build it both ways.

    Raises:
        NotTheSame: a table has other rows or sums.
    """
    company.land(FIRST_DAY, FIRST_DAY + dt.timedelta(days - 1))
    theirs = peer.build(home / "peer", lambda name: console.print(f"DuckDB: {name}"))
    prepare(names((*LAYERS, "ops")))
    seconds, rows = {}, {}
    for name in in_build_order():
        target = built_table(name)
        record = build(target)
        seconds[name], rows[name] = record.seconds, record.rows_written
        console.print(f"pipeline: {name}, {record.rows_written:,} rows, {record.seconds:.1f} s")
    different = [name for name in theirs if not _is_same(home / "peer", name)]
    if different:
        raise NotTheSame(f"{', '.join(different)}: other rows or sums than DuckDB's")
    return Load(seconds, rows, theirs)


def _is_same(home: Path, name: str) -> bool:
    rows, summed = peer.totals(home, name)
    asked = "sum(sales_usd)" if summed is not None else "null"
    found = lake.read(name, sql=f"select count(*) as n, {asked} as usd from t").to_pylist()[0]  # noqa: S608
    return found["n"] == rows and abs(float(found["usd"] or 0) - float(summed or 0)) < 0.005


def main(
    copies: Annotated[list[int], typer.Option(help="of the data; several times")] = [1, 20],  # noqa: B006
    days: Annotated[int, typer.Option(help="business days of history")] = 331,
    memory: Annotated[str, typer.Option(help="of the JVM, and of DuckDB")] = "3g",
    folder: Annotated[Path | None, typer.Option(help="where the lakes lie for the while")] = None,
) -> None:
    """Print the history load's seconds, by table, beside DuckDB's."""
    command.tell_facts()
    logging.getLogger("jobs").setLevel(logging.WARNING)
    for number in copies:
        with (
            tempfile.TemporaryDirectory(dir=folder) as home,
            place.opened(Path(home, "state"), memory),
        ):
            console.print(_shown(number, measured(Path(home), Company(number), days)))


def _shown(copies: int, load: Load) -> Table:
    shown = Table(
        Column("table", no_wrap=True),
        *("rows", "s", "rows/s", "DuckDB, s", "ratio"),
        title=f"History load, {copies} x the data",
    )
    for name, seconds in load.seconds.items():
        theirs = load.peer_seconds.get(name)
        shown.add_row(
            name,
            f"{load.rows[name]:,}",
            f"{seconds:.1f}",
            f"{load.rows[name] / seconds:,.0f}",
            f"{theirs:.1f}" if theirs else "",
            f"{seconds / theirs:.1f}" if theirs else "",
        )
    both = [name for name in load.seconds if name in load.peer_seconds]
    ours, theirs = sum(load.seconds[n] for n in both), sum(load.peer_seconds.values())
    shown.add_section()
    shown.add_row("of both", "", f"{ours:.1f}", "", f"{theirs:.1f}", f"{ours / theirs:.2f}")
    shown.add_row("all of the pipeline", "", f"{sum(load.seconds.values()):.1f}", "", "", "")
    return shown


if __name__ == "__main__":
    command.run(main)
