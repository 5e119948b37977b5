"""What ingest and query jobs of Bulk API 2.0 have in common: bulk:bulk-api-2-0.html."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.sandbox.salesforce import ids
from infra.sandbox.salesforce.org import INTEGRATION
from infra.sandbox.salesforce.values import now

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]
OVER = frozenset({"JobComplete", "Failed", "Aborted"})


@dataclass
class Job:
    """One job, as bulk:get-job-info.html tells it."""

    id: str
    operation: str
    object: str
    version: str
    type: Literal["V2Ingest", "V2Query"]
    state: State = "Open"
    created_at: str = field(default_factory=now)
    changed_at: str = field(default_factory=now)
    processed: int = 0
    failed: int = 0
    error: str = ""

    def becomes(self, state: State) -> None:
        self.state, self.changed_at = state, now()

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    def as_json(self) -> dict[str, Any]:
        told = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": INTEGRATION,
            "createdDate": _milliseconds(self.created_at),
            "systemModstamp": _milliseconds(self.changed_at),
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "jobType": self.type,
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
            "numberRecordsProcessed": self.processed,
            "numberRecordsFailed": self.failed,
        }
        return told | ({"errorMessage": self.error} if self.error else {})


# From the clock: the jobs of a double that was restarted are other ones
_numbers = itertools.count(int(time.time()))


def job_id() -> str:
    return ids.made("750", next(_numbers))


def _milliseconds(at: str) -> str:
    return at.replace("Z", ".000+0000")
