"""Creates the tables from their SCHEMA and registers the folders in the JVM's catalog, for BI."""

import logging
import sys

from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.spark import session, store
from jobs.table import LAYERS, Built, Entities, Log, Table, columns, names, table

log = logging.getLogger(__name__)


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
        tblproperties (
            delta.enableChangeDataFeed = true,
            delta.enableDeletionVectors = {str(layout.startswith("cluster")).lower()}
        )"""
    )


def register(spark: SparkSession, which: list[str]) -> None:
    """Make folders known under their names; the catalog is disposable, the folder is the truth."""
    for layer in sorted({name.split(".")[0] for name in which}):
        spark.sql(f"create database if not exists {layer}")
    for name in which:
        spark.sql(f"create table if not exists {name} using delta location '{lake.location(name)}'")


def prepare(which: list[str]) -> None:
    """Create and register tables by name."""
    with session.opened("catalog") as spark:
        for name in which:
            with store.only_writer(name):
                create(spark, table(name))
        register(spark, which)
    log.info("catalog: %d tables ready", len(which))


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


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare(names((*LAYERS, "ops")))
