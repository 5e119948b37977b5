"""The wire proxy's dialects, with an eye for what was read and what was taken, and when.

The witness's log has the writes that were asked for; here stands which of them the CRM said it had
done, and which records it showed before: what a write was based on.
"""

import gzip
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infra.sandbox.dialects import DIALECTS
from infra.sandbox.dialects.plain import Answer, Plain, Request, Touched

LAST_PART = re.compile(r"[^=_]*$")
OVER = {"JobComplete", "Failed", "Aborted"}
JOB = re.compile(r"/jobs/ingest/(\w+)")


@dataclass(frozen=True)
class Read:
    """Records that the CRM showed at an instant of the monotonic clock."""

    at: float
    ids: frozenset[str]


@dataclass(frozen=True)
class Write:
    """Records that the CRM took: it had them from `begun` on, and had said so at `ended`. A job of
    Salesforce's has ended when it says that it is over."""

    begun: float
    ended: float
    records: tuple[Touched, ...]


class Watched(Protocol):
    """A dialect that has watched."""

    reads: list[Read]
    writes: list[Write]


class _Watching(Plain):
    """Stands before a dialect's class."""

    taken: Callable[[Request, Any, list[Touched]], Sequence[Touched]]
    shown: Callable[[Request, Any], Sequence[Mapping[str, Any]]]

    def __init__(self, arrived: Callable[[list[Touched]], None]) -> None:
        super().__init__()
        self.reads: list[Read] = []
        self.writes: list[Write] = []
        self._arrived, self._begun = arrived, 0.0
        self._files: dict[str, list[Touched]] = {}  # of Salesforce's jobs that do not run yet
        self._jobs: dict[str, int] = {}  # that run: where among the writes

    def records(self, request: Request) -> list[Touched]:
        """Called once for each write request, before anything else is done with it."""
        touched = super().records(request)
        self._arrived(touched)
        self._begun = time.monotonic()
        return touched

    def learn(self, request: Request, answer: Answer) -> None:
        super().learn(request, answer)
        now, told = time.monotonic(), _json(answer)
        job = JOB.search(request.path)
        if job and job[1] in self._jobs and isinstance(told, dict) and told.get("state") in OVER:
            place = self._jobs.pop(job[1])
            self.writes[place] = replace(self.writes[place], ended=now)
        if not self.is_write(request):
            rows = type(self).shown(request, told)
            ids = (row.get("id") or row.get("Id") for row in rows)
            self.reads.append(Read(now, frozenset(str(each) for each in ids)))
        elif answer.status < 300:
            touched = type(self).taken(request, told, super().records(request))
            if job and touched:
                # rows of a job are taken when the job may begin
                self._files[job[1]] = list(touched)
            elif job:
                touched, self._jobs[job[1]] = self._files.pop(job[1]), len(self.writes)
                self.writes.append(Write(self._begun, math.inf, tuple(touched)))
            elif touched:
                self.writes.append(Write(self._begun, now, tuple(touched)))


def watched(name: str, arrived: Callable[[list[Touched]], None]) -> Any:
    """A dialect that watches; it is both a `Plain` and a `Watched`.

    Args:
        arrived: called with the records of each write request, before the server is given it.
    """
    of = {"taken": TAKEN[name], "shown": SHOWN[name]}
    return type("Watching", (_Watching, DIALECTS[name]), of)(arrived)


def key_of(touched: str, keys: Mapping[str, str]) -> str | None:
    """The customer of a record in a write request, by the last part of its id there.

    Args:
        keys: customers by the CRM's id, and each by itself.
    """
    found = LAST_PART.search(touched)
    return keys.get(found[0]) if found else None


def _json(answer: Answer) -> Any:
    body = answer.body
    if answer.headers.get("Content-Encoding", "") == "gzip":
        body = gzip.decompress(body)
    try:
        return json.loads(body)
    except ValueError:
        return None


def _by_tryton(request: Request, told: Any, touched: list[Touched]) -> list[Touched]:
    return [] if told.get("error") else touched


def _by_odoo(request: Request, told: Any, touched: list[Touched]) -> list[Touched]:
    """`load` says by its ids whether it wrote all of a batch or nothing."""
    return [] if isinstance(told, dict) and not told.get("ids") else touched


def _by_hubspot(request: Request, told: Any, touched: list[Touched]) -> list[Touched]:
    bad = {
        trace
        for error in told.get("errors", ())
        for trace in (error.get("context") or {}).get("objectWriteTraceId", ())
    }
    traces = [each.get("objectWriteTraceId") for each in request.json["inputs"]]
    return [each for each, trace in zip(touched, traces, strict=True) if trace not in bad]


def _by_salesforce(request: Request, told: Any, touched: list[Touched]) -> list[Touched]:
    if not isinstance(told, list):
        return touched
    return [each for each, of in zip(touched, told, strict=True) if of["success"]]


def _of_tryton(request: Request, told: Any) -> list[Mapping[str, Any]]:
    is_party = str(request.json.get("method")).startswith("model.party.party.search_read")
    return told["result"] if is_party else []


def _of_odoo(request: Request, told: Any) -> list[Mapping[str, Any]]:
    return told if request.path.endswith("/res.partner/search_read") else []


def _of_hubspot(request: Request, told: Any) -> list[Mapping[str, Any]]:
    return told["results"] if request.path.endswith("/batch/read") else []


def _of_salesforce(request: Request, told: Any) -> list[Mapping[str, Any]]:
    return told["records"] if "queryAll" in request.path else []


# staticmethod: they are functions of a request, and stand in a class
TAKEN = {
    "tryton": staticmethod(_by_tryton),
    "odoo": staticmethod(_by_odoo),
    "hubspot": staticmethod(_by_hubspot),
    "salesforce": staticmethod(_by_salesforce),
}
SHOWN = {
    "tryton": staticmethod(_of_tryton),
    "odoo": staticmethod(_of_odoo),
    "hubspot": staticmethod(_of_hubspot),
    "salesforce": staticmethod(_of_salesforce),
}
