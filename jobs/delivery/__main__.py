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
from jobs.delivery import doctor as examining
from jobs.delivery import install as installing
from jobs.delivery import mapping as mappings
from jobs.delivery import page
from jobs.delivery import plan as planning
from jobs.delivery import revert as reverting
from jobs.delivery import tasks as of_tasks
from jobs.delivery import verify as verifying
from jobs.delivery.approval import APPROVE, REFUSE, respond
from jobs.delivery.controls import Controls, dead_letters
from jobs.delivery.ledger import FINAL, DeliveryError, Ledger, Plan

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
dead = typer.Typer(no_args_is_help=True, help="What the CRM refused: list, replay, discard.")
app.add_typer(dead, name="dead")

SHOWN = 10  # lines at most: fields that differ, plans

Connection = Annotated[str, typer.Option(help="a file in jobs/delivery/connections")]
PlanId = Annotated[
    str | None, typer.Argument(help="plan id, its beginning, or number; default: the newest")
]
Customer = Annotated[str | None, typer.Argument(help="account_id; default: all of them")]
Reason = Annotated[str | None, typer.Option(help="why, for those who read it later")]


def headline(plan: Plan) -> str:
    return f"{plan.connection} plan {plan.plan_number} {plan.plan_id[:12]} {plan.state}"


def unsent(plan: Plan, customers: int) -> typer.Exit:
    """Says that a plan is not done, and ends with 1."""
    typer.echo(
        f"error: the CRM put {customers:,} customers off: run `apply --connection "
        f"{plan.connection}` again, it goes on with plan {plan.plan_number}",
        err=True,
    )
    return typer.Exit(1)


def told(made: Plan) -> None:
    """What a plan says, in a few lines."""
    of = mappings.load(made.connection)
    typer.echo(headline(made))
    typer.echo(f"  business day {made.as_of_date}, {of.outbox} version {made.outbox_version}")
    if not made.customers and not made.records:
        typer.echo(f"  nothing to compare: {of.outbox} is empty, or none of it is in the CRM")
    new = f", {made.creates:,} of them new," if made.creates else ""
    typer.echo(
        f"  {made.records:,} {of.what} to write{new} in {made.calls:,} calls; "
        f"{made.customers:,} of ours are in the CRM"
    )
    typer.echo(f"  {made.creates:,} creates, {made.updates:,} updates, {made.clears:,} clears")
    typer.echo(f"  {made.unchanged:,} unchanged, {made.blocked:,} blocked")
    items = Ledger(made.connection).rows(
        "ops.crm_plan_items",
        f"plan_id = '{made.plan_id}' and reason is not null group by reason",
        "reason, count(*) as n",
    )
    for row in sorted(items, key=lambda row: (-row["n"], row["reason"])):
        typer.echo(f"    {row['n']:,} {row['reason']}")
    if made.needs_person:
        typer.echo(f"  needs a person: {made.needs_person}")
    typer.echo(f"  to read before it is sent: {page.write(made)}")


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
    allow_mass_clear: Annotated[
        bool, typer.Option("--allow-mass-clear", help="more customers lose their values than usual")
    ] = False,
) -> None:
    """Compare the outbox with the CRM and write a plan down; sends nothing."""
    day = today.date() if today else None
    made = planning.plan(connection, day, allow_mass_clear=allow_mass_clear)
    told(made)
    raise typer.Exit(1 if made.state == "refused" else 0)


@app.command()
def approve(
    plan: PlanId = None,
    connection: Connection = "tryton",
    user: Annotated[str, typer.Option(help="your name in Airflow; its password is asked")] = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="say no")] = False,
) -> None:
    """Answer the plan's question in Airflow, as one of its users."""
    mapping = mappings.load(connection)
    chosen = Ledger(connection).plan(plan)
    told(chosen)
    if chosen.state != "waiting":
        raise DeliveryError(f"plan {chosen.plan_number} is {chosen.state}: nobody is asked")
    name = user or typer.prompt("user of Airflow", default=next(iter(mapping.approvers), None))
    password = typer.prompt("password", hide_input=True)
    option = REFUSE if refuse else APPROVE
    typer.echo(f"{option}: {respond(chosen, option, name, password)}")


@app.command()
def apply(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Send a plan, at most once; a run that was killed is taken up."""
    what = mappings.load(connection).what
    with Progress(disable=not sys.stdout.isatty()) as progress:
        records = Ledger(connection).plan(plan).records
        task = progress.add_task(f"{connection}: {what}", total=records)
        done = applying.apply(
            connection, plan, progress=lambda records: progress.advance(task, records)
        )
    typer.echo(f"{headline(done.plan)}: {done.sent:,} {what} written now")
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
def revert(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Plan what takes a plan back, and pause the connection; `apply` sends it."""
    told(reverting.revert(connection, plan))
    typer.echo(f"{connection} is paused: `resume --connection {connection}` ends that")


@app.command()
def retry(plan: PlanId = None, connection: Connection = "tryton") -> None:
    """Go on with a plan that is partly sent; the same as `apply`."""
    apply(plan, connection)


@app.command()
def release(
    field: Annotated[str, typer.Argument(help="of the CRM, that a person had changed")],
    account: Customer = None,
    connection: Connection = "tryton",
    reason: Reason = None,
) -> None:
    """Give a field that a person changed back to the pipeline, for its next delivery."""
    if field not in mappings.load(connection).fields:
        raise mappings.MappingError(f"{connection}.yaml maps no field {field!r}")
    if account and not Ledger(connection).knows(account):
        raise DeliveryError(f"no plan for {connection} has a customer {account!r}")
    Controls(connection).say("release", reason=reason, field=field, account_id=account)
    whose = f"of customer {account}" if account else "of all customers"
    typer.echo(f"{field} {whose} is ours again: the next plan writes it")


@app.command()
def pause(connection: Connection = "tryton", reason: Reason = None) -> None:
    """Let nothing be planned or sent until `resume`."""
    mappings.load(connection)
    Controls(connection).say("pause", reason=reason)
    typer.echo(f"{connection} is paused: `resume --connection {connection}` ends that")


@app.command()
def resume(connection: Connection = "tryton", reason: Reason = None) -> None:
    """End a pause."""
    mappings.load(connection)
    Controls(connection).say("resume", reason=reason)
    typer.echo(f"{connection} goes on")


def refuse_other_letters(
    connection: str, account: str | None, with_discarded: bool = False
) -> None:
    """Raise DeliveryError where there is no such dead letter."""
    of = {event["account_id"] for event in dead_letters(connection, with_discarded)}
    if not of or (account and account not in of):
        what = f"no dead letter of customer {account!r}" if account else "no dead letters"
        raise DeliveryError(f"{connection} has {what}: see `dead list --connection {connection}`")


@dead.command("list")
def dead_list(connection: Connection = "tryton") -> None:
    """Customers whose values the CRM refused, and why."""
    mappings.load(connection)
    letters = dead_letters(connection)
    for reason, n in Counter(f"{e['event']}: {e['reason']}" for e in letters).most_common():
        typer.echo(f"{n:,} {reason}")
    for event in letters[:SHOWN]:
        when = f"{event['at']:%Y-%m-%d %H:%M}"
        typer.echo(f"  customer {event['account_id']} {event['reason']} since {when} UTC")
    if not letters:
        typer.echo(f"{connection} has no dead letters")


@dead.command("replay")
def dead_replay(
    account: Customer = None, connection: Connection = "tryton", reason: Reason = None
) -> None:
    """Send them again with the next plan, the CRM having been mended."""
    mappings.load(connection)
    refuse_other_letters(connection, account, with_discarded=True)
    Controls(connection).say("replay", reason=reason, account_id=account)
    typer.echo("the next plan sends them again")


@dead.command("discard")
def dead_discard(
    account: Customer = None, connection: Connection = "tryton", reason: Reason = None
) -> None:
    """Drop them from the list; they are sent when their values change."""
    mappings.load(connection)
    refuse_other_letters(connection, account)
    Controls(connection).say("discard", reason=reason, account_id=account)
    typer.echo("dropped; they are sent again when their values change")


@app.command()
def doctor(connection: Connection = "tryton") -> None:
    """Whether the CRM can be reached, lets us in, and has what the mapping names."""
    for line in examining.examined(connection):
        typer.echo(line)


@app.command()
def install(
    connection: Connection = "tryton",
    user: Annotated[str, typer.Option(help="the administrator's name, where the CRM asks")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell, and make nothing")] = False,
) -> None:
    """Make what the mapping needs in the CRM, as its administrator (Salesforce: write it down)."""
    mapping = mappings.load(connection)
    asked = installing.secret_asked(mapping)
    secret = typer.prompt(f"{asked} (it is not kept)", hide_input=True) if asked else ""
    for each in installing.install(mapping, user, secret, dry_run):
        typer.echo(f"  {'would make' if dry_run else 'made'} {each}")
    for line in ["that is all"] if dry_run else installing.left_to_do(mapping):
        typer.echo(line)


@app.command()
def status(connection: Connection = "tryton") -> None:
    """The newest plans and their states."""
    mappings.load(connection)
    plans = Ledger(connection).plans()
    if not plans:
        typer.echo(f"{connection} has no plan yet: `plan --connection {connection}` makes one")
    for made in plans[-SHOWN:]:
        note = f": {made.note}" if made.note else ""
        typer.echo(f"{headline(made)} at {made.at:%Y-%m-%d %H:%M:%S} UTC{note}")
    if pause := Controls(connection).pause():
        typer.echo(f"paused by {pause['person']}: {pause['reason'] or 'no reason given'}")


@app.command()
def tasks(connection: Connection = "tryton_tasks") -> None:
    """What people did with the tasks that were made, by playbook."""
    if mappings.load(connection).customers is None:
        raise DeliveryError(f"{connection} delivers scores, not tasks")
    found = of_tasks.acceptance(connection)
    for each in found:
        between = each.interval
        accepted = (
            f"accepted {each.share:.0%} ({between[0]:.0%} to {between[1]:.0%})"
            if each.share is not None and between
            else "none decided on yet"
        )
        typer.echo(
            f"{each.playbook}: {each.made:,} made, {each.open:,} open, {each.done:,} done, "
            f"{each.dismissed:,} dismissed, {each.gone:,} gone; {accepted}"
        )
    if not found:
        typer.echo(f"{connection} has made no task yet: `plan --connection {connection}`")


if __name__ == "__main__":
    # what goes well is told on stdout
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    command.run(app)
