"""Any CRM that can be asked by key and written in batches over signed JSON, by configuration.

As the open interfaces of Chinese CRMs work; a program before the CRM puts its words for these:

    POST <read>   {"field": "code", "keys": ["101"], "fields": ["grade"]}
    ->            {"records": [{"id", "revision", "changed_at", "is_active", "values": {...}}]}
    POST <write>  {"records": [{"id", "values": {...}}, {"key": {"code": "201"}, "values": {...}}]}
    ->            {"results": [{"id", "code": "ok"}, ...]}, one for each record, in their order

Values are canonical texts or null, see `jobs.crm.adapter.canonical`. A write with a key makes the
record where there is none, once. docs/http.md.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    CrmError,
    Description,
    ErrorClass,
    Field,
    Quota,
    Record,
    Result,
    shown,
    untold,
)
from jobs.crm.fields import told_fields
from jobs.crm.signed import REQUEST_SECONDS, Session
from jobs.crm.writing import NoAnswer, as_one, found_out, records_of

PAGE_RECORDS = 100
OPTIONS = Options(
    ("hosts", "read", "write", "key", "fields"),
    ("creates", "batch_records", "instance", "request_seconds"),
)
CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "gone": ("conflict", "record_is_gone"),
    "moved": ("conflict", "changed_meanwhile"),
    "invalid": ("data", "not_accepted"),
    "forbidden": ("permission", "not_allowed"),
    "busy": ("transient", "busy"),
}


class Http:
    """Records of a CRM behind two paths."""

    def __init__(
        self,
        session: Session,
        options: Mapping[str, str],
        request_seconds: float = REQUEST_SECONDS,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._session, self._options = session, options
        self._request_seconds, self._page_records = request_seconds, page_records
        self._key = options["key"]
        self._batch_records = _records(options.get("batch_records", str(PAGE_RECORDS)))
        self._fields = told_fields(options["fields"])

    def describe(self) -> Description:
        # the CRM does not tell of itself: an empty question shows whether it answers
        self._session.ask(self._options["read"], {"field": self._key, "keys": [], "fields": []})
        return Description(
            system="http",
            version="1",
            instance=self._options.get("instance", "1"),
            fields=self._fields,
            enforced_keys=(self._key,),
            can_create=self._options.get("creates") == "true",
            batch_records=self._batch_records,
            page_records=self._page_records,
            request_seconds=self._request_seconds,
            can_list=False,
        )

    def quota(self) -> Quota | None:
        return None

    def newest_change(self) -> dt.datetime | None:
        return None

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        raise CrmError("data", "this CRM tells of records by key only: can_list is false")

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        found = self._among("id", ids, fields)
        return {record.id: record for record in found if record.id in ids}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {key: [] for key in keys}
        for record in self._among(field, keys, {field, *fields}):
            of = found.get(str(record.values[field]))
            if record.is_active and of is not None:
                of.append(record)
        return found

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        told: dict[str, Result] = {}
        return [told.get(r.subject, r) for r in as_one(batch, partial(self._send, told))]

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        return found_out(batch, sent_at, self._request_seconds, partial(records_of, self))

    def _send(self, told: dict[str, Result], batch: Sequence[Change]) -> list[str | None]:
        """Write what the CRM takes; `told` takes up what became of the others."""
        rows = [
            {"values": dict(c.values)}
            | ({"key": dict([c.key])} if c.record_id is None and c.key else {"id": c.record_id})
            for c in batch
        ]
        told_all = self._session.ask(self._options["write"], {"records": rows}, is_write=True)
        results = told_all.get("results") if isinstance(told_all, dict) else None
        if not isinstance(results, list) or [type(each) for each in results] != [dict] * len(batch):
            raise NoAnswer("unknown", "the answer has not one result for each record")
        for change, result in zip(batch, results, strict=True):
            if (code := result.get("code")) != "ok":
                told[change.subject] = Result(change.subject, *CODES.get(code, CODES["invalid"]))
        return [result.get("id") for result in results]

    def _among(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> Iterator[Record]:
        wanted = sorted(keys)
        for at in range(0, len(wanted), self._page_records):
            page = wanted[at : at + self._page_records]
            asked = {"field": field, "keys": page, "fields": sorted(fields)}
            answer = self._session.ask(self._options["read"], asked)
            try:
                records = [self._record(row, fields) for row in answer["records"]]
            except (KeyError, TypeError, ValueError) as error:
                raise CrmError(
                    "data",
                    f"{self._options['read']} answers in another form than docs/http.md tells: "
                    f"{type(error).__name__}",
                ) from None
            yield from records

    def _record(self, row: Mapping[str, Any], fields: Collection[str]) -> Record:
        if not isinstance(row["id"], str):
            raise TypeError("an id is a text")
        values = {name: self._value(name, row["values"][name]) for name in fields}
        at = dt.datetime.fromisoformat(row["changed_at"])
        return Record(row["id"], row["revision"], at, values, row["is_active"])

    def _value(self, name: str, told: Any) -> str | None:
        return shown(self._fields.get(name, Field(name, "text")), told)


def _records(told: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,4}", told):
        raise CrmError("data", f"server.batch_records {told!r}: write a number from 1 to 99999")
    return int(told)


def connect(access: Access) -> Http:
    """The CRM of an access; docs/http.md tells what its options say."""
    seconds = access.request_seconds(REQUEST_SECONDS)
    return Http(Session(access, seconds), access.options, seconds)
