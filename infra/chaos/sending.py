"""One apply, in a process of its own: `python -m infra.chaos.sending CONNECTION PLAN`."""

import typer

from infra.chaos.adapters import BY_NAME
from jobs import command
from jobs.delivery import apply as applying
from jobs.delivery import mapping as mappings
from jobs.delivery.access import access


def main(connection: str, plan: str) -> None:
    """Send a plan; ends with 1 where it was not sent, or not all of it."""
    mapping = mappings.load(connection)
    done = applying.apply(connection, plan, BY_NAME[mapping.adapter](access(mapping)))
    typer.echo(f"{done.plan.state}: {dict(done.outcomes)}")
    raise typer.Exit(1 if done.left else 0)


if __name__ == "__main__":
    command.run(main)
