"""What the wire proxy knows of a server that it knows nothing of; each CRM's dialect knows more.

A request that is not known to read counts as a write: the witness may count one too many, never
one too few.
"""

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import unquote

from multidict import CIMultiDict

# What reading a request or an answer may raise that is not what the dialect expects: it is for the
# server, or the client, to refuse it
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError, csv.Error)
IN_ORDER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)
READING = frozenset({"GET", "HEAD", "OPTIONS"})
KEY = re.compile(
    r"[\w.:=-]{1,100}"
)  # a number or a code; a mail address or a name with a blank not


class WireError(ValueError):
    """The proxy cannot be what it is told to be; the message is for a person."""


@dataclass(frozen=True)
class Request:
    """A request as the client sent it."""

    method: str
    path: str  # without the query
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_body(self, body: bytes | None) -> "Request":
        assert body is not None
        return replace(self.without("Content-Encoding"), body=body)

    def without(self, header: str) -> "Request":
        kept = CIMultiDict(self.headers)
        kept.popall(header, None)
        return replace(self, headers=kept)

    @cached_property
    def plain_body(self) -> bytes:
        if self.headers.get("Content-Encoding", "").lower() == "gzip":
            return gzip.decompress(self.body)
        return self.body

    @cached_property
    def json(self) -> Any:
        """The body; null where it is not JSON."""
        try:
            return json.loads(self.plain_body)
        except (ValueError, OSError, EOFError):
            return None


@dataclass(frozen=True)
class Answer:
    """An answer that the proxy gives itself, as the CRM would."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Touched(NamedTuple):
    """One record of a write request: its id or key, and what is written into it as a digest."""

    id: str
    digest: str


class Plain:
    """Any server over HTTP.

    Args:
        writes: regular expression, found in the path of each request that writes; empty: whatever
            is not GET writes.
    """

    name = "plain"
    lacks = frozenset({"locked", "partial", "reordered"})  # faults that it cannot make

    def __init__(self, writes: str = "") -> None:
        self._writes = re.compile(writes)

    def call(self, request: Request) -> str:
        """The method that the request calls, where the path does not say it."""
        return ""

    def is_write(self, request: Request) -> bool:
        return request.method not in READING and bool(self._writes.search(request.path))

    def records(self, request: Request) -> list[Touched]:
        """Of a write request, one for each time that a record stands in it."""
        return []

    def learn(self, request: Request, answer: Answer) -> None:
        """Take from an answer what later requests are understood by."""

    def first_half(self, request: Request) -> bytes | None:
        """The request's body with half of its batch; null: it has none that could be parted."""
        return None

    def is_joined(self, request: Request) -> bool:
        """Whether the results in the answer are joined by key, so that their order says nothing."""
        return False

    def reordered(self, request: Request, body: bytes) -> bytes:
        """The body of a joined answer with its results in another order."""
        return body

    def busy(self, request: Request) -> Answer:
        return Answer(429, b"too many requests", {"Content-Type": "text/plain"})

    def unavailable(self, request: Request) -> Answer:
        return Answer(503, b"service unavailable", {"Content-Type": "text/plain"})

    def expired(self, request: Request) -> Answer:
        """How the CRM says that the session has ended."""
        return Answer(401, b"unauthorized", {"Content-Type": "text/plain"})

    def locked(self, request: Request) -> Answer | None:
        """How the CRM says that another holds a row of the request; null: it never says so."""
        return None


def as_json(status: int, told: object, **headers: str) -> Answer:
    body = json.dumps(told).encode()
    return Answer(status, body, {"Content-Type": "application/json", **headers})


def half(items: Sequence[Any]) -> Sequence[Any] | None:
    """The first half; null: there are not two."""
    return items[: len(items) // 2] if len(items) > 1 else None


def touched(key: object, values: object) -> Touched:
    """A record for the log: values as a digest only, a key that may name a person too."""
    return Touched(shown(str(key)), digest(values))


def digest(values: object) -> str:
    """SHA-256 of values, its first 16 digits: enough to tell what was written twice."""
    return hashlib.sha256(IN_ORDER.encode(values).encode()).hexdigest()[:16]


def shown(key: str) -> str:
    """A key as it may be logged: an address of a person (`@`) as a digest."""
    return key if KEY.fullmatch(key) or not key else f"sha256:{digest(key)}"


def shown_path(path: str) -> str:
    """A path as it may be logged: it may end in a key."""
    return "/".join(shown(unquote(part)) for part in path.split("/"))


def keyed(rows: Iterable[Mapping[str, Any]], *names: str) -> list[Touched]:
    """Records whose id stands among their values, under the first of these names that is there."""
    found = []
    for row in rows:
        name = next((name for name in names if row.get(name) not in (None, "")), "")
        values = {k: v for k, v in row.items() if k not in {*names, "attributes"}}
        found.append(touched(row.get(name, ""), values))
    return found
