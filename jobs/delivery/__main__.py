"""Deliver scores to a CRM: `python -m jobs.delivery plan`, then `apply`, then `verify`."""

import datetime as dt
import logging
import sys
from collections import Counter
from typing import Annotated

import typer
from rich.progress import Progress

from jobs import command
from jobs.delivery import apply as applying
from jobs.delivery import mapping as mappings
from jobs.delivery import plan as planning
from jobs.delivery import verify as verifying
from jobs.delivery.ledger import FINAL, Ledger, Plan

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

SHOWN = 10  # lines at most: fields that differ, plans

Connection = Annotated[str, typer.Option(help="a file in jobs/delivery/connections")]
PlanId = Annotated[str | None, typer.Argument(help="plan id or its beginning; default: the newest")]


def headline(plan: Plan) -> str:
    return f"{plan.connection} plan {plan.plan_number} {plan.plan_id[:12]} {plan.state}"


def unsent(plan: Plan, customers: int) -> typer.Exit:
    """Says that a plan is not done, and ends with 1."""
    typer.echo(
        f"error: the CRM put {customers:,} customers off: run `apply` again, it goes on with "
        f"plan {plan.plan_number}",
        err=True,
    )
    return typer.Exit(1)


@app.command()
def plan(
    connection: Connection = "tryton",
    today: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="business day: values with valid_until before it are cleared; default: today "
            "at the shops, or with COMPANY_CLOCK=data the newest as_of_date of the outbox",
        ),
    ] = None,
) -> None:
    """Compare the outbox with the CRM and write a plan down; sends nothing."""
    made = planning.plan(connection, today.date() if today else None)
    typer.echo(headline(made))
    typer.echo(f"  business day {made.as_of_date}, outbox version {made.outbox_version}")
    typer.echo(f"  {made.records:,} customers to write in {made.calls:,} calls")
    typer.echo(f"  {made.updates:,} updates, {made.clears:,} clears")
    typer.echo(f"  {made.unchanged:,} unchanged, {made.blocked:,} blocked")
    items = Ledger(connection).items(made.plan_id)
    for reason, n in Counter(i.reason for i in items if i.reason).most_common():
        typer.echo(f"    {n:,} {reason}")


@app.command()
def apply(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Send a plan, at most once; a run that was killed is taken up."""
    mappings.load(connection)
    with Progress(disable=not sys.stdout.isatty()) as progress:
        records = Ledger(connection).plan(plan).records
        task = progress.add_task(f"{connection}: customers", total=records)
        done = applying.apply(
            connection, plan, progress=lambda records: progress.advance(task, records)
        )
    typer.echo(f"{headline(done.plan)}: {done.sent:,} customers written now")
    for outcome, n in sorted(done.outcomes.items()):
        typer.echo(f"  {n:,} {outcome}")
    if done.left:
        raise unsent(done.plan, done.left)


@app.command()
def verify(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Read back what a plan wrote; ends with 1 where the CRM shows something else."""
    mappings.load(connection)
    seen = verifying.verify(connection, plan)
    typer.echo(f"{headline(seen.plan)}: {seen}")
    for account, field in seen.differing[:SHOWN]:
        typer.echo(f"  customer {account}: {field} is not as delivered")
    if (more := len(seen.differing) - SHOWN) > 0:
        typer.echo(f"  and {more:,} more")
    if seen.plan.state == "partly":
        raise unsent(seen.plan, sum(n for e, n in seen.missing.items() if e not in FINAL))
    raise typer.Exit(1 if seen.differing else 0)


@app.command()
def status(connection: Connection = "tryton") -> None:
    """The newest plans and their states."""
    mappings.load(connection)
    plans = Ledger(connection).plans()
    if not plans:
        typer.echo(f"{connection} has no plan yet: run `python -m jobs.delivery plan`")
    for made in plans[-SHOWN:]:
        note = f": {made.note}" if made.note else ""
        typer.echo(f"{headline(made)} at {made.at:%Y-%m-%d %H:%M:%S} UTC{note}")


if __name__ == "__main__":
    # what goes well is told on stdout
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    command.run(app)
