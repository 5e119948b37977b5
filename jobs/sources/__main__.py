"""Lands drops of a source: `python -m jobs.sources till --start 2017-03-01 --end 2017-03-05`."""

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable
from typing import Annotated

import typer

import jobs.sources
from jobs import command
from jobs.landing import Manifest

Land = Callable[[dt.date, dt.date], list[Manifest]]


def source(name: str, verb: str = "land") -> Land:
    """What a source system does under a name: `land`, or `reconcile` where it knows that.

    Raises:
        typer.BadParameter: there is no such source, or it does not know that.
    """
    known = sorted(m.name for m in pkgutil.iter_modules(jobs.sources.__path__) if m.name[0] != "_")
    if name not in known:
        raise typer.BadParameter(f"no source {name!r}; the sources are: {', '.join(known)}")
    found: Land | None = getattr(importlib.import_module(f"jobs.sources.{name}"), verb, None)
    if found is None:
        raise typer.BadParameter(f"{name} knows no {verb}: leave --{verb} out")
    return found


def main(
    system: Annotated[str, typer.Argument(help="such as till, erp or crm", show_default=False)],
    start: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="first business date")],
    end: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="last business date")],
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="crm: read all there is, to find who is gone")
    ] = False,
) -> None:
    """Land the drops of one source system, dated START to END."""
    command.tell_facts()
    if end < start:
        raise typer.BadParameter(f"--end {end:%Y-%m-%d} lies before --start {start:%Y-%m-%d}")
    landed = source(system, "reconcile" if reconcile else "land")(start.date(), end.date())
    for entity in sorted({m.entity for m in landed}):
        batches = [m for m in landed if m.entity == entity]
        rows = sum(file.rows or 0 for m in batches for file in m.files)
        size_mb = sum(file.bytes for m in batches for file in m.files) / 1e6
        typer.echo(f"{system}: {entity}: {len(batches)} batches, {rows:,} rows, {size_mb:.1f} MB")
    if not landed:
        typer.echo(f"{system}: nothing to land from {start:%Y-%m-%d} to {end:%Y-%m-%d}")


if __name__ == "__main__":
    command.run(main)
