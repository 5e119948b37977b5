"""Tryton's JSON-RPC: a logged-in session, what its errors mean, and its values.

https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html
"""

import base64
import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from jobs.crm.adapter import CrmError, ErrorClass, Kind
from jobs.crm.patience import NOT_SENT, patient, timeout
from jobs.crm.throttle import Throttle
from jobs.crm.writing import NoAnswer, Refused

DATABASE = "tryton"
# Tryton on SQLite has no limit of its own: five tries of five seconds for the lock, and the work
REQUEST_SECONDS = 60.0


def classified(name: str, told: str) -> tuple[ErrorClass, str]:
    """Class and reason of an error of Tryton; its text names records, so it goes no further."""
    if name == "ConcurrencyException":
        return "conflict", "changed_meanwhile"
    if "database is locked" in name or "database is locked" in told:
        return "transient", "database_locked"
    if name in {"LoginException", "AccessError"} or "not allowed to" in told:
        return "permission", "not_allowed"
    if field := re.search(r'for field "([^"]+)"', told):
        return "data", f"not_accepted: {field.group(1)}"
    if "don't exist" in told:
        return "conflict", "record_is_gone"
    return "data", f"refused: {name if name.isidentifier() else 'server error'}"


class Session:
    """A logged-in user of one Tryton database."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        seconds: float = REQUEST_SECONDS,
        throttle: Throttle | None = None,
    ) -> None:
        self._user, self._password = user, password
        self._server, self.url = f"{url}/rpc/", f"{url}/{DATABASE}/rpc/"
        self.throttle = throttle or Throttle()
        self._http = httpx.Client(timeout=timeout(self.throttle, seconds))
        self._token: str | None = None

    def call(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call a method of the CRM; sent again only while it is certain that nothing was done.

        Raises:
            Refused: the CRM said no.
            NoAnswer: it may have been done.
            CrmError: it could not be reached.
        """
        body = {
            "id": 1,
            "method": method,
            "params": [*params, {"language": "en", **(context or {})}],
        }
        return self._sent(body)

    def version(self) -> str:
        """The server's series, such as 8.0."""
        body = {"id": 0, "method": "common.server.version", "params": []}
        return str(self._result(self._post(self._server, body)))

    @patient()
    def _sent(self, body: Mapping[str, Any]) -> Any:
        if self._token is None:
            self._token = self._login()
        answer = self._post(self.url, body, {"Authorization": f"Session {self._token}"})
        if answer.status_code == 401:
            # the session ran out before anything was done
            self._token = None
            raise CrmError("transient", f"{self.url}: the session of {self._user!r} has ended")
        return self._result(answer)

    def _login(self) -> str:
        body = {"method": "common.db.login", "params": [self._user, {"password": self._password}]}
        answer = self._post(self.url, {"id": 0, **body})
        if answer.status_code == 401:
            raise CrmError("permission", f"{self.url}: wrong password for {self._user!r}")
        user, token, *_ = self._result(answer)
        return base64.b64encode(f"{self._user}:{user}:{token}".encode()).decode()

    def _post(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        self.throttle.wait()
        try:
            return self._http.post(url, json=body, headers=headers)
        except NOT_SENT as error:
            raise CrmError(
                "transient", f"{self.url} cannot be reached ({error}): see `make status`"
            ) from error
        except httpx.HTTPError as error:
            raise NoAnswer("unknown", f"{self.url} gave no answer: {error}") from error

    def _result(self, answer: httpx.Response) -> Any:
        if answer.status_code in {429, 503}:
            self.throttle.heed(answer.headers.get("Retry-After"))
            raise CrmError("transient", f"{self.url} is busy: {answer.status_code}")
        if answer.status_code in {400, 403, 404}:
            raise Refused("permission", f"{self.url} answered {answer.status_code}")
        if answer.status_code != 200:
            raise NoAnswer("unknown", f"{self.url} answered {answer.status_code}")
        try:
            read = answer.json()
        except ValueError:
            raise NoAnswer("unknown", f"{self.url} answered something else than JSON") from None
        if error := read.get("error"):
            told = error[1] if isinstance(error[1], list) else [error[1]]
            raise Refused(*classified(str(error[0]), " ".join(str(part) for part in told)))
        return read["result"]


def to_wire(kind: Kind, value: str | None) -> Any:
    """A canonical value as Tryton's JSON wants it."""
    if value is None:
        return None
    if kind == "date":
        day = dt.date.fromisoformat(value)
        return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
    if kind == "timestamp":
        at = dt.datetime.fromisoformat(value).astimezone(dt.UTC)
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime"} | {part: getattr(at, part) for part in parts}
    if kind == "number":
        return {"__class__": "Decimal", "decimal": value}
    if kind == "integer":
        return int(value)
    return value == "true" if kind == "boolean" else value


def from_wire(value: Any) -> Any:
    """A value of Tryton's JSON as Python's own; its instants are UTC."""
    if not isinstance(value, dict):
        return value
    parts = {k: v for k, v in value.items() if k != "__class__"}
    match value.get("__class__"):
        case "date":
            return dt.date(**parts)
        case "datetime":
            return dt.datetime(**parts, tzinfo=dt.UTC)
        case "Decimal":
            return Decimal(parts["decimal"])
    return value
