"""A trial lake: clones of all tables, in which changed code is built and compared with what stands.

python -m jobs.spark.trial open FOLDER               clone every table as it stands; copies no rows
LAKE_URI=FOLDER python -m jobs.spark.build --all     build there what the changed code touches
python -m jobs.spark.trial compare FOLDER [TABLE …]  rows added, gone, changed, and in which columns
python -m jobs.spark.trial drop FOLDER               remove the folder; the lake is not touched

A clone reads the lake's own files, and writes its own: it holds as long as VACUUM leaves those
files, the retention of the table from the day of the clone on.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated

import typer
from deltalake import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.connect.session import SparkSession
from rich.console import Console
from rich.table import Table as Grid

from jobs import command, lake
from jobs.ops.builds import Record
from jobs.settings import settings
from jobs.spark import session, store, watermark
from jobs.spark.selection import selected
from jobs.spark.store import Pin
from jobs.table import Built, built_table, in_build_order

MARK = "trial.json"  # in its folder: which lake it was made from, and each table's version


class NotATrial(Exception):
    """The folder is no trial lake, or may not become one."""


@dataclass(frozen=True)
class Compared:
    """A table of the trial against the version that was cloned, row by row by key."""

    table: str
    added: int = 0
    gone: int = 0
    changed: int = 0
    columns: Mapping[str, int] | None = None  # of the changed rows: how many differ in it
    new_columns: tuple[str, ...] = ()
    lost_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """What a trial was made from."""

    lake: str
    versions: Mapping[str, int]  # of the lake's tables
    clones: Mapping[str, int]  # version of each clone before anything is built in it


def is_one() -> bool:
    """Whether the lake of the settings is a trial; trials lie on local disk."""
    return Path(settings().lake_uri, MARK).exists()


def open_trial(folder: Path, names: Sequence[str]) -> Mark:
    """Clone these tables, inputs first, so that a build there finds nothing to do.

    Raises:
        NotATrial: the folder is not empty, or holds the lake or lies in it.
        store.Busy: a table is being built.
    """
    source = settings().lake_uri
    folder = folder.resolve()
    if "://" not in source and (
        folder.is_relative_to(source) or Path(source).is_relative_to(folder)
    ):
        raise NotATrial(f"{folder} and the lake {source} lie in each other: name another folder")
    if folder.exists() and any(folder.iterdir()):
        raise NotATrial(f"{folder} is not empty: name another folder, or drop that trial first")
    folder.mkdir(parents=True, exist_ok=True)
    mark = Mark(source, {}, {})
    _write(folder, mark)  # first: what is cut short can be dropped
    clones: dict[str, tuple[Pin, Pin]] = {}
    with session.passing() as spark:
        for name in filter(lake.exists, names):
            with store.only_writer(name):
                clones[name] = _clone(spark, name, folder, clones)
    versions = {name: was.version for name, (was, _) in clones.items()}
    mark = Mark(source, versions, {name: new.version for name, (_, new) in clones.items()})
    _write(folder, mark)
    return mark


def _clone(
    spark: SparkSession, name: str, folder: Path, clones: Mapping[str, tuple[Pin, Pin]]
) -> tuple[Pin, Pin]:
    """Clone a table; its commit says what it was made from, in the clones' own versions."""
    which, source, place = built_table(name), store.pin(name), _place(folder, name)
    # a clone as a first commit says that it read version -1, which deltalake cannot read
    spark.sql(f"create table delta.`{place}` (nothing int) using delta").collect()
    built_from = watermark.last(which)
    if built_from:
        # an input that has moved since keeps its id of the lake: the table is compared whole
        pins = {n: new for n, (was, new) in clones.items() if built_from.inputs.get(n) == was}
        held = replace(built_from, inputs={**built_from.inputs, **pins})
        told = json.dumps(_commit(name, source, held.to_json()))
        spark.conf.set(store.USER_METADATA, told)
    spark.sql(
        f"create or replace table delta.`{place}` shallow clone delta.`{lake.location(name)}` "
        f"version as of {source.version}"
    ).collect()
    spark.conf.unset(store.USER_METADATA)
    clone = DeltaTable(place)
    return source, Pin(str(clone.metadata().id), clone.version())


def _commit(name: str, source: Pin, held: str) -> dict[str, object]:
    record = Record(name, why=f"cloned from version {source.version}")
    told = {"run_id": record.run_id, "kind": record.kind, "why": record.why}
    return {**told, "watermark": held, "record": record.told("unchanged")}


def compare(folder: Path, names: Sequence[str] = ()) -> Iterator[Compared]:
    """Tables of a trial that were built there, against what was cloned; null counts: not built.

    Args:
        names: none: every table of the trial.

    Raises:
        NotATrial: the folder is none.
    """
    mark = _read(folder)
    with session.passing() as spark:
        for name in names or in_build_order():
            place = _place(folder, name)
            if not DeltaTable.is_deltatable(place):
                continue
            if name not in mark.versions:
                added = spark.read.format("delta").load(place).count()
                yield Compared(name, added=added)
            elif DeltaTable(place).version() > mark.clones[name]:
                reader = spark.read.format("delta").option("versionAsOf", mark.versions[name])
                before = reader.load(_place(mark.lake, name))
                which = built_table(name)
                yield difference(which, before, spark.read.format("delta").load(place))
            else:
                yield Compared(name)


def difference(which: Built, before: DataFrame, after: DataFrame) -> Compared:
    """Two states of a table, joined by its key."""
    key, there = list(which.key), F.lit(True)
    both = [c for c in before.columns if c in after.columns and c not in key]
    old = before.select(*key, *[F.col(c).alias(f"old_{c}") for c in both], there.alias("_was"))
    new = after.select(*key, *[F.col(c).alias(f"new_{c}") for c in both], there.alias("_is"))
    rows = old.join(new, on=key, how="full_outer")
    was, is_ = F.col("_was").isNotNull(), F.col("_is").isNotNull()
    types = dict(before.dtypes), dict(after.dtypes)
    differs = {c: was & is_ & ~_same(c, types[0][c] == types[1][c]) for c in both}
    counts = {"added": ~was, "gone": ~is_, "changed": reduce(or_, differs.values(), F.lit(False))}
    conditions = [*counts.values(), *differs.values()]
    found = rows.agg(*[F.count_if(each) for each in conditions]).collect()[0]
    added, gone, changed, *by_column = (int(number) for number in found)
    return Compared(
        which.name,
        *(added, gone, changed),
        columns={c: n for c, n in zip(both, by_column, strict=True) if n},
        new_columns=tuple(c for c in after.columns if c not in before.columns),
        lost_columns=tuple(c for c in before.columns if c not in after.columns),
    )


def _same(column: str, is_same_type: bool) -> Column:
    old, new = F.col(f"old_{column}"), F.col(f"new_{column}")
    if not is_same_type:
        old, new = old.cast("string"), new.cast("string")
    return old.eqNullSafe(new)


def drop(folder: Path) -> None:
    """Remove a trial lake.

    Raises:
        NotATrial: the folder is none: it is left as it is.
    """
    _read(folder)
    shutil.rmtree(folder)


def _place(root: Path | str, name: str) -> str:
    layer, _, short = name.partition(".")
    return f"{root}/{layer}/{short}"


def _write(folder: Path, mark: Mark) -> None:
    (folder / MARK).write_text(json.dumps(vars(mark), indent=1))


def _read(folder: Path) -> Mark:
    try:
        return Mark(**json.loads((folder / MARK).read_text()))
    except FileNotFoundError:
        raise NotATrial(f"{folder} is no trial lake: it has no {MARK}; name one that has") from None


app = typer.Typer(add_completion=False, help=__doc__)
Folder = Annotated[Path, typer.Argument(help="the trial lake's own folder")]


@app.command("open")
def _open(folder: Folder) -> None:
    """Clone every table of the lake into FOLDER."""
    mark = open_trial(folder, in_build_order())
    Console().print(f"{len(mark.versions)} tables of {mark.lake} cloned; build there with")
    Console().print(f"LAKE_URI={folder.resolve()} python -m jobs.spark.build --all", soft_wrap=True)


@app.command("compare")
def _compare(folder: Folder, names: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Say what the trial's builds made other than what was cloned."""
    grid = Grid("table", "added", "gone", "changed", "rows that differ, by column")
    same = 0
    for found in compare(folder.resolve(), selected(names or [])):
        told = [f"{c} {n:,}" for c, n in (found.columns or {}).items()]
        told += [f"+{c}" for c in found.new_columns] + [f"-{c}" for c in found.lost_columns]
        if told or found.added or found.gone:
            numbers = (f"{n:,}" for n in (found.added, found.gone, found.changed))
            grid.add_row(found.table, *numbers, ", ".join(told))
        else:
            same += 1
    if grid.row_count:
        Console().print(grid)
    Console().print(f"{same} {'table is' if same == 1 else 'tables are'} as they were")


@app.command("drop")
def _drop(folder: Folder) -> None:
    """Remove FOLDER, if it is a trial lake."""
    drop(folder.resolve())
    Console().print(f"{folder} is gone")


if __name__ == "__main__":
    command.run(app)
