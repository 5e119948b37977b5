"""What a build would do, and why, before anything runs; no table is written."""

from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.connect.session import SparkSession

from jobs import lake
from jobs.spark import changes, session, watermark
from jobs.table import Built, Log, table


def plan(which: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(table, what would be built and why) for each name, inputs first."""
    moving: set[str] = set()
    for name in which:
        target = table(name)
        assert not isinstance(target, Log)
        upstream = sorted({i.name for i in target.inputs} & moving)
        what = _planned(target)
        if upstream:
            what = f"{what}; then what changes in {', '.join(upstream)}"
        if upstream or not what.startswith("nothing"):
            moving.add(name)
        yield name, what


def _planned(which: Built) -> str:
    if not lake.exists(which.name):
        return "everything: first build"
    if any(not lake.exists(i.name) for i in which.inputs):
        return "everything: an input is still to be built"
    was, now = watermark.last(which), watermark.current(which)
    if was == now:
        return "nothing: no input changed"
    # not in the table's own session: what is being built there would be stopped
    with session.opened(f"plan {which.name}") as spark:
        # kept in the session's memory: nothing is staged beside a build
        what = changes.find(spark, which, was, now, lambda units: _kept(spark, units))
        count = what.units.count() if what.units is not None else len(what.slices)
    unit = "units" if what.units is not None else "slices"
    return f"{what.kind}: {what.why}" + (f" ({count} {unit})" if count else "")


def _kept(spark: SparkSession, units: DataFrame) -> DataFrame:
    return spark.createDataFrame(units.collect(), units.schema)
