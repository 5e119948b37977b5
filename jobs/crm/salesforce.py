"""Salesforce: records of an object with a unique external id, such as contacts.

Never run against Salesforce, only against the double in infra/sandbox/salesforce: see
docs/salesforce.md. Existing records are updated by id, so that none is made by a mistake; new ones
are upserted by the external id, so that none is made twice.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from jobs.crm.access import Access, Options
from jobs.crm.adapter import (
    Change,
    CrmError,
    Description,
    Quota,
    Record,
    Result,
    untold,
)
from jobs.crm.salesforce_bulk import Jobs
from jobs.crm.salesforce_errors import classified, reason
from jobs.crm.salesforce_files import files
from jobs.crm.salesforce_reading import Reading
from jobs.crm.salesforce_session import Connection
from jobs.crm.salesforce_values import NULL, to_json
from jobs.crm.writing import Refused, failed, found_out, not_sent, records_of

BATCH_RECORDS = 200  # of one Collections request
BULK_FROM = 2000  # Salesforce's own advice
# One of its internal batches: the time between our read and the write stays short
BULK_RECORDS = 10_000
# A transaction has 10 minutes (https://developer.salesforce.com/docs/atlas.en-us.apexcode.meta/
# apexcode/apex_gov_limits.htm)
REQUEST_SECONDS = 600.0
PAGE_RECORDS = 2000  # of one answer to a query
READ_BY_JOB_FROM = 50_000  # records: by then a job needs fewer requests than the pages
OPTIONS = Options(("object", "key"), ("api_version", "ca_file", "request_seconds"))


class Salesforce:
    """Records of one object."""

    def __init__(
        self,
        access: Access,
        request_seconds: float = REQUEST_SECONDS,
        bulk_from: int = BULK_FROM,
        read_by_job_from: int = READ_BY_JOB_FROM,
    ) -> None:
        self._connection = Connection(access)
        self._object, self._key = access.options["object"], access.options["key"]
        self._request_seconds, self._bulk_from = request_seconds, bulk_from
        self._jobs = Jobs(self._connection, self._object)
        self._reading = Reading(self._connection, self._object, self._jobs.rows, read_by_job_from)

    def describe(self) -> Description:
        told = {each["name"]: each for each in self._reading.told["fields"]}
        unique = tuple(n for n, each in told.items() if each["externalId"] and each["unique"])
        may_create = self._reading.told["createable"] and self._key in unique
        return Description(
            system="salesforce",
            version=self._connection.version,
            instance=self._reading.organisation(),
            fields=self._reading.fields,
            enforced_keys=unique,
            can_create=bool(may_create and told[self._key]["createable"]),
            batch_records=BATCH_RECORDS,
            page_records=PAGE_RECORDS,
            request_seconds=self._request_seconds,
            bulk_records=BULK_RECORDS,
            bulk_from=self._bulk_from,
        )

    def quota(self) -> Quota | None:
        told = self._connection.read(self._connection.api.limits)["DailyApiRequests"]
        return Quota(told["Max"] - told["Remaining"], told["Max"])

    def newest_change(self) -> dt.datetime | None:
        return next((record.changed_at for record in self._reading.newest()), None)

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        """A query's records are fixed when it is asked: what is written meanwhile comes old or
        new, and none is passed over, however many share an instant (they are of a second)."""
        return self._reading.since(since, fields)

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        return {record.id: record for record in self._reading.among("Id", ids, fields)}

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        """Salesforce compares text without case: a record counts for the key that is written as
        its own value is, or else for those that are alike but for case."""
        found: dict[str, list[Record]] = {key: [] for key in keys}
        alike: dict[str, list[str]] = {}
        for key in found:
            alike.setdefault(key.casefold(), []).append(key)
        for record in self._reading.among(field, keys, {field, *fields}):
            value = str(record.values[field])
            for key in [value] if value in found else alike.get(value.casefold(), []):
                found[key] += [record] if record.is_active else []
        return found

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        try:
            fields = self._reading.fields
        except CrmError as error:
            return not_sent(batch, error)
        once, twice = _once(batch)
        results = [Result(change.subject, "data", "twice_in_batch") for change in twice]
        if len(once) < self._bulk_from:
            return results + self._collected(once)
        # a cell cannot hold the text that means null there
        odd = [change for change in once if NULL in change.values.values()]
        plain = [change for change in once if NULL not in change.values.values()]
        there, new = _parted(plain)
        made = [*files(there, "update", "Id", fields), *files(new, "upsert", self._key, fields)]
        return [*results, *self._collected(odd), *self._jobs.send(made, started)]

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        results, rest = self._jobs.told(job, batch) if job else ([], list(batch))
        if not rest:
            return results
        return results + found_out(rest, sent_at, self._request_seconds, partial(records_of, self))

    def _collected(self, batch: Sequence[Change]) -> list[Result]:
        """Write by sObject Collections, updates and creates in requests of their own."""
        results: list[Result] = []
        for part, path in zip(_parted(batch), ("", f"/{self._object}/{self._key}"), strict=True):
            for at in range(0, len(part), BATCH_RECORDS):
                results += self._request(part[at : at + BATCH_RECORDS], path)
        return results

    def _request(self, part: Sequence[Change], path: str) -> list[Result]:
        body = {"allOrNone": False, "records": [self._body(change) for change in part]}
        try:
            told: Any = self._connection.write(
                lambda: self._connection.api.restful(
                    f"composite/sobjects{path}", method="PATCH", json=body
                )
            )
        except CrmError as error:
            if isinstance(error, Refused) and error.kind == "data" and len(part) > 1:
                # one that cannot be parsed spoils it for all
                middle = len(part) // 2
                return self._request(part[:middle], path) + self._request(part[middle:], path)
            return failed(part, error)
        return [_result(change, of) for change, of in zip(part, told, strict=True)]

    def _body(self, change: Change) -> dict[str, Any]:
        fields = self._reading.fields
        values = {name: to_json(fields[name].kind, of) for name, of in change.values.items()}
        key = [change.key] if change.key and change.record_id is None else []
        of = {"id": change.record_id} if change.record_id is not None else dict(key)
        return {"attributes": {"type": self._object}, **values, **of}


def connect(access: Access) -> Salesforce:
    """The object of a connection: its options name it, and its external id."""
    return Salesforce(access, access.request_seconds(REQUEST_SECONDS))


def _parted(batch: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Changes to existing records, and creates."""
    there = [change for change in batch if change.record_id is not None]
    return there, [change for change in batch if change.record_id is None]


def _once(batch: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """The first change of each record, and others of the same: results could not be told apart."""
    first: dict[tuple[str | None, object], Change] = {}
    for change in batch:
        first.setdefault((change.record_id, None if change.record_id else change.key), change)
    kept = {id(change) for change in first.values()}
    return list(first.values()), [change for change in batch if id(change) not in kept]


def _result(change: Change, told: Mapping[str, Any]) -> Result:
    if told["success"]:
        made = told["id"] if change.record_id is None else None
        return Result(change.subject, "written", "", made)
    error = told["errors"][0]
    code, named = error["statusCode"], " ".join(error.get("fields") or [])
    return Result(change.subject, classified(code), reason(code, named, change.values))
