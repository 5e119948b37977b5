"""What the gate costs: builds with the rules against builds without, on 1.47 million order lines.

python -m infra.bench.gate [--rounds 3]

The whole year of the package is landed. A round builds each table from nothing twice, with its
rules (row conditions, quarantine, NOT NULL, key, expectations) and with none, in turn.
"""

import contextlib
import datetime as dt
import logging
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from unittest import mock

import typer
from rich.console import Console
from rich.table import Table

from infra.bench import place
from infra.bench.company import Company
from infra.demo.drops import FIRST_DAY, LAST_DAY
from jobs import command, lake
from jobs.spark import rules
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.table import built_table

console = Console(highlight=False)

BEFORE = (
    *("bronze.products", "silver.product_history", "silver.product_classes"),
    *("bronze.promotions", "silver.promotions"),
)
TABLES = ("bronze.order_lines", "silver.order_lines", "gold.daily_sales", "gold.product_weeks")


@contextlib.contextmanager
def without_rules() -> Iterator[None]:
    """No rule is asked; types and missing values are still looked at where a row is cast."""
    with (
        mock.patch.object(rules, "judge", return_value=[]),
        mock.patch.object(rules, "row_conditions", return_value=[]),
    ):
        yield


def seconds(name: str) -> float:
    """Seconds of a build from nothing."""
    shutil.rmtree(lake.location(name), ignore_errors=True)
    target = built_table(name)
    return build(target).seconds


def main(
    rounds: Annotated[int, typer.Option(help="builds of each kind and table")] = 3,
    days: Annotated[int, typer.Option(help="business days landed")] = 365,
    folder: Annotated[Path | None, typer.Option(help="where the lake lies for the while")] = None,
) -> None:
    """Print the gate's cost."""
    command.tell_facts()
    logging.getLogger("jobs").setLevel(logging.WARNING)
    took: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in TABLES}
    with tempfile.TemporaryDirectory(dir=folder) as home, place.opened(Path(home, "state")):
        last = min(LAST_DAY, FIRST_DAY + dt.timedelta(days - 1))
        Company(promotions_percent=1).land(FIRST_DAY, last)
        prepare(["silver.account_identities"])
        for name in BEFORE:
            seconds(name)
        for number in range(rounds):
            for name in TABLES:
                console.print(f"round {number + 1} of {rounds}: {name}")
                took[name][0].append(seconds(name))
                with without_rules():
                    took[name][1].append(seconds(name))
        rows = lake.read("silver.order_lines", sql="select count(*) as n from t")["n"][0].as_py()
    console.print(_shown(took, rows))


def _shown(took: dict[str, tuple[list[float], list[float]]], rows: int) -> Table:
    shown = Table("table", "with rules, s", "without, s", "ratio", title=f"{rows:,} order lines")
    middles = {n: [statistics.median(times) for times in both] for n, both in took.items()}
    for name, (gated, free) in middles.items():
        shown.add_row(name, f"{gated:.1f}", f"{free:.1f}", f"{gated / free:.2f}")
    gated, free = (sum(middle[kind] for middle in middles.values()) for kind in (0, 1))
    shown.add_row("all", f"{gated:.1f}", f"{free:.1f}", f"{gated / free:.2f}")
    return shown


if __name__ == "__main__":
    command.run(main)
