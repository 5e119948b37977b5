"""Ingest jobs of Bulk API 2.0: made, given one file, closed, worked off, told of row by row.

bulk:create-job.html, upload-job-data.html, close-job.html, get-job-info.html, get-all-jobs.html,
get-job-successful-results.html, get-job-failed-results.html, get-job-unprocessed-results.html.
"""

import asyncio
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from infra.sandbox.salesforce.bulk import Job, State, job_id
from infra.sandbox.salesforce.errors import ApiError, RowError
from infra.sandbox.salesforce.org import Org
from infra.sandbox.salesforce.saving import Saving, repeated
from infra.sandbox.salesforce.schema import OBJECTS

LARGEST_BYTES = 150_000_000  # of a file: bulk:datafiles-prepare-csv.html
BATCH_ROWS = 10_000  # worked off together: bulk:bulk-api-2-0-limits-and-allocations
SLICE_ROWS = 200  # saved in one transaction; *assumed*. Others are served between two
OPERATIONS = frozenset({"update", "upsert"})
NULL = "#N/A"  # in a cell; an empty one leaves the field alone: bulk:datafiles-prepare-csv.html
LISTED = 1000  # jobs of one answer: bulk:get-all-jobs.html

Row = list[str]


@dataclass
class IngestJob(Job):
    """An ingest job, and what became of each row of its file."""

    key: str = ""  # external id field of an upsert
    data: bytes | None = None
    header: Row = field(default_factory=list)
    succeeded: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    unprocessed: list[Row] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        told = super().as_json()
        if self.key:
            told["externalIdFieldName"] = self.key
        if self.state == "Open":
            told["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        return told


class IngestJobs:
    """The organisation's ingest jobs."""

    def __init__(self, org: Org) -> None:
        self._org, self.of = org, dict[str, IngestJob]()
        self._working = set[asyncio.Task[None]]()

    def create(self, told: Mapping[str, Any], version: str) -> IngestJob:
        name, operation = told.get("object"), told.get("operation")
        if name not in OBJECTS:
            raise ApiError(400, "INVALIDENTITY", f"Unable to find object: {name}")
        if operation not in OPERATIONS:
            raise ApiError(400, "INVALIDOPERATION", f"the double does not know {operation}")
        key = told.get("externalIdFieldName", "")
        column = OBJECTS[name].columns.get(key)
        if operation == "upsert" and not (column and column.is_external_id):
            message = f"InvalidExternalIdFieldName : {key or 'null'}"
            raise ApiError(400, "INVALIDJOB", message)
        for setting, only in (("lineEnding", "LF"), ("columnDelimiter", "COMMA")):
            if told.get(setting, only) != only:
                raise ApiError(400, "INVALIDJOB", f"the double knows the {setting} {only} only")
        job = IngestJob(job_id(), operation, name, version, "V2Ingest", key=key)
        self.of[job.id] = job
        return job

    def find(self, name: str) -> IngestJob:
        if name not in self.of:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return self.of[name]

    def upload(self, name: str, data: bytes, content_type: str) -> None:
        """Take the file, once."""
        job = self.find(name)
        if job.data is not None or job.state != "Open":
            message = f"Found multiple contents for job: <{name}>, please PUT once on a given job"
            raise ApiError(400, "CLIENTINPUTERROR", message)  # *assumed*: code and words
        if not content_type.startswith("text/csv"):
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
        if len(data) > LARGEST_BYTES:
            raise ApiError(413, "EXCEEDEDMAXSIZE", "the file is larger than 150 MB")
        job.data = data

    def change(self, name: str, state: str) -> IngestJob:
        """Close a job, which starts it, or abort it."""
        job = self.find(name)
        allowed: Mapping[str, Sequence[State]] = {
            "UploadComplete": ("Open",),
            "Aborted": ("Open", "UploadComplete", "InProgress"),
        }
        if job.state not in allowed.get(state, ()):
            message = f"a job cannot go from {job.state} to {state}"
            raise ApiError(400, "INVALIDJOBSTATE", message)
        job.becomes("UploadComplete" if state == "UploadComplete" else "Aborted")
        if state == "UploadComplete":
            task = asyncio.get_running_loop().create_task(self._work_off(job))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return job

    def listed(self, first: int) -> tuple[list[IngestJob], bool]:
        """Jobs from one on, in no order that is promised; whether there are more."""
        jobs = list(islice(self.of.values(), first, first + LISTED))
        return jobs, first + LISTED < len(self.of)

    async def _work_off(self, job: IngestJob) -> None:
        await asyncio.sleep(self._org.habits.job_seconds)
        if job.is_over:  # aborted meanwhile
            return
        job.becomes("InProgress")
        try:
            rows = self._rows(job)
        except ApiError as error:
            job.error = error.message
            job.becomes("Failed")
            return
        for at in range(0, len(rows), BATCH_ROWS):
            await asyncio.sleep(self._org.habits.job_seconds)
            await self._batch(job, rows[at : at + BATCH_ROWS])
        job.data = b""
        if not job.is_over:
            job.becomes("JobComplete")

    async def _batch(self, job: IngestJob, rows: Sequence[Row]) -> None:
        save = self._saver(job, rows)
        for at in range(0, len(rows), SLICE_ROWS):
            part = rows[at : at + SLICE_ROWS]
            if job.is_over:
                job.unprocessed += part
                continue
            with self._org.storage.transaction():
                for row in part:
                    self._row(job, row, save)
            await asyncio.sleep(0)

    def _row(self, job: IngestJob, row: Row, save: Any) -> None:
        job.processed += 1
        try:
            record_id, is_new = save(row)
            job.succeeded.append([record_id, "true" if is_new else "false", *row])
        except RowError as error:
            job.failed += 1
            record_id = row[job.header.index("Id")] if "Id" in job.header else ""
            job.refused.append([record_id, error.as_cell(), *row])

    def _saver(self, job: IngestJob, rows: Sequence[Row]) -> Any:
        saving = Saving(self._org, OBJECTS[job.object])
        if job.operation == "update":
            return lambda row: (saving.update(_told(job.header, row)), False)
        at = job.header.index(job.key)
        twice = repeated(row[at] for row in rows)

        def upsert(row: Row) -> tuple[str, bool]:
            if row[at] in twice:
                message = f"Duplicate external id specified: {row[at]}"
                raise RowError("DUPLICATE_VALUE", message, job.key)
            return saving.upsert(job.key, _told(job.header, row))

        return upsert

    def _rows(self, job: IngestJob) -> list[Row]:
        """Rows of the file; ApiError where the job as a whole fails, its rows unprocessed."""
        table = csv.reader(io.StringIO((job.data or b"").decode(), newline=""))
        job.header = next(table, [])
        rows = list(table)
        known = {column.name for column in self._org.rights.seen(OBJECTS[job.object])}
        needed = "Id" if job.operation == "update" else job.key
        unknown = [name for name in job.header if name not in known]
        if needed not in job.header:
            unknown.append(needed)
        if unknown:
            job.unprocessed = rows
            raise ApiError(400, "", f"InvalidBatch : Field name not found : {unknown[0]}")
        return rows


def results(job: IngestJob, kind: str) -> Iterator[str]:
    """A file of results as CSV, each cell quoted. No order of rows is promised: here it is not the
    upload's."""
    files = {
        "successfulResults": (["sf__Id", "sf__Created"], job.succeeded),
        "failedResults": (["sf__Id", "sf__Error"], job.refused),
        "unprocessedrecords": ([], job.unprocessed),
    }
    if kind not in files:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    if not job.is_over:
        message = f"the job is {job.state}: there are no results yet"
        raise ApiError(400, "INVALIDJOBSTATE", message)
    own, rows = files[kind]
    yield _line([*own, *job.header])
    for row in reversed(rows):
        yield _line(row)


def _line(cells: Sequence[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def _told(header: Row, row: Row) -> dict[str, str | None]:
    pairs = zip(header, row, strict=False)
    return {name: None if cell == NULL else cell for name, cell in pairs if cell}
