"""Every figure that the models are held to, by one command: `make bench`, or

python -m infra.bench.models [OUT] [--only forecasts] [--skip throughput]

The benches run one after the other, each in a process of its own, so that nothing of one counts in
another's memory. What is done is not done again while the code stays as it is. The table holds all
that is done, by earlier calls too; it is printed and written to OUT/figures.md.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures
from jobs import command
from jobs.settings import ROOT, settings

BENCHES: Mapping[str, Sequence[str]] = {
    "forecasts": ("infra.bench.forecasts", "--out", "{out}/forecasts"),
    "products": ("infra.bench.recommenders", "{out}/recommenders"),
    "kinds": ("infra.bench.recommenders", "{out}/recommenders", "--level", "product_type"),
    "cold": ("infra.bench.cold",),
    "week": ("infra.bench.week", "{out}/week"),
    "lists": ("infra.bench.scale", "--real"),
    "scale": ("infra.bench.scale", "--minutes", "60"),
    "propensity": ("infra.bench.propensity", "{out}/propensity"),
    "wins": ("infra.bench.pipeline", "{out}/wins"),
    "value": ("infra.bench.value", "--out", "{out}/value"),
    "scores": ("infra.bench.scores", "{out}/scores"),
    "many": ("infra.bench.parts", "{out}/many"),
    "segments": ("infra.bench.segments", "--out", "{out}/segments"),
    "uplift": ("infra.bench.uplift",),
    "throughput": ("infra.bench.throughput", "models"),
}


class BenchFailed(Exception):
    """Some benches did not end well; the others' figures are there."""


def code() -> str:
    """Hash of the code that decides a figure."""
    files = [*ROOT.glob("jobs/training/**/*.py"), *ROOT.glob("infra/bench/*.py")]
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(files))).hexdigest()[:12]


def bench(name: str, out: Path, to: Path) -> bool:
    """Its figures go to a file, if they are not there; whether it ended well."""
    if to.exists():
        return True
    module, *rest = (part.format(out=out) for part in BENCHES[name])
    done = subprocess.run([sys.executable, "-m", module, *rest, "--figures", str(to)], cwd=ROOT)
    return done.returncode == 0


def main(
    out: Annotated[
        Path | None, typer.Argument(file_okay=False, help="folder; null: in the state folder")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"of {', '.join(BENCHES)}")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="the same, left out")] = None,
) -> None:
    """Run the benches and print one table; hours, on two cores."""
    if unknown := {*(only or ()), *(skip or ())} - set(BENCHES):
        raise typer.BadParameter(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    names = [n for n in BENCHES if n in (only or BENCHES) and n not in (skip or ())]
    out = (out or settings().state / "bench").resolve()
    out.mkdir(parents=True, exist_ok=True)
    console, failed = Console(width=max(120, shutil.get_terminal_size().columns)), []
    mark = code()  # as it is now: it may be another one when hours have passed
    paths = {name: out / f"{name}-{mark}.json" for name in BENCHES}
    for number, name in enumerate(names, 1):
        console.rule(f"{number} of {len(names)}: {name}")
        started = time.monotonic()
        if bench(name, out, paths[name]):
            console.print(f"{name}: {(time.monotonic() - started) / 60:.1f} minutes")
        else:
            failed.append(name)
    rows = [row for path in paths.values() if path.exists() for row in figures.read(path)]
    page = Table("what", "must", "aim", "found", "")
    for row in rows:
        page.add_row(*row.cells)
    console.print(page)
    (out / "figures.md").write_text(figures.markdown(rows))
    console.print(f"{out}/figures.md")
    if failed:
        raise BenchFailed(f"{', '.join(failed)}: failed; the reason stands above, run it again")


if __name__ == "__main__":
    command.run(main)
