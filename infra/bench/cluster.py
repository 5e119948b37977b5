"""What a second worker gains: the history load on a Spark cluster of one worker, and of two.

python -m infra.bench.cluster [--days 120] [--rounds 2]

The same landed files each time, workers of one core each, nothing built before. Master, workers and
driver are processes of this machine: a driver and two workers want three cores.
"""

import datetime as dt
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra import cluster
from infra.bench import place
from infra.bench.company import Company
from infra.cluster import Size
from infra.demo.drops import FIRST_DAY
from jobs import command
from jobs.settings import settings
from jobs.spark import session
from jobs.spark.build import build
from jobs.spark.catalog import prepare
from jobs.table import LAYERS, built_table, names

console = Console(highlight=False)

TABLES = (
    "bronze.products",  # the first one warms Python workers and judges up: its time is not shown
    "bronze.order_lines",
    "bronze.promotions",
    "silver.product_history",
    "silver.product_classes",
    "silver.order_lines",
    "silver.promotions",
    "gold.daily_sales",
    "gold.account_days",
    "gold.product_weeks",
)


def load(home: Path, landed: Path, workers: int) -> dict[str, float]:
    """Seconds of each table's first build, on a cluster of so many workers."""
    here = settings()
    cluster.start(here, Size(workers=workers, cores=1, memory="2g"))
    os.environ |= {
        "SPARK_MASTER": cluster.address(here),
        "SPARK_CORES": str(workers),
        "SALES_SECRET_SPARK_CLUSTER": here.secret("spark_cluster"),
        "SPARK_PROPERTIES": str(_executors(home.parent)),
    }
    try:
        with place.opened(home):
            shutil.copytree(landed, settings().landing, copy_function=os.link)
            prepare(names((*LAYERS, "ops")))  # inputs that stay empty are there too
            with session.opened("warm") as spark:
                spark.range(1_000_000).selectExpr("sum(id)").collect()
            return {name: _seconds(name) for name in TABLES}
    finally:
        cluster.stop(here)


def _executors(folder: Path) -> Path:
    path = folder / "executors.properties"
    path.write_text("spark.executor.memory 2g\n")
    return path


def _seconds(name: str) -> float:
    which = built_table(name)
    began = time.monotonic()
    build(which)
    return time.monotonic() - began


def show(best: Mapping[int, Mapping[str, float]]) -> None:
    page = Table("table", "1 worker s", "2 workers s", "speed-up", box=None)
    rows = {name: (best[1][name], best[2][name]) for name in TABLES[1:]}
    rows["all"] = (sum(one for one, _ in rows.values()), sum(two for _, two in rows.values()))
    for name, (one, two) in rows.items():
        page.add_row(name, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}")
    console.print(page)


def main(
    days: Annotated[int, typer.Option(help="of history, from the first of January")] = 120,
    rounds: Annotated[int, typer.Option(help="of which each table's best counts")] = 2,
) -> None:
    """Print what a second worker gains, table by table."""
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        home = Path(folder)
        os.environ["SALES_STATE"] = str(home / "landed")
        settings.cache_clear()
        Company().land(FIRST_DAY, FIRST_DAY + dt.timedelta(days - 1))
        for _ in range(rounds):
            for workers, times in found.items():
                times.append(load(home / "lake", home / "landed/landing", workers))
                console.print(f"{workers} workers: {sum(times[-1].values()):.0f} s")
    best = {w: {n: min(t[n] for t in times) for n in TABLES} for w, times in found.items()}
    console.print(f"{days} days of history, {os.cpu_count()} cores, best of {rounds}")
    show(best)


if __name__ == "__main__":
    command.run(main)
