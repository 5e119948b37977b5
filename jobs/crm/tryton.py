"""Tryton 8.0: customers are `party.party`; their `code` is unique.

A write is one transaction and carries each record's `_timestamp`: an edit between our read and our
write refuses it, so none is lost.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    Description,
    Quota,
    Record,
    Result,
    Values,
    by_key,
    untold,
)
from jobs.crm.jsonrpc import REQUEST_SECONDS, Session, to_wire
from jobs.crm.tryton_reading import Reader
from jobs.crm.writing import as_one, found_out, records_of

BATCH_RECORDS = 250  # 0.3 s of one transaction; the CRM's other users wait no longer than that
PAGE_RECORDS = 1000
OPTIONS = Options(others=("request_seconds",))


class Tryton:
    """Parties of a Tryton database."""

    model, key = "party.party", "code"

    def __init__(
        self,
        session: Session,
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ):
        self._session, self._request_seconds = session, request_seconds
        self._page_records = page_records
        self._reader = Reader(session, self.model, page_records)

    def describe(self) -> Description:
        asked = ("token", "may_create")
        [told] = self._session.call("model.sales_scores.instance.read", [1], asked)
        return Description(
            system="tryton",
            version=self._session.version(),
            instance=told["token"],
            fields=self._reader.fields,
            enforced_keys=(self.key,),
            can_create=self.can_create(told["may_create"]),
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
            is_conditional=True,
        )

    def can_create(self, customers: bool) -> bool:
        """Whether we may make records of the model.

        Args:
            customers: whether we may make customers.
        """
        return customers

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        return self._reader.newest_change()

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        return self._reader.read(fields, since)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        wanted = sorted(int(each) for each in ids)
        return {r.id: r for r in self._reader.among("id", wanted, fields, every=True)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        return by_key(field, keys, self._reader.among(field, sorted(keys), {field, *fields}))

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        there = [change for change in batch if change.record_id is not None]
        new = [change for change in batch if change.record_id is None]
        return [*as_one(there, self._write), *as_one(new, self._create)]

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        return found_out(batch, sent_at, self._request_seconds, partial(records_of, self))

    def _write(self, batch: Sequence[Change]) -> None:
        pairs = [part for change in batch for part in ([_id(change)], self._to_wire(change.values))]
        stamps = {f"{self.model},{change.record_id}": change.revision for change in batch}
        self._session.call(f"model.{self.model}.write", *pairs, context={"_timestamp": stamps})

    def _create(self, batch: Sequence[Change]) -> list[str | None]:
        rows = [self._to_wire({**dict([c.key] if c.key else []), **c.values}) for c in batch]
        return [str(made) for made in self._session.call(f"model.{self.model}.create", rows)]

    def _to_wire(self, values: Values) -> dict[str, Any]:
        fields = self._reader.fields
        return {name: to_wire(fields[name].kind, value) for name, value in values.items()}


def connect(access: Access) -> Tryton:
    """Customers of the Tryton that an access leads to."""
    return opened(access, Tryton)


def opened(access: Access, kind: type[Tryton]) -> Tryton:
    """Records of a kind of the Tryton that an access leads to."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    return kind(Session(access.url, access.user, access.secret, seconds, access.throttle), seconds)


def objects(access: Access, name: str, only: Sequence[Any]) -> Reader | None:
    """Records of another model, of a domain; null: no module with that model is activated."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    session = Session(access.url, access.user, access.secret, seconds, access.throttle)
    known = session.call("model.ir.model.search", [["name", "=", name]], 0, 1, None)
    return Reader(session, name, PAGE_RECORDS, only) if known else None


def _id(change: Change) -> int:
    assert change.record_id is not None
    return int(change.record_id)
