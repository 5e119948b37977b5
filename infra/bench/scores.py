"""How long scores of all customers take, reasons included: `python -m infra.bench.scores OUT`.

The Complete Journey's households, as of the end of week 48 (offers: the day before campaign 18
starts), by the models that are champions of its benches. Learning is told beside it; what counts
is the answering, which is what a day pays for: reading the account days apart, everything that
`predict` does before it lands its file.
"""

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from infra.bench import figures, sales
from infra.bench.figures import Figure
from jobs import command
from jobs.training import transactions
from jobs.training.family import Data, Family, FamilyName, family
from jobs.training.propensity import campaigns

LATEST, EVE = dt.date(2017, 11, 26), dt.date(2017, 10, 29)
ASKED: Mapping[FamilyName, tuple[str, dt.date]] = {
    "churn": ("gbm", LATEST),
    "soft_churn": ("logistic", LATEST),
    "offer": ("logistic", EVE),
    "value": ("gbm", LATEST),
}
MOST_SECONDS = 60.0


def data(folder: Path) -> Data:
    """The panel as all of these families read it."""
    paths = sales.write(folder)
    lines = paths.pop("transactions")
    told = campaigns.read(campaigns.Files(**paths))
    days = transactions.days(lines)
    frames = {
        "days": days,
        "purchases": transactions.purchases(lines),
        "campaigns": told.campaigns,
        "campaign_accounts": told.recipients,
        "coupons": told.coupons,
        "redemptions": told.redemptions,
    }
    return Data(frames, (), days["business_date"].max().date())


def fitted(of: Family, model: str, on: Data, as_of: dt.date) -> Any:
    """A model as it is chosen."""
    [configuration] = [one for one in of.configurations() if one.model == model]
    return of.fit(on, configuration, as_of)


def answered(of: Family, model: str, on: Data, as_of: dt.date) -> tuple[pd.DataFrame, float, float]:
    """What a model says, seconds to learn and seconds to answer."""
    began = time.perf_counter()
    made = fitted(of, model, on, as_of)
    learnt = time.perf_counter()
    found = of.predict(made, on, as_of, None)
    return found, learnt - began, time.perf_counter() - learnt


def main(
    out: Annotated[Path, typer.Argument(file_okay=False, help="folder of the panel's files")],
    to: figures.To = None,
) -> None:
    command.tell_facts()
    on, total = data(out / "panel"), 0.0
    shown = Table("score", "model", "customers", "with reasons", "learn, s", "answer, s")
    for name, (model, as_of) in ASKED.items():
        found, learning, answering = answered(family(name), model, on, as_of)
        told = int((found["reasons"] != "[]").sum())
        total += answering
        shown.add_row(
            *(name, model, f"{len(found):,}", f"{told:,}", f"{learning:.1f}", f"{answering:.1f}")
        )
    Console(width=100).print(shown)
    figure = Figure(
        "churn, soft churn, offer and value of all customers, with reasons, seconds",
        f"{MOST_SECONDS:g}",
        "",
        f"{total:.1f}",
        total <= MOST_SECONDS,
    )
    typer.echo(figures.markdown([figure]))
    figures.write(to, [figure])


if __name__ == "__main__":
    command.run(main)
