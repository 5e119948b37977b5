"""What can be told of campaigns' effects on The Complete Journey, and whether what is told is so.

python -m infra.bench.uplift [--draws 100] [--before-days 56]

Campaigns 8, 13 and 18 on what households spend in the 28 days from their start. Then synthetic
tables with a planted effect, and with none: how often the interval covers what was planted.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures, sales
from infra.bench.figures import Figure
from jobs import command
from jobs.training import transactions
from jobs.training.propensity.campaigns import Files, read
from jobs.training.uplift.campaign import Asked, table
from jobs.training.uplift.estimate import estimate
from jobs.training.uplift.study import Study, told

CAMPAIGNS = ("8", "13", "18")  # type A: the only ones that reached a thousand households
EFFECT, ACCOUNTS = 10.0, 1_000  # planted: USD per treated account; accounts of a table


def planted(
    seed: int,
    effect: float = EFFECT,
    chosen_by: float = 1.0,
    unseen: float = 0.0,
    accounts: int = ACCOUNTS,
) -> pd.DataFrame:
    """A synthetic table of which the average effect on the treated is known.

    Args:
        effect: USD, on average; it differs by account.
        chosen_by: how strongly covariates decide who is treated: 1 leaves overlap, 6 hardly any.
        unseen: USD by which the treated spend more, before and after, for what no covariate says.
    """
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(accounts, 5))
    odds = chosen_by * (0.8 * x[:, 0] + 0.5 * x[:, 1])
    treated = chance.random(accounts) < 1 / (1 + np.exp(-odds))
    # not linear, so that one of the two nuisance models is wrong
    usual = 60 + 10 * x[:, 0] + 4 * x[:, 1] ** 2 + unseen * treated
    before = usual + 15 * chance.normal(size=accounts)
    after = usual + 0.3 * (before - usual) + 15 * chance.normal(size=accounts)
    found = pd.DataFrame(x, columns=[f"x{n}" for n in range(x.shape[1])])
    found["account_id"] = [f"synthetic {n:05}" for n in range(accounts)]
    found["treated"] = treated.astype(int)
    found["outcome"] = after + treated * effect * (1 + 0.3 * x[:, 2])
    return found.assign(pre_outcome=before)


def covered(effect: float, draws: int, first: int = 0) -> int:
    """Of so many synthetic tables, those whose interval holds the effect that was planted."""
    count = 0
    for seed in range(first, first + draws):
        found = estimate(planted(seed, effect), "synthetic").unproven
        count += bool(found and found.low <= effect <= found.high)
    return count


def campaigns(before_days: int) -> list[Study]:
    """What is found of each campaign."""
    with tempfile.TemporaryDirectory() as folder:
        given = sales.write(Path(folder))
        days = transactions.days(given["transactions"])
        known = read(Files(given["campaigns"], given["recipients"]))
    found = []
    for campaign in CAMPAIGNS:
        starts = known.starts_on(campaign, given["campaigns"])
        rows = table(days, known.received(), Asked(campaign, starts, before_days=before_days))
        found.append(estimate(rows, f"campaign {campaign}"))
    return found


def show(studies: list[Study]) -> None:
    page = Table(
        *("", "treated", "others", "difference in means", "effect on treated", "placebo"),
        *("AUC", "within", "verdict"),
        title="USD per household in 28 days",
    )
    for one in studies:
        page.add_row(
            one.subject,
            f"{one.treated_kept:,} of {one.treated:,}",
            f"{one.others_kept:,} of {one.others:,}",
            told(one.naive),
            told(one.unproven),
            told(one.placebo),
            f"{one.overlap.auc:.3f}",
            f"{one.overlap.share_inside:.1%}",
            one.verdict,
        )
    Console(width=160).print(page)
    for one in studies:
        for reason in one.reasons:
            typer.echo(f"{one.subject}: {reason}")


def main(
    draws: Annotated[int, typer.Option(min=1, help="synthetic tables of each kind")] = 100,
    before_days: Annotated[int, typer.Option(min=1, help="that the placebo asks of")] = 56,
    to: figures.To = None,
) -> None:
    command.tell_facts()
    studies = campaigns(before_days)
    show(studies)
    rows = [
        Figure(
            f"{one.subject}, effect on 28 days' USD", "", "", f"{one.verdict}: {told(one.unproven)}"
        )
        for one in studies
    ]
    # other tables for no effect: the same ones would only be moved by it
    for what, effect, first in (("planted", EFFECT, 0), ("no", 0.0, draws)):
        count = covered(effect, draws, first)
        typer.echo(f"synthetic, {what} effect: the interval covers it in {count} of {draws}")
        name = f"synthetic, {what} effect: covered by the interval"
        rows.append(Figure(name, "90%", "95%", f"{count / draws:.0%}", count >= 0.9 * draws))
    figures.write(to, rows)


if __name__ == "__main__":
    command.run(main)
