"""Tryton 8.0: customers are `party.party`, found by their unique `code`; update-only.

A write is one transaction and carries each record's `_timestamp`: an edit between our read and our
write refuses it, so none is lost.
"""

import datetime as dt
import itertools
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from jobs.crm.adapter import (
    CrmError,
    Description,
    Field,
    Kind,
    Outcome,
    Record,
    Result,
    Update,
    Values,
    canonical,
)
from jobs.crm.jsonrpc import REQUEST_SECONDS, NoAnswer, Refused, Session, from_wire, to_wire
from jobs.settings import settings

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
OF_EVERY_RECORD = (KEY, "_timestamp", "create_date", "write_date")
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
        token = self._session.call("model.sales_scores.instance.read", [1], ["token"])
        return Description(
            system="tryton",
            version=self._session.version(),
            instance=token[0]["token"],
            fields=self._described(),
            enforced_keys=(KEY,),
            can_create=False,
            batch_records=BATCH_RECORDS,
            request_seconds=self._request_seconds,
        )

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

    def match(self, keys: Collection[str], fields: Collection[str]) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {key: [] for key in keys}
        wanted = sorted(found)
        for at in range(0, len(wanted), self._page_records):
            page = self._search([[KEY, "in", wanted[at : at + self._page_records]]], fields)
            for record in page:
                found[str(record.key)].append(record)
        return found

    def write(self, batch: Sequence[Update]) -> list[Result]:
        try:
            self._write(batch)
        except NoAnswer:
            return [Result(u.key, "unknown", "answer_lost") for u in batch]
        except CrmError as error:
            if isinstance(error, Refused) and error.kind != "transient" and len(batch) > 1:
                # one record spoils the transaction of all: halve until it stands alone
                middle = len(batch) // 2
                return [*self.write(batch[:middle]), *self.write(batch[middle:])]
            return [Result(u.key, error.kind, str(error)) for u in batch]
        return [Result(u.key, "written") for u in batch]

    def poll(self, batch: Sequence[Update], sent_at: dt.datetime) -> list[Result]:
        """Reads by key: what is visible is certain at once, what is not only after the longest time
        that a request can take."""
        decided_at = sent_at + dt.timedelta(seconds=self._request_seconds)
        fields = sorted({name for update in batch for name in update.values})
        for wait in itertools.chain((0.5, 0.5, 1.0), itertools.repeat(2.0)):
            is_over = dt.datetime.now(dt.UTC) >= decided_at
            found = self.match([u.key for u in batch], fields)
            results = [Result(u.key, *_became(u, found[u.key])) for u in batch]
            if is_over or all(r.outcome == "written" for r in results):
                return results
            left = (decided_at - dt.datetime.now(dt.UTC)).total_seconds()
            time.sleep(min(wait, max(left, 0.0)))
        raise AssertionError("unreachable")

    def _write(self, batch: Sequence[Update]) -> None:
        fields = self._described()
        pairs = [
            part
            for u in batch
            for part in ([int(u.id)], {n: to_wire(fields[n].kind, v) for n, v in u.values.items()})
        ]
        stamps = {f"{MODEL},{u.id}": u.revision for u in batch}
        self._session.call(f"model.{MODEL}.write", *pairs, context={"_timestamp": stamps})

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
                key=row[KEY],
                revision=row["_timestamp"],
                changed_at=from_wire(row["write_date"] or row["create_date"]),
                values=_values(row, fields, known),
            )
            for row in rows
        ]

    def _described(self) -> dict[str, Field]:
        if not self._fields:
            told = self._session.call(f"model.{MODEL}.fields_get", [])
            self._fields = {name: _field(name, of) for name, of in told.items()}
        return self._fields


def connect() -> Tryton:
    """The pipeline's own user in the CRM of the settings."""
    return Tryton(Session(settings().crm_url, "pipeline", settings().secret("crm_pipeline")))


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


def _became(update: Update, found: Sequence[Record]) -> tuple[Outcome, str]:
    if len(found) != 1:
        return "conflict", "record_is_gone"
    if all(found[0].values[name] == value for name, value in update.values.items()):
        return "written", "found_after_lost_answer"
    if found[0].revision == update.revision:
        return "transient", "not_written"
    # ours may have come before the other's: it counts as ours, and is not sent again
    return "unknown", "changed_after_lost_answer"
