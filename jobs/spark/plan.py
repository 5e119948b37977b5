"""What a build would do, and why, before anything runs; no table is written."""

from collections.abc import Iterator, Sequence

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
        what = changes.find(spark, which, was, now)
        count = what.units.count() if what.units is not None else len(what.slices)
    if what.units is not None and not count:
        return f"nothing: {what.why}: no row differs"
    unit = "units" if what.units is not None else "slices"
    return f"{what.kind}: {what.why}" + (f" ({count} {unit})" if count else "")
