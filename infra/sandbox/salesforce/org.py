"""The organisation behind the double: its records, users, sessions, limits and habits."""

import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from infra.sandbox.salesforce import ids
from infra.sandbox.salesforce.errors import ApiError
from infra.sandbox.salesforce.limits import Usage
from infra.sandbox.salesforce.schema import OBJECTS, ORGANIZATION, Rights
from infra.sandbox.salesforce.storage import Storage
from infra.sandbox.salesforce.values import now

INTEGRATION, PERSON = ids.made("005", 1), ids.made("005", 2)  # the users
CLIENT_ID = "sales-lakehouse"  # consumer key of the pipeline's connected app


@dataclass
class Habits:
    """What a person may change under /sandbox/habits."""

    page_records: int = 2000  # of an answer to a query, at most
    job_seconds: float = 0.2  # that a bulk job waits before each of its states
    names_the_nameless: bool = False  # a flow of the organisation gives those without a name one


@dataclass
class Org:
    """One organisation with one integration user."""

    storage: Storage
    client_secret: str
    person_token: str
    usage: Usage = field(default_factory=Usage)
    rights: Rights = field(default_factory=Rights)
    habits: Habits = field(default_factory=Habits)
    tokens: set[str] = field(default_factory=set)
    locked: dict[str, int] = field(default_factory=dict)  # id: how often it is still refused

    def log_in(self, client_id: str, client_secret: str) -> str | None:
        """A new session; null: wrong key or secret."""
        expected = f"{CLIENT_ID} {self.client_secret}".encode()
        if not hmac.compare_digest(f"{client_id} {client_secret}".encode(), expected):
            return None
        token = f"{self.id[:15]}!{secrets.token_urlsafe(48)}"
        self.tokens.add(token)
        return token

    def check(self, header: str) -> None:
        """Raise ApiError unless the header carries a session (rest:errorcodes.html)."""
        if header.removeprefix("Bearer ") not in self.tokens:
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    @property
    def id(self) -> str:
        numbers = self.storage.numbers(ORGANIZATION, "1")
        return str(next(self.storage.rows(ORGANIZATION, numbers, ["Id"]))[0])


def opened(path: Path, client_secret: str, person_token: str, daily_requests: int) -> Org:
    """The organisation in a file; a new one has an id that no other has."""
    storage = Storage(OBJECTS.values(), path)
    if not storage.numbers(ORGANIZATION, "1"):
        stamps = {"CreatedDate": now(), "SystemModstamp": now()}
        storage.begin_numbers(ORGANIZATION, secrets.randbelow(2**40))
        storage.insert(ORGANIZATION, [{"Name": "Sandbox", "IsSandbox": 1, **stamps}])
    return Org(storage, client_secret, person_token, Usage(limit=daily_requests))
