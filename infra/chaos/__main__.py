"""Deliveries with a random fault each, judged by what the CRM shows and not by what we say.

python -m infra.chaos --runs 8 --seed 1          (every CRM in turn)
python -m infra.chaos --runs 1 --seed 7 --crm tryton --records 300

What is judged, and by what: docs/chaos.md.
"""

import contextlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.chaos.crms import NAMES, Crm, NotHere, opened
from infra.chaos.evidence import Evidence
from infra.chaos.judge import Verdict, judged
from infra.chaos.stage import Stage
from infra.chaos.story import Story, drawn
from jobs import command

WIDTH = 170  # of the table, characters; what is piped into a file has no width of its own
# columns of the table, and what of the judge's words they count
COUNTED = {
    "doubles": {"double"},
    "lost edits": {"lost edit"},
    "stale writes": {"stale write"},
    "wrong values": {"wrong value", "not listed"},
    "others": {"not true", "rejected", "written again", "refusal", "no end"},
}


@dataclass
class Tally:
    """What the runs at one CRM came to."""

    runs: int = 0
    records: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    most_writes: int = 0
    in_the_gap: int = 0
    longest_gap: float = 0.0
    seconds: float = 0.0

    def add(self, of: Evidence, verdict: Verdict, seconds: float) -> None:
        self.runs += 1
        self.records += verdict.records
        self.faults[met(of)] += 1
        self.violations.update(violation.kind for violation in verdict.violations)
        self.most_writes = max(self.most_writes, verdict.most_writes)
        self.in_the_gap += verdict.in_the_gap
        self.longest_gap = max(self.longest_gap, verdict.longest_gap)
        self.seconds += seconds


def met(of: Evidence) -> str:
    """The fault that a run met; one whose request never came was met by none."""
    was_hit = any(entry.fault for entry in of.wire.entries) or of.wire.kill
    return of.story.kind if was_hit or of.story.kind == "two_at_once" else "none met"


def shown(tallies: dict[str, Tally]) -> Table:
    table = Table("CRM", "runs", "faults", "records", *COUNTED, "most writes", "gap", "seconds")
    for name, of in tallies.items():
        counts = (sum(of.violations[kind] for kind in kinds) for kinds in COUNTED.values())
        table.add_row(
            name,
            str(of.runs),
            ", ".join(f"{n} {kind}" for kind, n in sorted(of.faults.items())),
            f"{of.records:,}",
            *map(str, counts),
            str(of.most_writes),
            f"{of.in_the_gap} in {of.longest_gap:.1f} s",
            f"{of.seconds:.0f}",
        )
    return table


def again(story: Story) -> str:
    """The command that plays a run alone."""
    return (
        f"python -m infra.chaos --runs 1 --seed {story.seed} --crm {story.crm} "
        f"--records {story.records}"
    )


Runs = Annotated[int, typer.Option(help="of all CRMs together, in turn")]
Seed = Annotated[int, typer.Option(help="of the first run; the next has the next")]
Name = Annotated[list[str] | None, typer.Option("--crm", help=f"{', '.join(NAMES)}; else all")]
Records = Annotated[int | None, typer.Option(help="customers; else 2,000 to 5,000 by the seed")]


def main(runs: Runs = 8, seed: Seed = 1, crm: Name = None, records: Records = None) -> None:
    """Play runs, show one table, and end with 1 where the judge found anything."""
    names: Sequence[str] = crm or NAMES
    if unknown := set(names) - set(NAMES):
        raise typer.BadParameter(f"no CRM {', '.join(unknown)}: one of {', '.join(NAMES)}")
    told, tallies = Console(soft_wrap=True), dict[str, Tally]()
    for place, name in enumerate(names):
        seeds = range(seed + place, seed + runs, len(names))
        with (
            tempfile.TemporaryDirectory(prefix="chaos-") as folder,
            contextlib.ExitStack() as open_,
        ):
            try:
                here = open_.enter_context(opened(name, Path(folder)))
            except NotHere as why:
                told.print(f"[bold]NOT RUN against {name}[/bold]: {why}")
                continue
            tallies[name] = Tally()
            for each in seeds:
                played(told, tallies[name], here, drawn(each, here, records), Path(folder))
    told.width = max(told.width, WIDTH)
    told.print(shown(tallies))
    if any(tally.violations for tally in tallies.values()):
        raise typer.Exit(1)


def played(told: Console, tally: Tally, crm: Crm, story: Story, folder: Path) -> Verdict:
    """Play a story, count it, and tell what is wrong."""
    started = time.monotonic()
    of = Stage(story, crm, folder / f"run-{story.seed}").play()
    verdict = judged(of)
    tally.add(of, verdict, time.monotonic() - started)
    word = f"{len(verdict.violations)} violations" if verdict.violations else "good"
    told.print(
        f"{crm.name} seed {story.seed}: {story.records:,} customers, {story.mode}, {met(of)}, "
        f"{story.refusal}, {len(of.edits)} edits, {len(of.told.listed)} listed, "
        f"{len(of.applies)} applies in {of.seconds:.0f} s: {word}"
    )
    if verdict.violations:
        told.print(f"  again: {again(story)}")
        for violation in verdict.violations[:10]:
            told.print(f"  {violation.kind}: {violation.what}", markup=False)
    return verdict


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    command.run(main)
