"""HubSpot, API v3: customers are contacts, or another object, with a unique property of our own.

Changes go by record id; new records by upsert with that property, so that one sent twice is one.
HubSpot refuses no write for a record that moved since we read it.
https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    CrmError,
    Description,
    Field,
    Quota,
    Record,
    Result,
    Values,
    shown,
    untold,
)
from jobs.crm.hubspot_calls import REQUEST_SECONDS, Session, classified
from jobs.crm.hubspot_pages import BATCH_RECORDS, Pages, Row, instant_of
from jobs.crm.hubspot_values import described, to_wire
from jobs.crm.writing import as_one, became, found_out, records_of

MERGED = "hs_merged_object_ids"
TRACE = "objectWriteTraceId"  # ours, given back with a result or an error
UNIQUE_ANYWAY = {"contacts": ("email",)}  # HubSpot does not say so of its own properties
OPTIONS = Options(("key",), ("object", "request_seconds"))


class HubSpot:
    """Records of one object in a HubSpot account."""

    def __init__(
        self,
        session: Session,
        key: str,
        kind: str = "contacts",
        request_seconds: float = REQUEST_SECONDS,
        **pages: Any,
    ) -> None:
        self._session, self._key, self._kind = session, key, kind
        self._request_seconds = request_seconds
        self._pages = Pages(session, kind, **pages)
        self._fields: dict[str, Field] = {}
        self._unique: tuple[str, ...] = ()

    def describe(self) -> Description:
        self._learn()
        return Description(
            system="hubspot",
            version="v3",
            instance=self._session.portal(),
            fields=self._fields,
            enforced_keys=self._unique,
            can_create=self._key in self._unique,
            batch_records=BATCH_RECORDS,
            page_records=BATCH_RECORDS,
            request_seconds=self._request_seconds,
        )

    def quota(self) -> Quota | None:
        return self._session.quota(self._kind)

    def newest_change(self) -> dt.datetime | None:
        newest = self._pages.newest()
        return instant_of(newest) if newest else None

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        names = _asked(fields)
        rows = self._pages.since(since, names) if since else self._pages.all(names)
        for row in rows:
            yield from self._records(row, fields)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        rows = self._pages.among(ids, _asked(fields))
        found = {record.id: record for row in rows for record in self._records(row, fields)}
        # the id of a merged record leads to the one that it was merged into, among others
        return {each: found[each] for each in ids if each in found}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        self._learn()
        if field not in self._unique:
            raise CrmError(
                "data",
                f"{self._kind}.{field}: HubSpot finds by a unique property only: match by one of "
                f"{', '.join(self._unique)}",
            )
        wanted = {field, *fields}
        # e-mails are kept in small letters
        asked = {key.lower() if field == "email" else key: key for key in keys}
        found: dict[str, list[Record]] = {key: [] for key in keys}
        for row in self._pages.among(asked, _asked(wanted), by=field):
            record, *_ = self._records(row, wanted)
            # a contact's second address leads to it too, and is not what was asked for
            if key := asked.get(str(record.values[field])):
                found[key].append(record)
        return found

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        self._learn()
        there = [change for change in batch if change.record_id is not None]
        new = [change for change in batch if change.record_id is None]
        told: dict[str, Result] = {}
        results = [
            *as_one(there, partial(self._send, "update", told)),
            *as_one(new, partial(self._send, "upsert", told)),
        ]
        return [told.get(result.subject, result) for result in results]

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        return found_out(batch, sent_at, self._request_seconds, partial(records_of, self))

    def _send(
        self, verb: Literal["update", "upsert"], told: dict[str, Result], batch: Sequence[Change]
    ) -> list[str | None]:
        """Write what HubSpot takes of a batch.

        Args:
            told: takes up what became of the others.

        Returns:
            Ids of the records in the batch's order.
        """
        inputs = [self._input(number, change) for number, change in enumerate(batch)]
        answer = self._session.batch(verb, self._kind, {"inputs": inputs})
        places = {each[name]: n for n, each in enumerate(inputs) for name in ("id", TRACE)}
        ids: list[str | None] = [None] * len(batch)
        for row in answer["results"]:
            other = row["id"] if verb == "update" else row["properties"].get(self._key)
            if (place := places.get(row.get(TRACE) or other)) is not None:
                ids[place] = row["id"]
        for error in answer.get("errors", ()):
            context = error.get("context") or {}
            for name in [*context.get(TRACE, ()), *context.get("ids", ())]:
                if (place := places.get(name)) is not None:
                    subject = batch[place].subject
                    told[subject] = Result(subject, *classified(error))
        told |= self._of_the_rest(batch, ids, told)
        return ids

    def _of_the_rest(
        self, batch: Sequence[Change], ids: Sequence[str | None], told: Mapping[str, Result]
    ) -> dict[str, Result]:
        """Results of changes that the answer is silent about, as it was seen to be about records
        that are gone, and of those that another record took up."""
        pairs = list(zip(batch, ids, strict=True))
        silent = [change for change, made in pairs if not made and change.subject not in told]
        # the id led to what its record was merged into, after we had read it
        moved = [change for change, made in pairs if made and change.record_id not in (None, made)]
        return {each.subject: each for each in self._looked_up(silent)} | {
            c.subject: Result(c.subject, "conflict", "merged_meanwhile") for c in moved
        }

    def _looked_up(self, silent: Sequence[Change]) -> list[Result]:
        if not silent:
            return []
        try:
            found = records_of(self, silent)
        except CrmError:
            # the others of the batch are written: this is no failure of it
            return [Result(change.subject, "unknown", "not_told") for change in silent]
        return [became(change, found.get(change.subject)) for change in silent]

    def _input(self, number: int, change: Change) -> dict[str, Any]:
        """A change as a batch carries it; the empty text clears."""
        values = {n: to_wire(self._field(n), value) for n, value in change.values.items()}
        told = {"properties": values, TRACE: f"change-{number}"}
        if change.record_id is not None:
            return told | {"id": change.record_id}
        assert change.key, "a new record has our key"
        return told | {"id": change.key[1], "idProperty": change.key[0]}

    def _records(self, row: Row, fields: Collection[str]) -> Iterator[Record]:
        """The record, and those that were merged into it: HubSpot shows these by it only."""
        self._learn()
        at, revision, told = instant_of(row), row["updatedAt"], row["properties"]
        yield Record(row["id"], revision, at, self._values(told, fields))
        for merged in filter(None, (told.get(MERGED) or "").split(";")):
            nothing = dict.fromkeys(fields)
            yield Record(merged, revision, at, nothing, is_active=False, merged_into=row["id"])

    def _values(self, told: Mapping[str, str | None], names: Collection[str]) -> Values:
        return {name: shown(self._field(name), told.get(name)) for name in names}

    def _field(self, name: str) -> Field:
        return self._fields.get(name, Field(name, "text"))

    def _learn(self) -> None:
        """The object's properties, once."""
        if self._fields:
            return
        told = self._session.properties(self._kind)
        own = (each["name"] for each in told if each.get("hasUniqueValue"))
        self._unique = (*own, *UNIQUE_ANYWAY.get(self._kind, ()))
        self._fields = {each["name"]: described(each) for each in told}


def connect(access: Access) -> HubSpot:
    """The records of `options.object` in an account; `options.key` is our unique property."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    session = Session(access.url, access.secret, access.throttle, seconds)
    kind = access.options.get("object", "contacts")
    return HubSpot(session, access.options["key"], kind, seconds)


def _asked(fields: Collection[str]) -> list[str]:
    return sorted({*fields, MERGED})
