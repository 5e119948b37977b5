"""Odoo 19, and older ones by their JSON-RPC: customers are `res.partner`, known by their `ref`.

Scores lie in a model of their own, a row per partner (`odoo_install`): they change daily and all
differ, and Odoo writes 20 times as many of them there as into partners. What people filter by,
bands, the segment and the next action, are fields of the partner.
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    CrmError,
    Description,
    Quota,
    Record,
    Result,
    by_key,
    untold,
)
from jobs.crm.json2 import REQUEST_SECONDS, Session
from jobs.crm.odoo_objects import OdooObjects, has
from jobs.crm.odoo_reading import Reader, and_late, as_of_sending
from jobs.crm.odoo_values import MODULE, PARTNER
from jobs.crm.odoo_writing import Writer, made_before
from jobs.crm.writing import by_subject, found_out

KEY = "ref"
# Contacts and addresses of a customer are partners too, and so are those who log in
CUSTOMERS = (("parent_id", "=", False), ("partner_share", "=", True))
BATCH_RECORDS = 1000  # 0.5 s of one transaction
PAGE_RECORDS = 1000
OPTIONS = Options(others=("database", "key", "customers", "request_seconds"))


class Odoo:
    """Partners of an Odoo database, each with its score.

    Args:
        key: field by which a partner is made.
        customers: domain of the partners that are customers.
    """

    def __init__(
        self,
        session: Session,
        key: str = KEY,
        customers: Sequence[Any] = CUSTOMERS,
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._session, self._key, self._customers = session, key, customers
        self._request_seconds, self._page_records = request_seconds, page_records
        self._reader = Reader(session, page_records)

    def describe(self) -> Description:
        return Description(
            system="odoo",
            version=self._session.version(),
            instance=instance(self._session),
            fields=self._reader.fields,
            # the external id that a partner is made by is made of it
            enforced_keys=(self._key,),
            can_create=may(self._session, "create", PARTNER)
            and may(self._session, "read", "ir.model.data"),
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        return self._reader.newest(self._all())

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        def written(at: dt.datetime | None) -> Iterator[Record]:
            domain = [] if at is None else self._reader.written_since(at)
            return self._reader.by_id([*self._all(), *domain], fields)

        began = self.newest_change()
        if began is not None:
            yield from and_late(written, since, began)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        wanted = sorted(int(each) for each in ids)
        return {r.id: r for r in self._reader.among("id", wanted, [], fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        active = [*self._all(), ["active", "=", True]]
        found = self._reader.among(field, sorted(keys), active, {field, *fields})
        return by_key(field, keys, found)

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        return Writer(self._session, self._reader.fields).write(batch)

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        return found_out(batch, sent_at, self._request_seconds, self._look)

    def _look(self, batch: Sequence[Change]) -> dict[str, Record]:
        names = sorted({name for change in batch for name in change.values})
        there = self.get({c.record_id for c in batch if c.record_id is not None}, names)
        new = [change for change in batch if change.record_id is None]
        made = made_before(self._session, new) if new else {}
        rows = self.get({str(each) for each in made.values()}, names)
        found = by_subject(batch, there)
        found |= {subject: rows[str(at)] for subject, at in made.items() if str(at) in rows}
        changes = {change.subject: change for change in batch}
        seen = {subject: as_of_sending(r, changes[subject]) for subject, r in found.items()}
        return {subject: record for subject, record in seen.items() if record is not None}

    def _all(self) -> list[Any]:
        return [*self._customers, ["id", "not in", self._reader.no_customers]]


def may(session: Session, what: str, model: str) -> bool:
    """Whether the user has a right to a model as a whole."""
    return bool(session.call(model, "has_access", [], operation=what))


def instance(session: Session) -> str:
    """What `install` named this database; without it, when its first company was made."""
    domain = [["module", "=", MODULE], ["name", "=like", "instance_%"]]
    if may(session, "read", "ir.model.data"):
        named = session.call("ir.model.data", "search_read", domain=domain, fields=["name"])
        for row in named:
            return str(row["name"])
    company = session.call(
        "res.company", "search_read", domain=[], fields=["create_date"], order="id", limit=1
    )
    return f"{session.database} of {company[0]['create_date']}"


def connect(access: Access) -> Odoo:
    """The pipeline's own user; who is a customer may be told by a domain, as JSON.

    Raises:
        CrmError: it is no domain.
    """
    told = access.options.get("customers")
    try:
        customers = json.loads(told) if told else CUSTOMERS
    except ValueError:
        raise CrmError(
            "data",
            f"{access.connection}: server.customers {told!r} is no JSON: write a domain such as "
            f"{json.dumps(CUSTOMERS)}",
        ) from None
    seconds = access.request_seconds(REQUEST_SECONDS)
    return Odoo(Session(access, seconds), access.options.get("key", KEY), customers, seconds)


def objects(access: Access, name: str, only: Sequence[Any]) -> OdooObjects | None:
    """Records of another model, of a domain; null: no module with that model is installed."""
    session = Session(access, access.request_seconds(REQUEST_SECONDS))
    return OdooObjects(session, name, only, PAGE_RECORDS) if has(session, name) else None
