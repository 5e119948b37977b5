"""A CRM behind signed JSON: a double that keeps what jobs/crm/http.py asks of such a program."""

import datetime as dt
import hmac
import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandbox.dialects import DIALECTS
from infra.sandbox.dialects.plain import Plain
from infra.sandbox.hubspot.serving import listening
from jobs.crm.access import Access
from jobs.crm.adapter import Kind
from jobs.crm.http import Http
from jobs.crm.signed import Session, signature
from jobs.crm.throttle import Throttle

APP, SECRET = "sales", "secret-of-the-app"
REQUEST_SECONDS = 3.0
CLOCK_SECONDS = 300  # by which a request may be late or early
OPTIONS = {
    "hosts": "127.0.0.1",
    "read": "/read",
    "write": "/write",
    "key": "code",
    "fields": "code:text age_band:text reasons:text:4000 value:number:4 as_of:date band:text:20",
    "creates": "true",
}

# the wire proxy needs to be told which POST writes
DIALECTS.setdefault("http", partial(Plain, "/write$"))  # type: ignore[arg-type]


class Crm:
    """Records by id, each with a count of its writes, and the nonces that were seen."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.records: dict[str, dict[str, str | None]] = {}
        self.writes: dict[str, int] = {}
        self.changed: dict[str, dt.datetime] = {}
        self._nonces: set[str] = set()
        self._last = 0

    def refuses(self, request: Request, body: bytes) -> bool:
        """By the signature, by the clock, or because this request was here before."""
        told = request.headers
        at, nonce = told.get("X-Timestamp", ""), told.get("X-Nonce", "")
        good = signature(SECRET, at, nonce, request.url.path, body)
        with self.lock:
            if (
                told.get("X-App-Key") != APP
                or not hmac.compare_digest(told.get("X-Signature", ""), good)
                or abs(int(at) - time.time()) > CLOCK_SECONDS
                or nonce in self._nonces
            ):
                return True
            self._nonces.add(nonce)
        return False

    def read(self, told: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.lock:
            return [
                {
                    "id": at,
                    "revision": str(self.writes[at]),
                    "changed_at": self.changed[at].isoformat(),
                    "is_active": True,
                    "values": {name: values.get(name) for name in told["fields"]},
                }
                for at, values in self.records.items()
                if (at if told["field"] == "id" else values.get(told["field"])) in told["keys"]
            ]

    def write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        with self.lock:
            at, values = row.get("id"), row["values"]
            if len(values.get("band") or "") > 20:
                return {"id": at, "code": "invalid"}
            if key := row.get("key"):
                at, values = self.by_code(key["code"]), {**key, **values}
                if at is None:
                    self._last += 1
                    at = str(self._last)
                    self.records[at] = {}
            if at not in self.records:
                return {"id": at, "code": "gone"}
            self.records[at] |= values
            self.writes[at] = self.writes.get(at, 0) + 1
            self.changed[at] = dt.datetime.now(dt.UTC)
            return {"id": at, "code": "ok"}

    def by_code(self, code: str) -> str | None:
        return next((i for i, values in self.records.items() if values["code"] == code), None)


def app(crm: Crm) -> Starlette:
    async def read(request: Request) -> Response:
        body = await request.body()
        if crm.refuses(request, body):
            return JSONResponse({}, 401)
        return JSONResponse({"records": crm.read(json.loads(body))})

    async def write(request: Request) -> Response:
        body = await request.body()
        if crm.refuses(request, body):
            return JSONResponse({}, 401)
        return JSONResponse({"results": [crm.write(row) for row in json.loads(body)["records"]]})

    return Starlette(routes=[Route(f"/{f.__name__}", f, methods=["POST"]) for f in (read, write)])


class HttpRig:
    name = "http"
    tls = None
    lacks: Mapping[str, str] = {
        **dict.fromkeys(
            (
                "all_records_are_read_over_pages_each_once",
                "records_of_one_instant_are_read_once_each_over_all_pages",
                "a_read_since_an_instant_has_what_was_written_after_it",
                "a_deleted_record_is_read_no_more",
                "a_merged_record_says_into_which",
                "a_batch_sent_twice_leaves_what_it_left_once",
            ),
            "it tells of records by key only",
        ),
        "an_ended_session_is_opened_again": "each request is signed, there is no session",
    }
    key = "code"
    age = "age_band"
    ages = ("45-54", "65+")
    probes: Mapping[Kind, str] = {"text": "reasons", "number": "value", "date": "as_of"}
    too_much = ("band", "no such band, and too long")

    def __init__(self, crm: Crm, url: str) -> None:
        self.crm, self.url = crm, url

    def access(self, **other: Any) -> Access:
        told = {"url": self.url, "secret": SECRET, "options": OPTIONS} | other
        return Access("http", user=APP, throttle=Throttle(1000), **told)

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> Http:
        access = self.access(url=url or self.url, secret=secret or SECRET)
        return Http(Session(access, REQUEST_SECONDS), OPTIONS, REQUEST_SECONDS, **sizes)

    def has(self, keys: Collection[str]) -> None:
        with self.crm.lock:
            self.crm.records.clear()
            for key in keys:
                self.crm.write({"key": {"code": key}, "values": {}})

    def edit(self, key: str, field: str, value: str | None) -> None:
        self.crm.write({"key": {"code": key}, "values": {field: value}})

    def delete(self, key: str) -> None:
        del self.crm.records[str(self.crm.by_code(key))]

    def merge(self, key: str, into: str) -> None:
        raise AssertionError(self.lacks["a_merged_record_says_into_which"])

    def write_together(self, keys: Collection[str]) -> None:
        raise AssertionError(self.lacks["all_records_are_read_over_pages_each_once"])


@contextmanager
def rig(folder: Path) -> Iterator[HttpRig]:
    crm = Crm()
    with listening(app(crm)) as url:
        yield HttpRig(crm, url)
