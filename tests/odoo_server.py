"""A real Odoo for tests: its server and PostgreSQL, the model and the user that delivery needs."""

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.odoo import prepare, serve
from infra.odoo.archive import CannotRun
from infra.odoo.prepare import Place
from jobs.crm import odoo_install, odoo_key
from jobs.crm.access import Access
from jobs.crm.json2 import Protocol, Session
from jobs.crm.odoo import Odoo
from jobs.crm.throttle import Throttle
from jobs.settings import Settings, from_environment
from tests.conftest import free_ports

REQUEST_SECONDS = 3.0  # this server has nothing else to do: a request has ended long before
EVERY = {"active_test": False}
PARTNER = "res.partner"


@dataclass(frozen=True)
class Crm:
    """The server, its administrator, and the key of the pipeline's own user."""

    settings: Settings
    place: Place
    key: str
    installed: list[str]

    @property
    def url(self) -> str:
        return self.place.url

    @property
    def administrator(self) -> Access:
        key = self.settings.secret("odoo_admin_key")
        return Access("odoo", self.url, prepare.ADMIN, key, throttle=Throttle(1000))

    def call(self, model: str, method: str, ids: list[int] | None = None, **named: Any) -> Any:
        """As a person with all rights."""
        return Session(self.administrator).call(model, method, ids, **named)

    def adapter(
        self,
        url: str | None = None,
        secret: str | None = None,
        protocol: Protocol | None = None,
        **sizes: Any,
    ) -> Odoo:
        access = Access(
            "odoo", url or self.url, odoo_key.USER, secret or self.key, throttle=Throttle(1000)
        )
        return Odoo(Session(access, protocol=protocol), request_seconds=REQUEST_SECONDS, **sizes)

    def ids(self) -> dict[str, int]:
        """Customers by number."""
        rows = self.call(PARTNER, "search_read", domain=[["ref", "!=", False]], fields=["ref"])
        return {row["ref"]: row["id"] for row in rows}

    def has(self, keys: Collection[str]) -> None:
        """Now these are the customers, and there are no others."""
        contacts = self.call(PARTNER, "search", domain=[["parent_id.ref", "!=", False]])
        if there := [*contacts, *self.ids().values()]:
            self.call(PARTNER, "unlink", there)
        rows = [{"name": f"Household {key}", "ref": key, "city": "Boston"} for key in keys]
        self.call(PARTNER, "create", vals_list=rows)

    def edit(self, *keys: str, **values: Any) -> None:
        ids = self.ids()
        self.call(PARTNER, "write", [ids[key] for key in keys], vals=values)

    def delete(self, key: str) -> None:
        self.call(PARTNER, "unlink", [self.ids()[key]])

    def merge(self, key: str, into: str) -> None:
        """As a person does it, with the wizard `Merge`."""
        ids, wizard = self.ids(), "base.partner.merge.automatic.wizard"
        values = {
            "state": "selection",
            "partner_ids": [[6, 0, [ids[key], ids[into]]]],
            "dst_partner_id": ids[into],
        }
        made = self.call(wizard, "create", vals_list=[values])
        self.call(wizard, "action_merge", made)


@contextlib.contextmanager
def served(home: Path) -> Iterator[Crm]:
    """A server without customers; where Odoo cannot be had, the tests are told as not run."""
    here = from_environment({**os.environ, "SALES_STATE": str(home)})
    ports = free_ports(2)
    place = Place(home / "crm" / "odoo", ports, ports + 1)
    try:
        prepare.prepare(here, place)
    except CannotRun as why:
        pytest.skip(f"NOT RUN against Odoo: {why}")
    try:
        with serve.running(here, place, home / "odoo.log"):
            crm = Crm(here, place, "", [])
            installed = odoo_install.install(crm.administrator)
            key = odoo_key.new_key(crm.administrator)
            yield Crm(here, place, key, installed)
    finally:
        prepare.remove(place)
