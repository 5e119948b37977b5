"""What the benches of models must show, as figures of one table: see infra/bench/models.py."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from jobs.training.written import whole

To = Annotated[Path | None, typer.Option("--figures", help="file that the figures go to, too")]
MET = {True: "met", False: "missed", None: "published"}


@dataclass(frozen=True)
class Figure:
    what: str
    must: str  # empty: it is published, whatever it is
    aim: str
    found: str
    is_met: bool | None = None  # whether it is as it must; null where nothing must be

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.must, self.aim, self.found, MET[self.is_met]


def write(to: Path | None, figures: Sequence[Figure]) -> None:
    """Whole or not at all; nothing where no file is asked for."""
    if to:
        with whole(to) as candidate:
            candidate.write_text(json.dumps([asdict(one) for one in figures], indent=1))


def read(path: Path) -> list[Figure]:
    return [Figure(**one) for one in json.loads(path.read_text())]


def markdown(figures: Sequence[Figure]) -> str:
    """A table for the docs."""
    rows = [("what", "must", "aim", "found", ""), ("---",) * 5, *(one.cells for one in figures)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
