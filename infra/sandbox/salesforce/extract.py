"""Query jobs of Bulk API 2.0.

bulk:queries.html, query-create-job.html, query-get-job-results.html.
"""

import asyncio
import base64
import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.sandbox.salesforce.bulk import Job, job_id
from infra.sandbox.salesforce.errors import ApiError
from infra.sandbox.salesforce.org import Org
from infra.sandbox.salesforce.querying import Found, found
from infra.sandbox.salesforce.values import as_cell

PAGE_RECORDS = 50_000  # where the client names no number; *assumed*
REFUSED = re.compile(r"\b(group\s+by|offset|typeof|count\s*\()", re.IGNORECASE)


@dataclass
class QueryJob(Job):
    found: Found | None = None


class QueryJobs:
    """The organisation's query jobs."""

    def __init__(self, org: Org) -> None:
        self._org, self.of = org, dict[str, QueryJob]()
        self._working = set[asyncio.Task[None]]()

    def create(self, told: Mapping[str, Any], version: str) -> QueryJob:
        text, operation = str(told.get("query", "")), told.get("operation")
        if operation not in {"query", "queryAll"}:
            raise ApiError(400, "INVALIDOPERATION", f"a query job does not {operation}")
        if not_here := REFUSED.search(text):
            raise ApiError(400, "INVALIDQUERY", f"not supported by Bulk API 2.0: {not_here[0]}")
        made = found(self._org, text, with_deleted=operation == "queryAll")
        name = made.sobject.name
        job = QueryJob(job_id(), operation, name, version, "V2Query", "UploadComplete", found=made)
        self.of[job.id] = job
        task = asyncio.get_running_loop().create_task(self._work_off(job))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return job

    def find(self, name: str) -> QueryJob:
        if name not in self.of:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return self.of[name]

    def abort(self, name: str) -> QueryJob:
        job = self.find(name)
        if not job.is_over:
            job.becomes("Aborted")
        return job

    def results(self, name: str, locator: str, most: str) -> tuple[str, dict[str, str]]:
        """A set of results, and the headers that lead to the next."""
        job = self.find(name)
        if job.state != "JobComplete" or job.found is None:
            message = f"can only download query results of completed jobs, status: {job.state}"
            raise ApiError(412, "JOB_NOT_COMPLETE", message)
        first = int(base64.b64decode(locator)) if locator else 0
        count = min(int(most or PAGE_RECORDS), PAGE_RECORDS)
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow([column.name for column in job.found.columns])
        rows = list(job.found.rows(self._org, first, count, as_cell))
        writer.writerows(rows)
        after = first + count
        is_last = after >= len(job.found.numbers)
        next_one = "null" if is_last else base64.b64encode(str(after).encode()).decode()
        return out.getvalue(), {
            "Sforce-NumberOfRecords": str(len(rows)),
            "Sforce-Locator": next_one,
        }

    async def _work_off(self, job: QueryJob) -> None:
        for state in ("InProgress", "JobComplete"):
            await asyncio.sleep(self._org.habits.job_seconds)
            if job.is_over:
                return
            job.becomes(state)
        job.processed = len(job.found.numbers) if job.found else 0
