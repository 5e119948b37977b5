"""Tryton's records, of customers and of other models, page by page."""

import datetime as dt
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from jobs.crm.adapter import Field, Kind, Record, Values, canonical
from jobs.crm.jsonrpc import Session, from_wire, to_wire
from jobs.crm.objects import refuse_unknown

# Where the instant of the last write stands: a record that was only created has no `write_date`.
# In this order, so that one written for the first time while we read is met again, not missed.
INSTANTS = {
    "create_date": ["write_date", "=", None],
    "write_date": ["write_date", "!=", None],
}
OF_EVERY_RECORD = ("_timestamp", "create_date", "write_date")
WHERE_THERE = ("active", "replaced_by")  # of some models only
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
    "many2one": "integer",  # the id of the record that it leads to
}


class Reader:
    """Reads one model by one session; what Tryton says of its fields is asked once.

    Args:
        only: domain of the records that are read.
    """

    def __init__(
        self, session: Session, model: str, page_records: int, only: Sequence[Any] = ()
    ) -> None:
        self._session, self._model = session, model
        self._page_records, self._only = page_records, list(only)

    @cached_property
    def fields(self) -> dict[str, Field]:
        told = self._session.call(f"model.{self._model}.fields_get", [])
        return {name: _field(name, of) for name, of in told.items()}

    def newest_change(self) -> dt.datetime | None:
        newest = [
            record.changed_at
            for instant, have_it in INSTANTS.items()
            for record in self._search([have_it, *self._all()], [], [[instant, "DESC"]], 1)
        ]
        return max(newest, default=None)

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        refuse_unknown(f"Tryton's {self._model}", self.fields, fields)
        if since is None:
            yield from self._by_id(fields)
            return
        for instant in INSTANTS:
            yield from self._in_time(instant, fields, since)

    def among(
        self, field: str, wanted: Sequence[Any], fields: Collection[str], every: bool = False
    ) -> Iterator[Record]:
        """Records by the values of a field; with `every` inactive ones too."""
        more = self._all() if every else self._only
        for at in range(0, len(wanted), self._page_records):
            page = wanted[at : at + self._page_records]
            yield from self._search([[field, "in", page], *more], fields)

    def _all(self) -> list[Any]:
        return [*self._only, *([EVERY] if "active" in self.fields else [])]

    def _by_id(self, fields: Collection[str]) -> Iterator[Record]:
        """All records: ids do not move, so none is missing, whatever the CRM's clock does."""
        last = 0
        while page := self._search([["id", ">", last], *self._all()], fields):
            yield from page
            last = int(page[-1].id)

    def _in_time(
        self, instant: str, fields: Collection[str], since: dt.datetime
    ) -> Iterator[Record]:
        """Records by instant and id: what is written while we read moves to the end of the order,
        where we have not been yet."""
        order = [[instant, "ASC"], ["id", "ASC"]]
        after: list[Any] = [instant, ">=", _instant(since)]
        while page := self._search([INSTANTS[instant], after, *self._all()], fields, order):
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
        of = {name: self.fields.get(name) or Field(name, "text") for name in fields}
        own = [*OF_EVERY_RECORD, *(name for name in WHERE_THERE if name in self.fields)]
        rows = self._session.call(
            f"model.{self._model}.search_read",
            *(domain, 0, limit or self._page_records, order, [*fields, *own]),
        )
        return [
            Record(
                id=str(row["id"]),
                revision=row["_timestamp"],
                changed_at=from_wire(row["write_date"] or row["create_date"]),
                values=_values(row, of),
                is_active=bool(row.get("active", True)),
                merged_into=str(row["replaced_by"]) if row.get("replaced_by") else None,
            )
            for row in rows
        ]


def _instant(at: dt.datetime) -> Any:
    return to_wire("timestamp", at.isoformat())


def _values(row: Mapping[str, Any], of: Mapping[str, Field]) -> Values:
    return {name: canonical(field, from_wire(_shown(row, name))) for name, field in of.items()}


def _shown(row: Mapping[str, Any], name: str) -> Any:
    """A field of the record, or of one that it leads to; of `addresses.street` and its like that
    of the first address."""
    link, dot, field = name.partition(".")
    if not dot:
        return row[name]
    related = row[f"{link}."]
    if isinstance(related, list):
        related = next(iter(related), None)
    return _shown(related, field) if related else None


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
