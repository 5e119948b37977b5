"""`python -m infra.sandbox.salesforce`: a Salesforce organisation on this machine, for trying."""

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from infra.sandbox.listening import LOOPBACK
from infra.sandbox.salesforce import certificate, org, person
from infra.sandbox.salesforce.certificate import Pair
from infra.sandbox.salesforce.limits import DAILY_REQUESTS
from infra.sandbox.salesforce.org import CLIENT_ID
from infra.sandbox.salesforce.schema import CONTACT, KEY
from infra.sandbox.salesforce.serving import config
from jobs import command
from jobs.settings import Settings, settings

SECRET, PERSON = "salesforce_sandbox", "salesforce_sandbox_person"  # names of secrets


def home(here: Settings) -> Path:
    """Folder of its records and its certificate."""
    return here.state / "sandbox" / "salesforce"


def pair(here: Settings) -> Pair:
    """The certificate that it shows."""
    home(here).mkdir(parents=True, exist_ok=True)
    return certificate.pair(home(here))


def main(
    port: Annotated[int | None, typer.Option(help="on this machine only")] = None,
    records: Annotated[int | None, typer.Option(help="start anew with so many contacts")] = None,
    daily: Annotated[int, typer.Option(help="requests granted a day")] = DAILY_REQUESTS,
) -> None:
    """A double of Salesforce with made-up contacts; what is written there outlives it."""
    here = settings()
    port = port or here.sandbox_ports["salesforce"]
    shown = pair(here)
    secret, token = here.make_secret(SECRET), here.make_secret(PERSON)
    made = org.opened(home(here) / "org.sqlite", secret, token, daily)
    if records is None and not made.storage.numbers(CONTACT, "1", rest="limit 1"):
        records = 1000
    if records is not None:
        person.start(made, {"count": records})
    count = len(made.storage.numbers(CONTACT, "IsDeleted = 0"))
    typer.echo(
        f"A double of Salesforce, not Salesforce: https://{LOOPBACK}:{port}, "
        f"organisation {made.id}, {count:,} made-up contacts.\n"
        f"  certificate (ca_file):     {shown.certificate}\n"
        f"  consumer key (user):       {CLIENT_ID}\n"
        f"  consumer secret (secret):  {here.secrets / SECRET}\n"
        f"  token of the person:       {here.secrets / PERSON}, for POST /sandbox/...\n"
        f"  contacts have their number in {KEY}; docs/salesforce.md says what it can do"
    )
    uvicorn.Server(config(made, shown, port)).run()


if __name__ == "__main__":
    command.run(main)
