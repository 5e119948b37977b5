"""Salesforce on the wire: REST, sObject Collections, and ingest jobs of Bulk API 2.0.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm and
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm.
An error is an array of `{errorCode, message}`. Files of jobs are taken to be separated by commas.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from infra.sandbox.dialects.plain import (
    Answer,
    Plain,
    Request,
    Touched,
    as_json,
    half,
    keyed,
    touched,
)

SERVICE = re.compile(r"/services/(?:data/v[\d.]+|apexrest)/")
INGEST = re.compile(r"/jobs/ingest(?:/(?P<job>\w+)(?:/(?P<part>\w+))?)?/?$")
COLLECTION = re.compile(r"/composite/sobjects(?:/(?P<object>\w+)(?:/(?P<key>\w+))?)?/?$")
RECORD = re.compile(r"/sobjects/\w+(?:/(?P<rest>.+?))?/?$")
COMPOSITE = re.compile(r"/composite(?:/(?:batch|graph))?/?$")
RESULTS = frozenset({"successfulResults", "failedResults", "unprocessedrecords"})
NO_LOCK = "unable to obtain exclusive access to this record"


class Salesforce(Plain):
    name = "salesforce"
    lacks = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, str] = {}  # of jobs: the field that says which record a row is

    def is_write(self, request: Request) -> bool:
        """What changes a record; of a job the file and the word that starts it.

        Collections are read by POST too, composite requests may do nothing but read, and a job for
        a query is no write.
        """
        if not super().is_write(request) or not SERVICE.search(request.path):
            return False
        if job := INGEST.search(request.path):
            brings_rows = job["part"] == "batches" or _is_multipart(request)
            return brings_rows or _state(request) == "UploadComplete"
        if "/jobs/query" in request.path:
            return False
        if many := COLLECTION.search(request.path):
            return not (request.method == "POST" and many["object"])
        if COMPOSITE.search(request.path):
            return not request.body or any(m not in {"GET", "HEAD"} for m in _methods(request.json))
        return True

    def records(self, request: Request) -> list[Touched]:
        if job := INGEST.search(request.path):
            if job["part"] != "batches":
                return []
            return keyed(_rows(request.plain_body), self._keys.get(job["job"], "Id"), "Id")
        if many := COLLECTION.search(request.path):
            if request.method == "DELETE":
                ids = parse_qs(request.query).get("ids", [""])[0]
                return [touched(each, None) for each in ids.split(",")]
            return keyed(_records(request), many["key"] or "id", "Id")
        if record := RECORD.search(request.path):
            return [touched((record["rest"] or "").replace("/", "="), request.json)]
        return []

    def learn(self, request: Request, answer: Answer) -> None:
        job = INGEST.search(request.path)
        if job and not job["job"] and request.method == "POST" and answer.status < 300:
            told = json.loads(answer.body)
            self._keys[told["id"]] = told.get("externalIdFieldName") or "Id"

    def first_half(self, request: Request) -> bytes | None:
        if (job := INGEST.search(request.path)) and job["part"] == "batches":
            header, *rows = _table(request.plain_body)
            part = half(rows)
            return _text([header, *part]) if part else None
        if COLLECTION.search(request.path) and (part := half(_records(request))):
            return json.dumps(request.json | {"records": part}).encode()
        return None

    def is_joined(self, request: Request) -> bool:
        """Rows of a job's results, in no order that is promised; Collections answer in the order
        of the request."""
        job = INGEST.search(request.path)
        return request.method == "GET" and bool(job and job["part"] in RESULTS)

    def reordered(self, request: Request, body: bytes) -> bytes:
        header, *rows = _table(body)
        return _text([header, *reversed(rows)])

    def busy(self, request: Request) -> Answer:
        """Assumed: what Salesforce documents is 403 REQUEST_LIMIT_EXCEEDED, of the day."""
        return _error(429, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def unavailable(self, request: Request) -> Answer:
        """The status is documented, the body is assumed."""
        return _error(503, "SERVER_UNAVAILABLE", "The server is unavailable.")

    def expired(self, request: Request) -> Answer:
        return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def locked(self, request: Request) -> Answer | None:
        """Of Collections each record is refused, in an answer that is well; of a job it is a matter
        of its results, which the double makes."""
        if INGEST.search(request.path):
            return None
        if COLLECTION.search(request.path) and request.method != "DELETE":
            error = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": NO_LOCK, "fields": []}
            return as_json(200, [{"success": False, "errors": [error]} for _ in _records(request)])
        return _error(400, "UNABLE_TO_LOCK_ROW", NO_LOCK)


def _state(request: Request) -> str:
    told = request.json
    return str(told.get("state", "")) if isinstance(told, dict) else ""


def _is_multipart(request: Request) -> bool:
    """A job that is made together with its rows."""
    return request.headers.get("Content-Type", "").startswith("multipart/")


def _records(request: Request) -> list[dict[str, Any]]:
    told = request.json
    return list(told.get("records", [])) if isinstance(told, dict) else []


def _methods(told: Any) -> list[str]:
    """Of the requests within a composite one, at whatever depth; records of a tree have none."""
    if isinstance(told, list):
        return [method for each in told for method in _methods(each)]
    if not isinstance(told, dict):
        return []
    own = [str(told[name]) for name in ("method", "httpMethod") if name in told]
    return own + [m for name, each in told.items() if name != "body" for m in _methods(each)]


def _table(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def _rows(body: bytes) -> Iterable[dict[str, str]]:
    return csv.DictReader(io.StringIO(body.decode(), newline=""))


def _text(table: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    return out.getvalue().encode()


def _error(status: int, code: str, message: str) -> Answer:
    return as_json(status, [{"errorCode": code, "message": message}])
