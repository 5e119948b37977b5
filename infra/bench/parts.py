"""What scores of many customers take, with reasons: one process, and Spark part by part.

python -m infra.bench.parts OUT [--customers 1000000] [--whole 100000]

Synthetic customers: copies of The Complete Journey's households, each keeping nine of ten of its
days, drawn by a hash. They say what scoring costs, nothing of how good it is. The models are the
champions of the benches, fitted on the real households as of the end of week 48. Memory is that of
the process, its Spark JVM and its workers together; pages that they share count for each.
"""

import datetime as dt
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures, place, scores
from infra.bench.figures import Figure
from jobs import command
from jobs.spark import session
from jobs.training import parts
from jobs.training.family import Data, Family, family
from jobs.training.tracking import PeakMemory

KEPT = 9  # of ten days of a household
ROWS = 1_000_000  # of a file's group
SOME = """
    select * from read_parquet(?) where account_id in
    (select distinct account_id from read_parquet(?) order by 1 limit ?)
"""


@dataclass(frozen=True)
class Taken:
    customers: int  # that have a score
    seconds: float
    mib: float


def copies(days: pd.DataFrame, customers: int, to: Path) -> None:
    """Account days of so many customers, as one Parquet file. Args: days: the households'."""
    told = days.assign(
        account_id=days["account_id"].astype(str), household=days["account_id"].cat.codes
    )
    households = days["account_id"].nunique()
    sql = f"""
        select d.account_id || '-' || c.copy as account_id, d.* exclude (account_id, household)
        from d, range({-(-customers // households)}) as c(copy)
        where c.copy * {households} + d.household < {customers}
          and hash(d.account_id, c.copy, d.business_date) % 10 < {KEPT}
    """  # noqa: S608
    duckdb.from_df(told).query("d", sql).write_parquet(str(to), row_group_size=ROWS)


def taken(ask: Callable[[], int]) -> Taken:
    began = time.perf_counter()
    with PeakMemory() as memory:
        found = ask()
    return Taken(found, time.perf_counter() - began, memory.mib)


def whole(of: Family, model: str, saved: Path, days: Path, customers: int, as_of: dt.date) -> int:
    """All in this process, of the first so many customers."""
    told = duckdb.execute(SOME, [str(days), str(days), customers]).arrow().read_all()
    rows = told.to_pandas(date_as_object=False)
    data = Data({"days": rows.assign(account_id=rows["account_id"].astype("category"))}, (), as_of)
    return len(of.predict(of.model(model).load(saved), data, as_of, None))


def dealt(
    spark: Any, of: Family, model: str, saved: Path, days: Path, to: Path, as_of: dt.date
) -> int:
    """By Spark's tasks, to files."""
    found, _ = parts.asked(spark.read.parquet(str(days)), of, model, saved, as_of)
    found.write.parquet(str(to))
    return sum(pq.read_metadata(file).num_rows for file in to.glob("*.parquet"))


def main(
    out: Annotated[Path, typer.Argument(file_okay=False, help="folder; what is in it is removed")],
    customers: Annotated[int, typer.Option(min=1, help="that Spark is asked about")] = 1_000_000,
    at_once: Annotated[
        int, typer.Option("--whole", min=1, help="that one process is asked about, of them")
    ] = 100_000,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    real = scores.data(out / "panel")
    days = out / "days.parquet"
    copies(real.frames["days"], customers, days)
    count = pq.read_metadata(days).num_rows
    typer.echo(f"{customers:,} synthetic customers with {count:,} account days")
    shown = Table("score", "model", "way", "customers", "scores", "seconds", "peak MiB")
    told: list[Figure] = []

    def tell(name: str, model: str, way: str, asked: int, found: Taken) -> None:
        cells = f"{found.customers:,}", f"{found.seconds:.0f}", f"{found.mib:,.0f}"
        shown.add_row(name, model, way, f"{asked:,}", *cells)
        what = f"{name} of {asked:,} synthetic customers, with reasons: {way}"
        text = f"{found.customers:,} scores in {found.seconds:.0f} s, peak {found.mib:,.0f} MiB"
        told.append(Figure(what, "", "", text))

    saved = {}
    for name in parts.FAMILIES:
        model, as_of = scores.ASKED[name]
        saved[name] = out / name
        saved[name].mkdir()
        of = family(name)
        [configuration] = [one for one in of.configurations() if one.model == model]
        of.fit(real, configuration, as_of).save(saved[name])
        asked = of, model, saved[name], days, min(at_once, customers), as_of
        tell(name, model, "one process", asked[-2], taken(lambda asked=asked: whole(*asked)))
    with place.opened(out / "state", "4g"), session.opened("bench.parts") as spark:
        for name in parts.FAMILIES:
            model, as_of = scores.ASKED[name]
            asked = spark, family(name), model, saved[name], days, out / f"{name}.parquet", as_of
            tell(name, model, "Spark", customers, taken(lambda asked=asked: dealt(*asked)))
    Console(width=110).print(shown)
    typer.echo(figures.markdown(told))
    figures.write(to, told)


if __name__ == "__main__":
    command.run(main)
