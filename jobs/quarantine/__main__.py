"""What is refused, and how it comes back: `python -m jobs.quarantine list|export|correct|check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column
from rich.table import Table as Shown

from jobs import command
from jobs.quarantine import corrections, counts, refused, sheet
from jobs.quarantine.refused import Group
from jobs.table import Landed, names, table

app = typer.Typer(no_args_is_help=True, help="What is refused, and how it comes back.")

HEADS = ("rows", "batches", "known", "first refused")

OfTable = Annotated[str | None, typer.Option("--table", help="such as bronze.order_lines")]
OfRule = Annotated[str | None, typer.Option("--rule", help="reason code, such as type(quantity)")]
OfBatch = Annotated[str | None, typer.Option("--batch", help="such as till/2017-03-05")]


@app.command("list")
def list_(
    of: OfTable = None,
    rule: OfRule = None,
    batch: OfBatch = None,
    rows: Annotated[int, typer.Option(help="rows to show of each rule")] = 0,
    show: Annotated[bool, typer.Option("--show", help="personal data too")] = False,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What is refused, by table and rule; new columns that files bring."""
    if of:
        _bronze(of)
    found = refused.entries(of, rule, batch)
    by_rule = refused.groups(found, rule)
    new, mended = refused.new_columns(of), len(refused.mended_rows(of))
    outdated = refused.outdated_corrections()
    samples = {group: _samples(found, group, rows, show) for group in by_rule}
    if json_:
        told = [{**asdict(group), "samples": samples[group]} for group in by_rule]
        about = {
            "refused": told,
            "extra_columns": [asdict(n) for n in new],
            "mended": mended,
            "outdated_corrections": outdated,
        }
        typer.echo(json.dumps(about, indent=1, default=str, ensure_ascii=False))
        return
    console = Console()
    if by_rule:
        console.print(_shown(by_rule))
    for group, told_rows in samples.items():
        for row in told_rows:
            console.print(f"{group.table} {group.rule}", row, markup=False, highlight=False)
    for each in new:
        batches = command.number(each.batches, "batch", "batches")
        console.print(
            f"{each.table}: the files bring {each.column!r}, which SCHEMA does not have: kept in "
            f"_extra since {each.first_batch} ({batches}, last {each.last_batch})",
            markup=False,
        )
    for correction, number in outdated.items():
        console.print(
            f"{correction} mends {_rows(number)} of a batch that has come anew since: look "
            "whether it still holds, or take it away",
            markup=False,
        )
    count = sum(entry["rows"] for entry in found)
    console.print(f"{_rows(count)} refused; {_were(mended)} refused and have a correction")


def _samples(
    found: list[dict[str, object]], group: Group, rows: int, show: bool
) -> list[dict[str, object]]:
    mine = [e for e in found if e["table_name"] == group.table and group.rule in e["rules"]]  # type: ignore[operator]
    return [
        {
            "batch": entry["batch_id"],
            "row": entry["row_number"],
            "received": json.loads(str(entry["received"])) if show else refused.masked(entry),
        }
        for entry in mine[:rows]
    ]


def _shown(by_rule: list[Group]) -> Shown:
    # a name is never cut: it is what a person types next
    longest = max(len(group.table) for group in by_rule)
    name = Column("table", no_wrap=True, min_width=longest)
    shown = Shown(name, Column("rule", overflow="fold"), *HEADS)
    for group in by_rule:
        first, last = group.first_known_at.date(), group.last_known_at.date()
        refused_at = group.first_refused_at
        shown.add_row(
            group.table,
            group.rule,
            f"{group.rows:,}",
            f"{group.batches:,}",
            f"{first}" if first == last else f"{first} to {last}",
            f"{refused_at:%Y-%m-%d %H:%M}" if refused_at else "",
        )
    return shown


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="a new file: .csv for a spreadsheet, or .json")],
    of: Annotated[str, typer.Option("--table", help="such as bronze.order_lines")],
    rule: OfRule = None,
    batch: OfBatch = None,
) -> None:
    """Write refused rows as received, for a person to mend; it holds personal data."""
    which = _bronze(of)
    if file.exists():
        raise typer.BadParameter(f"{file} is there already: name a new file")
    if not file.parent.is_dir():
        raise typer.BadParameter(f"{file.parent} is no folder: name a file in one that is there")
    found = refused.entries(of, rule, batch)
    rows = sheet.export(found, which)
    if not rows:
        whole = f"; {len(found):,} stand for whole files: land those again" if found else ""
        typer.echo(f"no row of {of} is refused so{whole}: no file is written")
        return
    try:
        sheet.write(rows, file, which)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"{file}: {_rows(len(rows))} of {of} as received; mend, then `correct` the file")


@app.command()
def correct(
    file: Annotated[
        Path, typer.Argument(help="what `export` wrote, mended", exists=True, dir_okay=False)
    ],
    encoding: Annotated[str, typer.Option(help="as the spreadsheet saved it")] = "utf-8-sig",
) -> None:
    """Land the rows that were mended; the next build takes them."""
    done = corrections.correct(sheet.read(file, encoding))
    for manifest in done.landed:
        rows = sum(each.rows or 0 for each in manifest.files)
        told = command.number(rows, "mended row", "mended rows")
        typer.echo(f"{manifest.entity}: {told} landed as {manifest.batch_id}")
    if done.already:
        typer.echo(f"{file}: {_were(done.already)} corrected already, with the same values")
    if not done.landed and not done.already:
        typer.echo(f"{file}: no row is other than it was received: nothing to land")


@app.command()
def check(of: OfTable = None) -> None:
    """Count whether every landed row is written, refused, mended, or waits with its batch."""
    wrong = 0
    for name in [of] if of else names(["bronze"]):
        found = counts.counts(_bronze(name))
        landed, waiting = sum(c.landed for c in found), sum(c.waiting for c in found)
        typer.echo(
            f"{name}: {_rows(landed)} in {command.number(len(found), 'batch', 'batches')}; "
            f"{sum(c.refused for c in found):,} refused, {sum(c.mended for c in found):,} mended, "
            f"{waiting:,} waiting with their batch"
        )
        for count in found:
            if not count.adds_up:
                wrong += 1
                typer.echo(f"  does not add up: {count}")
    if wrong:
        typer.echo(f"{command.number(wrong, 'batch does', 'batches do')} not add up")
        raise typer.Exit(1)
    typer.echo("all of it adds up: every landed row is written, refused, mended, or waits")


def _rows(n: int) -> str:
    return command.number(n, "row", "rows")


def _were(n: int) -> str:
    return command.number(n, "was", "were")


def _bronze(name: str) -> Landed:
    found = table(name)
    if not isinstance(found, Landed):
        raise typer.BadParameter(f"{name} is no bronze table: rows are refused there only")
    return found


if __name__ == "__main__":
    command.run(app)
