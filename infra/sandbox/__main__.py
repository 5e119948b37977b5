"""`python -m infra.sandbox CRM`: a CRM on this machine to try a mapping on, until Ctrl-C.

Salesforce and HubSpot are doubles, Odoo and Tryton the real servers. Each but Tryton, which is the
one of these services, is led to by a connection of its own, made of the company's mapping.
"""

import os
import shlex
import signal
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml

from infra import health, state
from infra.odoo import prepare as odoo
from infra.odoo import serve as odoo_server
from infra.sandbox.hubspot import __main__ as hubspot
from infra.sandbox.leading import SHIPPED, UNLIMITED, led_to
from infra.sandbox.listening import LOOPBACK
from infra.sandbox.salesforce import __main__ as salesforce
from infra.tryton import serve as tryton
from jobs import command, reviewed
from jobs.crm import odoo_install, odoo_key
from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.json2 import Session
from jobs.delivery import mapping as mappings
from jobs.settings import Settings, settings

ODOO_KEY = "odoo_sandbox"  # name of a secret
CUSTOMERS = 100  # that are made up in an empty Odoo
HEAD = "# Leads to `make sandbox CRM={}`. Change it as you like; deleted, it is made anew.\n"


class Crm(StrEnum):
    salesforce = "salesforce"
    hubspot = "hubspot"
    odoo = "odoo"
    tryton = "tryton"


class Taken(Exception):
    """The port on which the sandbox would listen is another's."""


class Broken(Exception):
    """A connection of which no sandbox's can be made."""


def connected(here: Settings, crm: Crm, server: Mapping[str, str]) -> Path:
    """The connection that leads to a sandbox; the mapping of one that is there stays as it is.

    Args:
        server: what differs from the company's own, such as the address.
    """
    path = here.state / "sandbox" / "connections" / f"{crm}_sandbox.yaml"
    of_the_company = here.connections / f"{crm}.yaml"
    sources = (path, of_the_company, SHIPPED / f"{crm}.yaml")
    source = next(each for each in sources if each.exists())
    try:
        before = mappings.parse(source.stem, reviewed.text_of(source)).server
    except (mappings.MappingError, reviewed.NoYaml) as error:
        raise Broken(f"{source}: {error}; mend it, or delete it") from None
    if source != path or not server.items() <= before.items():
        told = led_to(server, source, {} if source == path else UNLIMITED)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.format(crm) + yaml.safe_dump(told, sort_keys=False))
    return path


def tell(connection: str, folder: Path | None = None) -> None:
    """The next commands, for another terminal."""
    where = f"CRM_CONNECTIONS={shlex.quote(str(folder))} " if folder else ""
    typer.echo("Try a mapping, in another terminal:")
    for word in ("doctor", "plan", "apply"):
        typer.echo(f'  {where}make crm C="{word} --connection {connection}"')


def told_of(path: Path) -> None:
    typer.echo(f"The connection {path.stem}, with its mapping: {path}")
    tell(path.stem, path.parent)


def of_salesforce(here: Settings, port: int) -> None:
    """Our double, over TLS."""
    server = {
        "url": f"https://{LOOPBACK}:{port}",
        "user": salesforce.CLIENT_ID,
        "secret": salesforce.SECRET,
        "ca_file": str(salesforce.pair(here).certificate),
    }
    told_of(connected(here, Crm.salesforce, server))
    salesforce.main(port)


def of_hubspot(here: Settings, port: int) -> None:
    """Our double."""
    server = {"url": f"http://{LOOPBACK}:{port}", "secret": hubspot.TOKEN}
    told_of(connected(here, Crm.hubspot, server))
    hubspot.main(port)


def of_odoo(here: Settings, port: int) -> None:
    """The real server; fields and the delivery's user are made in it, and a few customers."""
    free(port + 1)
    place = odoo.Place(here.state / "crm" / "odoo", port, database_port=port + 1)
    odoo.prepare(here, place)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with odoo_server.running(here, place, place.home / "odoo.log") as process:
        admin = Access("odoo", place.url, odoo.ADMIN, here.secret("odoo_admin_key"))
        odoo_install.install(admin)
        with_key(here, admin)
        with_customers(admin)
        typer.echo(
            f"Odoo {odoo.version(here)}: {place.url}, until Ctrl-C.\n"
            f"  log in as {odoo.ADMIN} with:  {here.secrets / 'odoo_admin'}\n"
            f"  the delivery's API key:   {here.secrets / ODOO_KEY}"
        )
        told_of(connected(here, Crm.odoo, {"url": place.url, "secret": ODOO_KEY}))
        sys.stdout.flush()
        process.wait()


def of_tryton(here: Settings, port: int) -> None:
    """The real server of these services, over their database; `make demo` fills it."""
    typer.echo(
        f"Tryton: {here.crm_url}, until Ctrl-C; the CRM of these services itself.\n"
        f"  log in as admin with:  {here.secrets / 'crm_admin'}\n"
        f"  the delivery's:        {here.secrets / 'crm_pipeline'}"
    )
    tell("tryton")
    sys.stdout.flush()
    tryton.main()


def free(port: int) -> None:
    """Raise Taken where somebody listens already."""
    if not health.port(port):
        raise Taken(
            f"port {port} is taken: another sandbox, or the service itself, runs there already"
        )


def keep(here: Settings, name: str, secret: str) -> None:
    """Write a secret down as those are that we make ourselves."""
    with os.fdopen(
        os.open(here.secrets / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w"
    ) as file:
        file.write(secret)


def with_key(here: Settings, admin: Access) -> None:
    """The delivery's, made anew where Odoo does not know the one that is kept."""
    if not works(here, admin.url):
        keep(here, ODOO_KEY, odoo_key.new_key(admin))


def works(here: Settings, url: str) -> bool:
    """Whether the delivery's key is there and Odoo knows it: its database may be a new one."""
    if not here.has_secret(ODOO_KEY):
        return False
    key = here.secret(ODOO_KEY)
    try:
        Session(Access("odoo", url, odoo_key.USER, key)).call("res.users", "context_get")
    except CrmError as error:
        if error.kind != "permission":
            raise
        return False
    return True


def with_customers(admin: Access) -> None:
    """Made-up ones, numbered from 1, where there are none."""
    session = Session(admin)
    if session.call("res.partner", "search", domain=[["ref", "!=", False]], limit=1):
        return
    rows = [{"name": f"Sample {n}", "ref": str(n)} for n in range(1, CUSTOMERS + 1)]
    session.call("res.partner", "create", vals_list=rows)


STARTS = {
    Crm.salesforce: of_salesforce,
    Crm.hubspot: of_hubspot,
    Crm.odoo: of_odoo,
    Crm.tryton: of_tryton,
}


def main(
    crm: Annotated[Crm, typer.Argument(help="which one")],
    port: Annotated[
        int | None,
        typer.Option(
            min=1024, max=65_534, help="of this machine; Odoo's database has the next; not Tryton's"
        ),
    ] = None,
) -> None:
    """Start a CRM for trying, with a connection that leads to it, until Ctrl-C."""
    here = settings()
    state.claim(here)
    ports = {**here.sandbox_ports, Crm.tryton: here.crm_port}
    chosen = port if port and crm != Crm.tryton else ports[crm]
    free(chosen)
    STARTS[crm](here, chosen)


if __name__ == "__main__":
    command.run(main)
