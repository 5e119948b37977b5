"""Asks files what a treatment did.

Each command writes to a folder report.txt, overlap.png and, only where the effect is estimable,
effects.parquet: one row per account within the overlap.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from jobs import command
from jobs.training import board, transactions
from jobs.training.propensity import campaigns
from jobs.training.uplift import campaign as rows_of
from jobs.training.uplift.customers import customers
from jobs.training.uplift.estimate import judged
from jobs.training.uplift.overlap import picture
from jobs.training.uplift.rows import read
from jobs.training.uplift.study import report
from jobs.training.written import whole

REPORT, PICTURE, EFFECTS = "report.txt", "overlap.png", "effects.parquet"
ROWS = "campaign_rows.parquet"

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Out = Annotated[Path, typer.Argument(help="folder of the answers", file_okay=False)]


@app.command()
def table(
    rows: Annotated[Path, typer.Argument(help="CSV or Parquet, a row per account: see rows.py")],
    out: Out,
    subject: Annotated[str, typer.Option(help="what was done to the treated")] = "the treatment",
) -> None:
    """What a treatment did, by a table with a row per account."""
    with board.locked(out, [rows]):
        answer(read(rows), out, subject)


@app.command()
def campaign(
    campaign_id: Annotated[str, typer.Argument(help="as the files call it")],
    out: Out,
    transactions_file: Annotated[
        Path, typer.Option("--transactions", help="CSV or Parquet, a row per sales line")
    ],
    campaigns_file: Annotated[
        Path, typer.Option("--campaigns", help="campaign_id, starts_on, ends_on")
    ],
    recipients_file: Annotated[Path, typer.Option("--recipients", help="account_id, campaign_id")],
    horizon_days: Annotated[
        int, typer.Option(min=1, max=3_650, help="from its start, in which spend is compared")
    ] = rows_of.HORIZON_DAYS,
    before_days: Annotated[
        int, typer.Option(min=1, max=3_650, help="before its start, of which the placebo asks")
    ] = rows_of.BEFORE_DAYS,
) -> None:
    """What a campaign did to spend, by sales lines and whom campaigns reached.

    The rows that it was told from are kept beside the answers, as campaign_rows.parquet.
    """
    command.tell_facts()
    with board.locked(out, [transactions_file, campaigns_file, recipients_file]):
        told = campaigns.read(campaigns.Files(campaigns_file, recipients_file))
        days = transactions.days(transactions_file)
        ids = told.recipients["account_id"]
        campaigns.tell_unknown(ids, days["account_id"], transactions_file)
        starts = told.starts_on(campaign_id, campaigns_file)
        asked = rows_of.Asked(
            campaign_id, starts, horizon_days=horizon_days, before_days=before_days
        )
        rows = rows_of.table(days, told.received(), asked)
        answer(rows, out, f"campaign {campaign_id}", are_rows_kept=True)


def answer(rows: pd.DataFrame, out: Path, subject: str, are_rows_kept: bool = False) -> None:
    """Ask rows, write what they say, and print the report.

    Where report.txt stands, the other files are of its question.
    """
    found = judged(rows, subject)
    text = report(found.study)
    for name in (REPORT, PICTURE, EFFECTS, ROWS):
        (out / name).unlink(missing_ok=True)
    with whole(out / PICTURE) as candidate:
        picture(found.study.overlap, subject).savefig(candidate, format="png", dpi=120)
    if not found.study.reasons:
        effects = customers(found)
        text += f"effect per account {effects.model}, in {EFFECTS}\n"
        with whole(out / EFFECTS) as candidate:
            pd.DataFrame(effects.per_account).to_parquet(candidate)
    if are_rows_kept:
        with whole(out / ROWS) as candidate:
            rows.to_parquet(candidate, index=False)
    with whole(out / REPORT) as candidate:
        candidate.write_text(text)
    typer.echo(text, nl=False)


if __name__ == "__main__":
    command.run(app)
