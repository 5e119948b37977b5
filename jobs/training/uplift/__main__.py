"""Asks a file what a treatment did: python -m jobs.training.uplift TABLE OUT [--subject WORDS]

TABLE holds rows as in rows.py. Written are report.txt, overlap.png and, only where the effect is
estimable, effects.parquet: one row per account within the overlap.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from jobs import command
from jobs.training.uplift.customers import customers
from jobs.training.uplift.estimate import judged
from jobs.training.uplift.overlap import picture
from jobs.training.uplift.rows import read
from jobs.training.uplift.study import report
from jobs.training.written import whole

REPORT, PICTURE, EFFECTS = "report.txt", "overlap.png", "effects.parquet"


def main(
    table: Annotated[Path, typer.Argument(help="CSV or Parquet, a row per account")],
    out: Annotated[Path, typer.Argument(help="folder of the answers", file_okay=False)],
    subject: Annotated[str, typer.Option(help="what was done to the treated")] = "the treatment",
) -> None:
    found = judged(read(table), subject)
    text = report(found.study)
    # of an earlier answer: nobody may act on it if this one is another
    (out / EFFECTS).unlink(missing_ok=True)
    with whole(out / PICTURE) as candidate:
        picture(found.study.overlap, subject).savefig(candidate, format="png", dpi=120)
    if not found.study.reasons:
        effects = customers(found)
        text += f"effect per account {effects.model}, in {EFFECTS}\n"
        with whole(out / EFFECTS) as candidate:
            pd.DataFrame(effects.per_account).to_parquet(candidate)
    with whole(out / REPORT) as candidate:
        candidate.write_text(text)
    typer.echo(text, nl=False)


if __name__ == "__main__":
    command.run(main)
