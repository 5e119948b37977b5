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
from functools import partial
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
from jobs.training.family import Data, Family, FamilyName, family
from jobs.training.tracking import PeakMemory

KEPT = 9  # of ten days of a household
ROWS = 1_000_000  # of a file's group
SOME = """
    select * from read_parquet(?) where account_id in
    (select distinct account_id from read_parquet(?) order by 1 limit ?)
"""


@dataclass(frozen=True)
class Case:
    """A fitted model and the customers that it is asked about, as of a day."""

    name: FamilyName
    model: str
    as_of: dt.date
    saved: Path
    days: Path

    @property
    def family(self) -> Family:
        return family(self.name)


@dataclass(frozen=True)
class Taken:
    """What asking took."""

    case: Case
    way: str
    customers: int
    scores: int
    seconds: float
    mib: float

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = f"{self.customers:,}", f"{self.scores:,}", f"{self.seconds:.0f}"
        return self.case.name, self.case.model, self.way, *numbers, f"{self.mib:,.0f}"

    @property
    def figure(self) -> Figure:
        what = f"{self.case.name} of {self.customers:,} synthetic customers, with reasons"
        found = f"{self.scores:,} scores in {self.seconds:.0f} s, peak {self.mib:,.0f} MiB"
        return Figure(f"{what}: {self.way}", "", "", found)


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


def taken(case: Case, way: str, customers: int, ask: Callable[[], int]) -> Taken:
    began = time.perf_counter()
    with PeakMemory() as memory:
        found = ask()
    return Taken(case, way, customers, found, time.perf_counter() - began, memory.mib)


def whole(case: Case, customers: int) -> int:
    """All in this process, of the first so many customers; how many have a score."""
    told = duckdb.execute(SOME, [str(case.days), str(case.days), customers]).arrow().read_all()
    rows = told.to_pandas(date_as_object=False)
    rows = rows.assign(account_id=rows["account_id"].astype("category"))
    model = case.family.model(case.model).load(case.saved)
    return len(case.family.predict(model, Data({"days": rows}, (), case.as_of), case.as_of, None))


def dealt(spark: Any, case: Case, to: Path) -> int:
    """By Spark's tasks, to files; how many have a score."""
    days = spark.read.parquet(str(case.days))
    found, _ = parts.asked(days, case.family, case.model, case.saved, case.as_of)
    found.write.parquet(str(to))
    return sum(pq.read_metadata(file).num_rows for file in to.glob("*.parquet"))


def cases(real: Data, days: Path, out: Path) -> list[Case]:
    """Fit the models of all families on the real households."""
    found = []
    for name, (model, as_of) in scores.ASKED.items():
        if name not in parts.FAMILIES:
            continue
        case = Case(name, model, as_of, out / name, days)
        case.saved.mkdir()
        scores.fitted(case.family, model, real, as_of).save(case.saved)
        found.append(case)
    return found


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
    real, days, some = scores.data(out / "panel"), out / "days.parquet", min(at_once, customers)
    copies(real.frames["days"], customers, days)
    count = pq.read_metadata(days).num_rows
    typer.echo(f"{customers:,} synthetic customers with {count:,} account days")
    asked = cases(real, days, out)
    told = [taken(case, "one process", some, partial(whole, case, some)) for case in asked]
    with place.opened(out / "state", "4g"), session.opened("bench.parts") as spark:
        for case in asked:
            by_spark = partial(dealt, spark, case, out / f"{case.name}.parquet")
            told.append(taken(case, "Spark", customers, by_spark))
    page = Table("score", "model", "way", "customers", "scores", "seconds", "peak MiB")
    for one in told:
        page.add_row(*one.cells)
    Console(width=110).print(page)
    rows = [one.figure for one in told]
    typer.echo(figures.markdown(rows))
    figures.write(to, rows)


if __name__ == "__main__":
    command.run(main)
