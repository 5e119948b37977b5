"""Tryton 8.0: customers are `party.party`; their `code` is unique.

A write is one transaction and carries each record's `_timestamp`: an edit between our read and our
write refuses it, so none is lost.
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jobs.crm.access import Access
from jobs.crm.adapter import (
    Change,
    Description,
    Field,
    Kind,
    Quota,
    Record,
    Result,
    Values,
    canonical,
    untold,
)
from jobs.crm.jsonrpc import REQUEST_SECONDS, Session, from_wire, to_wire
from jobs.crm.writing import as_one, found_out, records_of

MODEL = "party.party"
KEY = "code"
BATCH_RECORDS = 250  # 0.3 s of one transaction; the CRM's other users wait no longer than that
PAGE_RECORDS = 1000

# Where the instant of the last write stands: a record that was only created has no `write_date`.
# In this order, so that one written for the first time while we read is met again, not missed.
INSTANTS = {
    "create_date": ["write_date", "=", None],
    "write_date": ["write_date", "!=", None],
}
OF_EVERY_RECORD = ("active", "replaced_by", "_timestamp", "create_date", "write_date")
# Inactive ones too. Tryton's `active_test` would also show the inactive contacts of active ones.
EVERY = ["active", "in", [True, False]]

KINDS: Mapping[str, Kind] = {
    "char": "text",
    "text": "text",
    "numeric": "number",
    "float": "number",
    "integer": "integer",
    "date": "date",
    "datetime": "timestamp",
    "timestamp": "timestamp",
    "boolean": "boolean",
    "selection": "choice",
}


class Tryton:
    """Parties of a Tryton database."""

    def __init__(
        self,
        session: Session,
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ):
        self._session, self._request_seconds = session, request_seconds
        self._page_records = page_records
        self._fields: dict[str, Field] = {}

    def describe(self) -> Description:
        asked = ("token", "may_create")
        [told] = self._session.call("model.sales_scores.instance.read", [1], asked)
        return Description(
            system="tryton",
            version=self._session.version(),
            instance=told["token"],
            fields=self._described(),
            enforced_keys=(KEY,),
            can_create=told["may_create"],
            batch_records=BATCH_RECORDS,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
            is_conditional=True,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        newest = [
            record.changed_at
            for instant, have_it in INSTANTS.items()
            for record in self._search([have_it, EVERY], [], [[instant, "DESC"]], 1)
        ]
        return max(newest, default=None)

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        if since is None:
            yield from self._by_id(fields)
            return
        for instant in INSTANTS:
            yield from self._in_time(instant, fields, since)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        wanted = sorted(int(each) for each in ids)
        return {r.id: r for r in self._paged(["id", "in"], wanted, [EVERY], fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {key: [] for key in keys}
        for record in self._paged([field, "in"], sorted(found), [], {field, *fields}):
            found[str(record.values[field])].append(record)
        return found

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
        stamps = {f"{MODEL},{change.record_id}": change.revision for change in batch}
        self._session.call(f"model.{MODEL}.write", *pairs, context={"_timestamp": stamps})

    def _create(self, batch: Sequence[Change]) -> list[str | None]:
        rows = [self._to_wire({**dict([c.key] if c.key else []), **c.values}) for c in batch]
        return [str(made) for made in self._session.call(f"model.{MODEL}.create", rows)]

    def _to_wire(self, values: Values) -> dict[str, Any]:
        fields = self._described()
        return {name: to_wire(fields[name].kind, value) for name, value in values.items()}

    def _paged(
        self,
        among: Sequence[str],
        wanted: Sequence[Any],
        domain: Sequence[Any],
        fields: Collection[str],
    ) -> Iterator[Record]:
        for at in range(0, len(wanted), self._page_records):
            page = wanted[at : at + self._page_records]
            yield from self._search([[*among, page], *domain], fields)

    def _by_id(self, fields: Collection[str]) -> Iterator[Record]:
        """All records: ids do not move, so none is missing, whatever the CRM's clock does."""
        last = 0
        while page := self._search([["id", ">", last], EVERY], fields):
            yield from page
            last = int(page[-1].id)

    def _in_time(
        self, instant: str, fields: Collection[str], since: dt.datetime
    ) -> Iterator[Record]:
        """Records by instant and id: what is written while we read moves to the end of the order,
        where we have not been yet."""
        order = [[instant, "ASC"], ["id", "ASC"]]
        after: list[Any] = [instant, ">=", _instant(since)]
        while page := self._search([INSTANTS[instant], after, EVERY], fields, order):
            yield from page
            at, last = _instant(page[-1].changed_at), int(page[-1].id)
            after = ["OR", [instant, ">", at], [[instant, "=", at], ["id", ">", last]]]

    def _search(
        self,
        domain: Sequence[Any],
        fields: Collection[str],
        order: Sequence[Sequence[str]] = (("id", "ASC"),),
        limit: int | None = None,
    ) -> list[Record]:
        known = self._described()
        rows = self._session.call(
            f"model.{MODEL}.search_read",
            *(domain, 0, limit or self._page_records, order, [*fields, *OF_EVERY_RECORD]),
        )
        return [
            Record(
                id=str(row["id"]),
                revision=row["_timestamp"],
                changed_at=from_wire(row["write_date"] or row["create_date"]),
                values=_values(row, fields, known),
                is_active=bool(row["active"]),
                merged_into=str(row["replaced_by"]) if row["replaced_by"] else None,
            )
            for row in rows
        ]

    def _described(self) -> dict[str, Field]:
        if not self._fields:
            told = self._session.call(f"model.{MODEL}.fields_get", [])
            self._fields = {name: _field(name, of) for name, of in told.items()}
        return self._fields


def connect(access: Access) -> Tryton:
    """Customers of the Tryton that an access leads to."""
    return Tryton(Session(access.url, access.user, access.secret, throttle=access.throttle))


def _id(change: Change) -> int:
    assert change.record_id is not None
    return int(change.record_id)


def _instant(at: dt.datetime) -> Any:
    return to_wire("timestamp", at.isoformat())


def _values(row: Mapping[str, Any], names: Collection[str], known: Mapping[str, Field]) -> Values:
    return {
        name: canonical(known.get(name, Field(name, "text")), from_wire(_shown(row, name)))
        for name in names
    }


def _shown(row: Mapping[str, Any], name: str) -> Any:
    """A field of the record; of `addresses.street` and its like that of the first address."""
    many, dot, field = name.partition(".")
    if not dot:
        return row[name]
    return next((related[field] for related in row[f"{many}."]), None)


def _field(name: str, told: Mapping[str, Any]) -> Field:
    kind = KINDS.get(told["type"], "other")
    options = told.get("selection") if kind == "choice" else None
    digits = json.loads(told.get("digits") or "null")
    return Field(
        name=name,
        kind=kind,
        length=told["size"] if isinstance(told.get("size"), int) else None,
        scale=digits[1] if isinstance(digits, list) and isinstance(digits[1], int) else None,
        choices=tuple(o[0] for o in options if o[0]) if isinstance(options, list) else (),
        is_writable=not told.get("readonly", False),
    )
