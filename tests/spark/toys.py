"""A small shop: two landed entities, and tables of every kind made from them.

`python -m tests.spark.toys [TABLE …]` builds them, in a process that a test can kill.
"""

import csv
import datetime as dt
import os
import subprocess
import sys
import types
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import lake, landing
from jobs.dialect import Dialect
from jobs.settings import ROOT
from jobs.spark.build import Record, build
from jobs.spark.columns import newest, newest_first
from jobs.table import Entities, Events, Input, Landed, by_key, everything, table, window

LINES = Landed(
    "bronze.toy_lines",
    """order_id string not null, product_id string, sold_at timestamp not null,
    amount_usd decimal(12,2) not null, work bigint comment 'how long the silver row takes'""",
    entity="toy_lines",
)
PRODUCTS = Landed("bronze.toy_products", "product_id string, department string", "toy_products")


def products(snapshots: DataFrame) -> DataFrame:
    """The newest snapshot: what it lacks is gone."""
    newest_one = snapshots.agg(F.max("_known_at").alias("_known_at"))
    return snapshots.join(newest_one, on="_known_at", how="left_semi").select(
        "product_id", "department"
    )


def sold(lines: DataFrame, listed: DataFrame) -> DataFrame:
    """Newest version of a line, in New York's day, with its department."""
    slow = F.expr(  # long, and small in memory: a sequence is an array
        """aggregate(sequence(0L, coalesce(work, 0L) div 1000), 0L, (a, x) ->
        a + aggregate(sequence(0L, if(work > 0, 1000L, 0L)), 0L, (b, y) -> b + y % 3))"""
    )
    return (
        newest(lines, ("order_id", "product_id"), newest_first())
        .withColumn("sold_date", F.to_date(F.from_utc_timestamp("sold_at", "America/New_York")))
        .join(products(listed), on="product_id", how="left")
        .withColumn("noise", slow % 3)
        .select(
            "order_id",
            "product_id",
            "sold_date",
            "amount_usd",
            "department",
            "noise",
            "_duplicates",
            "_superseded",
        )
    )


def days(lines: DataFrame) -> DataFrame:
    by = lines.groupBy("sold_date", F.coalesce("department", F.lit("unknown")).alias("department"))
    return by.agg(F.sum("amount_usd").alias("sales_usd"), F.count(F.lit(1)).alias("lines")).select(
        "sold_date", "department", "sales_usd", "lines"
    )


def totals(lines: DataFrame) -> DataFrame:
    return lines.groupBy("product_id").agg(F.sum("amount_usd").alias("sales_usd"))


def trailing(sales: DataFrame, as_of_dates: list[dt.date]) -> DataFrame:
    """Sales of the seven days up to each Sunday."""
    dates = F.explode(F.array(*[F.lit(d) for d in as_of_dates])).alias("as_of_date")
    inside = "sold_date between date_sub(as_of_date, 6) and as_of_date"
    summed = sales.select("*", dates).where(inside).groupBy("as_of_date")
    return summed.agg(F.sum("sales_usd").alias("sales_usd"))


SOLD = Events(
    "silver.toy_lines",
    """order_id string not null, product_id string not null, sold_date date not null,
    amount_usd decimal(12,2) not null, department string, noise bigint""",
    key=("order_id", "product_id"),
    slice="sold_date",
    inputs=(
        Input(
            "bronze.toy_lines",
            window(before=1, after=0, on="sold_at", versions_of=("order_id", "product_id")),
        ),
        Input("bronze.toy_products", by_key("product_id", through="bronze.toy_lines")),
    ),
    make=sold,
    chunk=7,
)
DAYS = Events(
    "gold.toy_days",
    "sold_date date not null, department string not null, sales_usd decimal(22,2), lines bigint",
    key=("sold_date", "department"),
    slice="sold_date",
    inputs=(Input("silver.toy_lines"),),
    make=days,
)
TOTALS = Entities(
    "gold.toy_products",
    "product_id string not null, sales_usd decimal(22,2)",
    key=("product_id",),
    inputs=(Input("silver.toy_lines"),),
    make=totals,
)
LISTED = Entities(
    "silver.toy_products",
    "product_id string not null, department string",
    key=("product_id",),
    inputs=(Input("bronze.toy_products", everything),),
    make=products,
)
TRAILING = Events(
    "features.toy_weeks",
    "as_of_date date not null, sales_usd decimal(32,2)",
    key=("as_of_date",),
    slice="as_of_date",
    inputs=(Input("gold.toy_days", window(before=0, after=6)),),
    make=trailing,
    grain="week",
    as_of=True,
)
ALL = (LINES, PRODUCTS, SOLD, LISTED, DAYS, TOTALS, TRAILING)

for _toy in ALL:
    _home = types.ModuleType(f"jobs.spark.{_toy.name}")
    _home.TABLE = _toy  # type: ignore[attr-defined]
    sys.modules[_home.__name__] = _home
table.cache_clear()

MONDAY = dt.date(2017, 3, 6)
DEPARTMENTS = {"p1": "GROCERY", "p2": "DELI"}


def day(number: int) -> dt.date:
    return MONDAY + dt.timedelta(number)


def noon(number: int) -> dt.datetime:
    return dt.datetime.combine(day(number), dt.time(17))


def late_evening(number: int) -> dt.datetime:
    """A day's sale when it is the next day already in UTC."""
    return noon(number) + dt.timedelta(hours=11)


Line = tuple[str, str, dt.datetime, str]  # order, product, sold at (UTC), amount


def land_lines(folder: Path, day: dt.date, lines: list[Line], work: int = 0) -> landing.Manifest:
    """A day's drop of lines, known the next morning."""
    rows = [[o, p, t.isoformat(sep=" "), a, work] for o, p, t, a in lines]
    return land_rows(folder, day, rows)


def land_rows(folder: Path, day: dt.date, rows: list[list[object]]) -> landing.Manifest:
    path = folder / f"lines_{day}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["order", "product", "time", "amount", "work"], *rows])
    return land_file(path, day)


def land_file(path: Path, day: dt.date, encoding: str = "utf-8") -> landing.Manifest:
    return landing.land(
        "toy_lines",
        "till",
        day.isoformat(),
        [path],
        mode="events",
        known_at=dt.datetime.combine(day, dt.time(11), dt.UTC) + dt.timedelta(1),
        watermark=day.isoformat(),
        columns={
            "order": "order_id",
            "product": "product_id",
            "time": "sold_at",
            "amount": "amount_usd",
            "work": "work",
        },
        format="csv",
        dialect=Dialect(encoding=encoding),
    )


def land_products(folder: Path, day: dt.date, departments: dict[str, str]) -> landing.Manifest:
    path = folder / f"products_{day}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["product_id", "department"], *departments.items()])
    return landing.land(
        "toy_products",
        "erp",
        day.isoformat(),
        [path],
        mode="snapshot",
        known_at=dt.datetime.combine(day, dt.time(1), dt.UTC),
        watermark=day.isoformat(),
        columns={},
        format="csv",
    )


def build_all(until: Events | Entities | None = None) -> dict[str, Record]:
    """Build the toys in order, up to one of them."""
    wanted = ALL[: ALL.index(until) + 1] if until else ALL
    return {toy.name: build(toy) for toy in wanted}


def rows(name: str) -> list[tuple[object, ...]]:
    """A table's rows in a fixed order, without where they came from."""
    found: pa.Table = lake.read(name)
    kept = [c for c in found.column_names if not c.startswith("_")]
    return sorted(
        (tuple(row.values()) for row in found.select(kept).to_pylist()), key=lambda r: str(r)
    )


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


Builder = subprocess.Popen[str]


def start(*names: str) -> Builder:
    """A process of its own that builds toys: these, or all."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.spark.toys", *names],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


if __name__ == "__main__":
    for toy in ALL:
        if toy.name in sys.argv[1:] or not sys.argv[1:]:
            build(toy)
