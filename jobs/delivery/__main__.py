"""Deliver scores to a CRM: `python -m jobs.delivery plan`, then `apply`, then `verify`."""

import datetime as dt
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import Progress

from jobs.crm.adapter import CrmError
from jobs.delivery import apply as applying
from jobs.delivery import plan as planning
from jobs.delivery import verify as verifying
from jobs.delivery.ledger import DeliveryError, Ledger, Plan
from jobs.delivery.mapping import MappingError
from jobs.lake import NoSuchTable

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Connection = Annotated[str, typer.Option(help="a file in jobs/delivery/connections")]
PlanId = Annotated[str | None, typer.Argument(help="plan id or its beginning; default: the newest")]


@contextmanager
def told() -> Iterator[None]:
    """What cannot be done is one sentence, not a stack."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        yield
    except (DeliveryError, MappingError, CrmError, NoSuchTable) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def headline(plan: Plan) -> str:
    return f"{plan.connection} plan {plan.plan_number} {plan.plan_id[:12]} {plan.state}"


@app.command()
def plan(
    connection: Connection = "tryton",
    today: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="business day: values with valid_until before it are cleared; "
            "default: the newest as_of_date of the outbox",
        ),
    ] = None,
) -> None:
    """Compare the outbox with the CRM and write a plan down; sends nothing."""
    with told():
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
    with told(), Progress(disable=not sys.stdout.isatty()) as progress:
        records = Ledger(connection).plan(plan).records
        task = progress.add_task(f"{connection}: customers", total=records)
        done = applying.apply(
            connection, plan, progress=lambda records: progress.advance(task, records)
        )
    typer.echo(f"{headline(done.plan)}: {done.sent:,} customers written now")
    for outcome, n in sorted(done.outcomes.items()):
        typer.echo(f"  {n:,} {outcome}")


@app.command()
def verify(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Read back what a plan wrote; ends with 1 where the CRM shows something else."""
    with told():
        seen = verifying.verify(connection, plan)
    good = seen.fields - len(seen.differing)
    typer.echo(f"{headline(seen.plan)}: {good:,} of {seen.fields:,} fields as delivered")
    for account, field in seen.differing[:10]:
        typer.echo(f"  customer {account}: {field} is not as delivered")
    raise typer.Exit(1 if seen.differing else 0)


@app.command()
def status(connection: Connection = "tryton") -> None:
    """The newest plans and their states."""
    with told():
        for made in Ledger(connection).plans()[-10:]:
            typer.echo(f"{headline(made)} at {made.at:%Y-%m-%d %H:%M:%S} UTC: {made.note or ''}")


if __name__ == "__main__":
    app()
