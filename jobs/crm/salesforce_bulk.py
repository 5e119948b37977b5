"""Salesforce's Bulk API 2.0: jobs that write a file of records, and jobs that read many.

A job runs from the word UploadComplete on and not before: up to there a lost answer means that
nothing was done, after it the job itself tells what was.
https://developer.salesforce.com/docs/platform/api-asynch/guide/bulk-api-2-0.html
"""

import csv
import datetime as dt
import io
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from simple_salesforce.util import call_salesforce

from jobs.crm.adapter import Change, CrmError, Result
from jobs.crm.salesforce_errors import classified, of_cell, of_job, reason
from jobs.crm.salesforce_files import File, known_by
from jobs.crm.salesforce_session import Connection
from jobs.crm.writing import Refused, not_sent

PAGE_RECORDS = 50_000  # of one answer to a query job
FIRST_WAITS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)  # seconds between looks at a job
LATER_WAIT = 5.0
JOB_HOURS = 24.0  # no job runs longer
ORPHAN_MINUTES = 60.0  # one that is open for so long was left by a run that was killed

OVER = frozenset({"JobComplete", "Failed", "Aborted"})
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")

log = logging.getLogger(__name__)


class Jobs:
    """Jobs of one object."""

    def __init__(self, connection: Connection, sobject: str) -> None:
        self._connection, self._object = connection, sobject
        self._url = connection.api.bulk2_url
        self._is_swept = False

    def send(self, files: Sequence[File], started: Callable[[str], None]) -> list[Result]:
        """Write files, a job each; `started` is told of all of them at once, as one name."""
        jobs: list[str] = []
        try:
            jobs += (self._create(file) for file in files)
        except CrmError as error:
            for job in jobs:
                self._abort(job)
            meant = [change for file in files for change in file.changes]
            return not_sent(meant, CrmError("transient", f"no_job: {error}"))
        started("+".join(jobs))
        return [r for job, file in zip(jobs, files, strict=True) for r in self._run(job, file)]

    def told(self, names: str, batch: Sequence[Change]) -> tuple[list[Result], list[Change]]:
        """What became of a batch by its jobs: results, and changes of which no job tells."""
        results: list[Result] = []
        has_run = False
        for job in names.split("+"):
            if self._is_open(job):
                self._abort(job)
                continue
            has_run = True
            results += self._results(job, batch)
        known = {result.subject for result in results}
        rest = [change for change in batch if change.subject not in known]
        if not has_run:
            return [Result(c.subject, "transient", "job_not_started") for c in rest], []
        return results, rest

    def rows(self, soql: str) -> Iterator[dict[str, str]]:
        """Answer a query, deleted records included."""
        wanted = {"operation": "queryAll", "query": soql}
        job = self._read("POST", "query", json=wanted).json()["id"]
        info = self._over(f"query/{job}")
        if info["state"] != "JobComplete":
            raise CrmError("transient", f"query job {job} ended as {info['state']}")
        locator: str | None = ""
        while locator is not None:
            asked = {"maxRecords": PAGE_RECORDS} | ({"locator": locator} if locator else {})
            page = self._read("GET", f"query/{job}/results?{urlencode(asked)}")
            yield from _table(page.content)
            locator = page.headers.get("Sforce-Locator", "null")
            locator = None if locator == "null" else locator

    def _create(self, file: File) -> str:
        wanted = {"object": self._object, "operation": file.operation, "contentType": "CSV"}
        wanted |= {"columnDelimiter": "COMMA", "lineEnding": "LF"}
        if file.operation == "upsert":
            wanted["externalIdFieldName"] = file.column
        job = self._write("POST", "ingest", json=wanted).json()
        if not self._is_swept:
            self._is_swept = True
            self._sweep(job["createdById"], but=job["id"])
        return str(job["id"])

    def _run(self, job: str, file: File) -> list[Result]:
        changes = file.changes
        try:
            as_csv = {"Content-Type": "text/csv; charset=UTF-8"}
            self._write("PUT", f"ingest/{job}/batches", data=file.data, headers=as_csv)
        except CrmError as error:
            self._abort(job)
            # of the file as a whole: it says nothing of a single record
            return not_sent(changes, CrmError("transient", f"not_uploaded: {error}"))
        try:
            self._write("PATCH", f"ingest/{job}", json={"state": "UploadComplete"})
            told = {result.subject: result for result in self._results(job, changes)}
        except CrmError:
            # of a job that may run only the job itself can tell
            told = {}
        lost = [Result(c.subject, "unknown", "not_told") for c in changes if c.subject not in told]
        return [*told.values(), *lost]

    def _is_open(self, job: str) -> bool:
        """Whether a job was never started; one that is gone may have run."""
        try:
            return bool(self._read("GET", f"ingest/{job}").json()["state"] == "Open")
        except Refused:
            return False

    def _results(self, job: str, changes: Sequence[Change]) -> Iterator[Result]:
        """What a job tells of changes when it is over; nothing, if it was over 7 days ago."""
        try:
            info = self._over(f"ingest/{job}")
            files = {kind: self._read("GET", f"ingest/{job}/{kind}") for kind in RESULTS}
        except Refused:
            return
        column = info.get("externalIdFieldName") or "Id"
        sent = {known_by(change, column): change for change in changes}
        for kind, answer in files.items():
            for row in _table(answer.content):
                if change := sent.get(row[column]):
                    yield _result(change, kind, row, info)

    def _over(self, job: str) -> dict[str, Any]:
        """Wait until a job is over; what it then says of itself."""
        until = time.monotonic() + JOB_HOURS * 3600
        for seconds in itertools.chain(FIRST_WAITS, itertools.repeat(LATER_WAIT)):
            info: dict[str, Any] = self._read("GET", job).json()
            if info["state"] in OVER:
                return info
            if time.monotonic() > until:
                break
            time.sleep(seconds)
        raise CrmError("transient", f"job {job} is still {info['state']} after {JOB_HOURS:g} hours")

    def _abort(self, job: str) -> None:
        try:
            self._write("PATCH", f"ingest/{job}", json={"state": "Aborted"})
        except CrmError as error:
            log.warning("job %s stays open, nothing was done by it: %s", job, error)

    def _sweep(self, user: str, but: str) -> None:
        """Abort what runs of ours left open that were killed."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=ORPHAN_MINUTES)
        path: str | None = "jobs/ingest?jobType=V2Ingest"
        while path:
            page = self._connection.get(path)
            for job in page["records"]:
                of_ours = (job["createdById"], job["object"], job["state"])
                created = dt.datetime.fromisoformat(job["createdDate"])
                if (
                    of_ours == (user, self._object, "Open")
                    and created < before
                    and job["id"] != but
                ):
                    self._abort(job["id"])
            path = None if page["done"] else page["nextRecordsUrl"]

    def _read(self, method: str, path: str, **told: Any) -> Any:
        return self._connection.read(lambda: self._call(method, self._url + path, **told))

    def _write(self, method: str, path: str, **told: Any) -> Any:
        return self._connection.write(lambda: self._call(method, self._url + path, **told))

    def _call(self, method: str, url: str, **told: Any) -> Any:
        headers = dict(told.pop("headers", {}))
        return call_salesforce(url, method, self._connection.http, headers, **told)


def _result(change: Change, kind: str, row: Mapping[str, str], info: Mapping[str, Any]) -> Result:
    if kind == "successfulResults":
        made = row["sf__Id"] if change.record_id is None else None
        return Result(change.subject, "written", "", made)
    if kind == "failedResults":
        code = of_cell(row["sf__Error"])
        return Result(
            change.subject, classified(code), reason(code, row["sf__Error"], change.values)
        )
    if error := info.get("errorMessage"):
        code = of_job(error)
        return Result(change.subject, classified(code), reason(code, error, change.values))
    return Result(change.subject, "transient", "unprocessed")


def _table(content: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(content.decode(), newline=""))
