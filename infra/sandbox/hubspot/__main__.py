"""`python -m infra.sandbox.hubspot`: a HubSpot account on this machine, for trying."""

from typing import Annotated

import typer
import uvicorn

from infra.sandbox.hubspot.account import Account
from infra.sandbox.hubspot.api import Sandbox, app
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import KEY
from infra.sandbox.listening import LOOPBACK
from jobs import command
from jobs.settings import settings

TOKEN, PERSON = "hubspot_sandbox", "hubspot_sandbox_person"
# seconds until a search finds what was created and what was changed [assumed]
LAG_CREATED, LAG_UPDATED = 10.0, 60.0
FIRST_NAMES = ("Ada", "Bo", "Chandra", "Dana", "Emre", "Fatou", "Goran", "Hana")


def contacts(count: int) -> list[dict[str, str]]:
    """Made-up contacts, numbered from 1; nobody is reached at example.com."""
    return [
        {
            KEY: str(number),
            "email": f"contact{number}@example.com",
            "firstname": FIRST_NAMES[number % len(FIRST_NAMES)],
            "lastname": f"Sample {number}",
        }
        for number in range(1, count + 1)
    ]


def main(
    port: Annotated[int | None, typer.Option(help="on this machine only")] = None,
    records: Annotated[int, typer.Option(help="made-up contacts at the start")] = 1000,
    lag_created: Annotated[
        float, typer.Option(help="s until a search finds a new one")
    ] = LAG_CREATED,
    lag_updated: Annotated[float, typer.Option(help="s until it finds a change")] = LAG_UPDATED,
    ten_seconds: Annotated[int, typer.Option(help="requests granted in 10 s")] = Limits.ten_seconds,
    daily: Annotated[int, typer.Option(help="requests granted a day")] = Limits.daily,
) -> None:
    """A double of HubSpot with made-up contacts, in memory, until Ctrl-C."""
    here = settings()
    port = port or here.sandbox_ports["hubspot"]
    account = Account(lag_created, lag_updated)
    account.start(contacts(records))
    token, person = here.make_secret(TOKEN), here.make_secret(PERSON)
    sandbox = Sandbox(account, token, person, Limits(ten_seconds=ten_seconds, daily=daily))
    typer.echo(
        f"A double of HubSpot, not HubSpot: http://{LOOPBACK}:{port}, account {account.portal}, "
        f"{records:,} made-up contacts, gone with Ctrl-C.\n"
        f"  token of the private app:  {here.secrets / TOKEN}\n"
        f"  token of the person:       {here.secrets / PERSON}, for POST /sandbox/...\n"
        f"  contacts have their number in {KEY}; docs/hubspot.md says what the double can do"
    )
    uvicorn.run(app(sandbox), host=LOOPBACK, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    command.run(main)
