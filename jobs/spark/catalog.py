"""Creates the tables from their SCHEMA: columns, comments, layout, how long versions are kept."""

import logging
import sys
from collections.abc import Iterable

from pyspark.sql.connect.session import SparkSession

from jobs import command, lake
from jobs.spark import session, store
from jobs.table import LAYERS, Built, Entities, Log, Table, columns, names, table

log = logging.getLogger(__name__)

# How far back a table can be read: features and scores as long as a model's training set matters.
RETENTION_DAYS = {"features": 400, "scores": 400}
DEFAULT_RETENTION_DAYS = 35


def retention_days(name: str) -> int:
    """Days that every version of a table can be read, and its files are kept."""
    return RETENTION_DAYS.get(name.split(".")[0], DEFAULT_RETENTION_DAYS)


def create(spark: SparkSession, which: Table) -> None:
    """Create an empty table if it is not there: columns, comments, NOT NULL, properties.

    The caller is the table's only writer.

    Sliced bronze, silver and features are clustered by slice and may carry deletion vectors
    (without them one day's replace copied 8.8 million rows). Gold and scores stay plain.
    """
    if isinstance(which, Log):
        lake.create(which)
        return
    if lake.exists(which.name):
        _loosen(spark, which)
        return
    store.clear_unborn(which.name)
    is_wide = which.name.split(".")[0] in ("bronze", "silver", "features")
    layout = ""
    if not isinstance(which, Entities) and is_wide:
        layout = f"cluster by ({which.slice})"
    elif folders := store.folders(which):
        layout = f"partitioned by ({', '.join(folders)})"
    spark.sql(
        f"""create table if not exists delta.`{lake.location(which.name)}`
        ({_ddl(which)}) using delta
        {layout}
        comment {_quoted(_grain(which))}
        tblproperties ({_properties(which, is_clustered=layout.startswith("cluster"))})"""
    )


def _loosen(spark: SparkSession, which: Built) -> None:
    """Take NOT NULL from stored columns that SCHEMA lets be null by now: a row would be refused."""
    may_be_null = {c.name for c in columns(which.full_schema) if c.nullable}
    for stored in lake.opened(which.name).schema().fields:
        if not stored.nullable and stored.name in may_be_null:
            table = f"delta.`{lake.location(which.name)}`"
            spark.sql(f"alter table {table} alter column {stored.name} drop not null").collect()


def _properties(which: Built, is_clustered: bool) -> str:
    kept = f"'interval {retention_days(which.name)} days'"
    told = {
        "delta.enableChangeDataFeed": "true",
        "delta.enableDeletionVectors": str(is_clustered).lower(),
        # Delta's own 30 days and 7: a version whose log is gone cannot be read, files or not
        "delta.logRetentionDuration": kept,
        "delta.deletedFileRetentionDuration": kept,
    }
    if is_clustered:
        told[store.STATISTICS] = f"'{','.join(store.looked_for(which))}'"
    return ", ".join(f"{name} = {value}" for name, value in told.items())


def prepare(which: Iterable[str]) -> None:
    """Create tables by name, where they are not there.

    Raises:
        store.Busy: a table is not there yet, and another process is making it.
    """
    # one that is there may be under construction: that is none of our business here
    if missing := [name for name in which if not lake.exists(name)]:
        with session.opened("catalog") as spark:
            for name in missing:
                with store.only_writer(name):
                    create(spark, table(name))
    log.info("catalog: %d tables made", len(missing))


def schema_differs(spark: SparkSession, which: Built) -> bool:
    """True when the stored columns are not those of SCHEMA, by name, type and order."""
    stored = spark.read.format("delta").load(lake.location(which.name)).schema
    wanted = spark.createDataFrame([], _ddl(which)).schema
    return [(f.name, f.dataType) for f in stored] != [(f.name, f.dataType) for f in wanted]


def _ddl(which: Built) -> str:
    return ", ".join(
        f"{c.name} {c.type}{'' if c.nullable else ' not null'} comment {_quoted(c.comment)}"
        for c in columns(which.full_schema)
    )


def _grain(which: Built) -> str:
    """First line of the table's file: what one row is."""
    make = getattr(which, "make", None)
    home = sys.modules.get(make.__module__ if make else f"jobs.spark.{which.name}")
    return ((home.__doc__ if home else None) or which.name).strip().splitlines()[0]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> None:
    """Create all tables."""
    command.tell_facts()
    prepare(names((*LAYERS, "ops")))


if __name__ == "__main__":
    command.run(main)
