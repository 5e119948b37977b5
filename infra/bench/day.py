"""What one more day costs after 1, 3 and 12 months and ten years of history, and what it writes.

python -m infra.bench.day [--months 1 --months 3 --months 12 --months 120] [--days 3]

Each length is a company of its own, built from nothing; then the same days (same rows) are landed
one by one, and every table builds what changed. After each day a whole run in which nothing changed
is timed too. Years after the first are synthetic (`infra.bench.company`); their promotions are cut
to a tenth, because a day reads its own week's plan only.
"""

import datetime as dt
import json
import logging
import math
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from infra.bench import place
from infra.bench.company import YEAR_DAYS, Company
from infra.demo.drops import FIRST_DAY
from jobs import command, lake, landing
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.table import LAYERS, built_table, in_build_order, names

console = Console(highlight=False)

DAY_OF_YEAR = 340  # the first of the days that are measured: a Thursday in December
MONTH_DAYS = 30.4
LATER_PROMOTIONS_PERCENT = 10


@dataclass(frozen=True)
class Cost:
    """A day's builds."""

    seconds: float
    standstill_seconds: float  # of a run right after it
    standstill_versions: int  # that it wrote: none is right
    rows: dict[str, int]  # written, by table
    bytes: dict[str, int]  # of files that its commits added, by table
    landed_bytes: int


def measured(months: int, days: int) -> list[Cost]:
    """A company with `months` of history, and the days after it."""
    history = int(months * MONTH_DAYS)
    year = max(0, math.ceil((history - DAY_OF_YEAR) / YEAR_DAYS))
    first = FIRST_DAY + dt.timedelta(YEAR_DAYS * year + DAY_OF_YEAR)
    begins = first - dt.timedelta(history)
    company = Company(promotions_percent=100 if year < 2 else LATER_PROMOTIONS_PERCENT)
    company.land(begins, first - dt.timedelta(1))
    prepare(names((*LAYERS, "ops")))
    console.print(f"{months} months: building {begins} to {first}")
    _build_all()
    return [_day(Company(), first + dt.timedelta(n)) for n in range(days)]


def _day(company: Company, day: dt.date) -> Cost:
    company.land(day, day)
    before = _versions()
    began = time.monotonic()
    records = _build_all()
    seconds = time.monotonic() - began
    after = _versions()
    began = time.monotonic()
    _build_all()
    standstill = time.monotonic() - began
    moved = sum(version != after[name] for name, version in _versions().items())
    written = {name: _bytes(name, before[name], version) for name, version in after.items()}
    landed = sum(
        file.bytes
        for entity in ("order_lines", "redemptions", "promotions")
        for manifest in landing.manifests(entity).values()
        if manifest.batch == day.isoformat()
        for file in manifest.files
    )
    return Cost(seconds, standstill, moved, records, written, landed)


def _build_all() -> dict[str, int]:
    """Build every table, inputs first; the rows that were written, by table."""
    found = {}
    for name in in_build_order(LAYERS):
        target = built_table(name)
        found[name] = build(target).rows_written
    return found


def _versions() -> dict[str, int]:
    return {name: lake.version(name) if lake.exists(name) else -1 for name in in_build_order()}


def _bytes(name: str, since: int, until: int) -> int:
    """Bytes of the files that the commits after `since` added: data, change feed, vectors."""
    total = 0
    for version in range(since + 1, until + 1):
        log = Path(lake.location(name), "_delta_log", f"{version:020}.json")
        for line in log.read_text().splitlines():
            action = json.loads(line)
            for kind in ("add", "cdc"):
                told = action.get(kind) or {}
                vector = told.get("deletionVector") or {}
                total += told.get("size", 0) + vector.get("sizeInBytes", 0)
    return total


def main(
    months: Annotated[list[int], typer.Option(help="of history; several times")] = [1, 3, 12, 120],  # noqa: B006
    days: Annotated[int, typer.Option(help="days measured after each")] = 3,
    folder: Annotated[Path | None, typer.Option(help="where the lakes lie for the while")] = None,
) -> None:
    """Print what a day costs by length of history."""
    command.tell_facts()
    logging.getLogger("jobs").setLevel(logging.WARNING)
    found = {}
    with tempfile.TemporaryDirectory(dir=folder) as home:
        for number in months:
            with place.opened(Path(home, "state")):
                found[number] = measured(number, days)
    console.print(_by_length(found))
    console.print(_by_table(found[max(found)]))


def _by_length(found: dict[int, list[Cost]]) -> Table:
    shown = Table(
        "months of history", "seconds a day (median)", "each day", "against the shortest",
        "standing still, seconds", "versions it wrote", title="One more day",
    )  # fmt: skip
    shortest = statistics.median(cost.seconds for cost in found[min(found)])
    for months, costs in sorted(found.items()):
        middle = statistics.median(cost.seconds for cost in costs)
        still = statistics.median(cost.standstill_seconds for cost in costs)
        shown.add_row(
            str(months),
            f"{middle:.1f}",
            ", ".join(f"{cost.seconds:.1f}" for cost in costs),
            f"{middle / shortest:.2f}",
            f"{still:.1f}",
            str(sum(cost.standstill_versions for cost in costs)),
        )
    return shown


def _by_table(costs: list[Cost]) -> Table:
    """What a day wrote, table by table: amplification is bytes written per byte that was landed."""
    landed = sum(cost.landed_bytes for cost in costs) / len(costs)
    shown = Table(
        Column("table", no_wrap=True),
        *("rows written a day", "kB written a day", "per byte landed"),
        title=f"Written a day, with the longest history ({landed / 1e3:,.0f} kB landed a day)",
    )
    total = 0.0
    for name in costs[0].rows:
        rows = sum(cost.rows[name] for cost in costs) / len(costs)
        size = sum(cost.bytes[name] for cost in costs) / len(costs)
        total += size
        if rows:
            shown.add_row(name, f"{rows:,.0f}", f"{size / 1e3:,.1f}", f"{size / landed:.2f}")
    shown.add_row("all", "", f"{total / 1e3:,.1f}", f"{total / landed:.2f}")
    return shown


if __name__ == "__main__":
    command.run(main)
