"""Odoo's APIs: JSON-2 from version 19 on, JSON-RPC before, and what their errors mean.

https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
https://www.odoo.com/documentation/18.0/developer/reference/external_api.html
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError, ErrorClass
from jobs.crm.patience import NOT_SENT, Key, patient, timeout
from jobs.crm.writing import NoAnswer, Refused, WrongValues

# Odoo ends a request of its own after `limit_time_real`, by default:
# https://www.odoo.com/documentation/19.0/developer/reference/cli.html
REQUEST_SECONDS = 120.0
FIRST_JSON2 = 19

Protocol = Literal["json2", "jsonrpc"]

# Of every call: no message at each customer for each score, instants in UTC, errors in English
CONTEXT = {"tracking_disable": True, "active_test": False, "tz": "UTC", "lang": "en_US"}
LOCKED = re.compile(r"could not serialize access|deadlock detected|could not obtain lock")
# What the rule says that keeps the delivery's user to its fields: `odoo_parts`
NOT_OURS = "sales_lakehouse: not a field of the delivery"

# By the name of the exception
CLASSES: Mapping[str, tuple[ErrorClass, str]] = {
    "AccessError": ("permission", "not_allowed"),
    "AccessDenied": ("permission", "not_allowed"),
    "Unauthorized": ("permission", "not_allowed"),
    "MissingError": ("conflict", "record_is_gone"),
    "NotFound": ("permission", "no_such_model_or_method"),
    "SerializationFailure": ("transient", "row_locked"),
    "LockNotAvailable": ("transient", "row_locked"),
    "DeadlockDetected": ("transient", "row_locked"),
    "ConcurrencyError": ("transient", "row_locked"),
    # the database went away, perhaps after it had committed
    "OperationalError": ("unknown", "database_went_away"),
    "InterfaceError": ("unknown", "database_went_away"),
}
# Of what is written, whichever record it is
OF_THE_VALUES = {"ValueError", "KeyError", "TypeError", "UnprocessableEntity"}


def error_of(name: str, told: str) -> CrmError:
    """What an exception of Odoo means; its text names records and values, so it goes no further."""
    name = name.rpartition(".")[2]
    if NOT_OURS in told:
        return WrongValues("permission", "not_allowed")
    if field := re.search(r"Wrong value for [\w.]+\.(\w+):", told):
        return WrongValues("data", f"not_accepted: {field.group(1)}")
    if name in OF_THE_VALUES:
        return WrongValues("data", f"not_accepted: {name}")
    if LOCKED.search(told):
        return Refused("transient", "row_locked")
    kind, reason = CLASSES.get(name, ("data", f"refused: {name}"))
    return (NoAnswer if kind == "unknown" else Refused)(kind, reason)


class Session:
    """A user of one Odoo database, known by an API key.

    Args:
        protocol: null: as the server's version has it.
    """

    def __init__(
        self, access: Access, seconds: float = REQUEST_SECONDS, protocol: Protocol | None = None
    ) -> None:
        self._access, self._protocol, self.throttle = access, protocol, access.throttle
        self.url = access.url.rstrip("/")
        self.database = access.options.get("database", "odoo")
        self._http = httpx.Client(timeout=timeout(self.throttle, seconds))
        self._version, self._user_id, self._key = "", 0, Key()

    def version(self) -> str:
        """The server's series, such as 19.0."""
        if not self._version:
            try:
                self._version = str(self._asked("/web/version", None)["version"])
            except NoAnswer:
                # before 19 there is no such page
                told = self._asked("/jsonrpc", _rpc("common", "version"))
                self._version = str(told["server_serie"])
        return self._version

    def call(self, model: str, method: str, ids: Sequence[int] | None = None, **named: Any) -> Any:
        """Call a method of a model; sent again only while it is certain that nothing was done.

        Raises:
            Refused: the CRM said no.
            WrongValues: to these values.
            NoAnswer: it may have been done.
            CrmError: it could not be reached.
        """
        named["context"] = {**CONTEXT, **named.get("context", {})}
        if self._spoken() == "json2":
            of_records = {} if ids is None else {"ids": list(ids)}
            return self._asked(f"/json/2/{model}/{method}", {**of_records, **named})
        if not self._user_id:
            self._user_id = self._login()
        args = [] if ids is None else [list(ids)]
        who = (self.database, self._user_id, self._access.secret)
        return self._asked(
            "/jsonrpc", _rpc("object", "execute_kw", *who, model, method, args, named)
        )

    def _spoken(self) -> Protocol:
        if self._protocol is None:
            # an Online server calls itself saas~19.1
            major = re.search(r"\d+", self.version())
            is_new = major is not None and int(major[0]) >= FIRST_JSON2
            self._protocol = "json2" if is_new else "jsonrpc"
        return self._protocol

    def _login(self) -> int:
        who = (self.database, self._access.user, self._access.secret)
        found = self._asked("/jsonrpc", _rpc("common", "authenticate", *who, {}))
        if not found:
            raise CrmError("permission", f"{self.url}: wrong key for {self._access.user!r}")
        return int(found)

    @patient()
    def _asked(self, path: str, body: Mapping[str, Any] | None) -> Any:
        self.throttle.wait()
        is_json2 = path.startswith("/json/2/")
        headers = {"X-Odoo-Database": self.database} if is_json2 else {}
        if is_json2:
            headers["Authorization"] = f"bearer {self._access.secret}"
        try:
            method = "GET" if body is None else "POST"
            answer = self._http.request(method, f"{self.url}{path}", json=body, headers=headers)
        except NOT_SENT as error:
            raise CrmError("transient", f"{self.url} cannot be reached ({error})") from error
        except httpx.HTTPError as error:
            raise NoAnswer("unknown", f"{self.url} gave no answer: {error}") from error
        self._heed(answer)
        if is_json2:
            self._key.good()
        told = self._told(answer)
        if is_json2:
            if answer.status_code != 200:
                raise error_of(str(told.get("name")), str(told.get("message")))
            return told
        if body is None:
            return told
        if refusal := told.get("error"):
            raise error_of(str(refusal["data"]["name"]), str(refusal["data"]["message"]))
        return told.get("result")

    def _heed(self, answer: httpx.Response) -> None:
        """Answers of what stands before Odoo: a proxy, a limit, a key that is no key."""
        if answer.status_code in {429, 503}:
            self.throttle.heed(answer.headers.get("Retry-After"))
            raise CrmError("transient", f"{self.url} is busy: {answer.status_code}")
        if answer.status_code == 401:
            raise self._key.refused(f"{self.url}: wrong key for {self._access.user!r}")

    def _told(self, answer: httpx.Response) -> Any:
        try:
            told = answer.json()
        except ValueError:
            told = None
        # an error of Odoo's own is an object with a name; any other may have come after the work
        is_told = answer.status_code == 200 or (isinstance(told, dict) and "name" in told)
        if (told is None and answer.text != "null") or not is_told:
            raise NoAnswer("unknown", f"{self.url} answered {answer.status_code}, and not as Odoo")
        return told


def _rpc(service: str, method: str, *args: Any) -> dict[str, Any]:
    params = {"service": service, "method": method, "args": args}
    return {"jsonrpc": "2.0", "method": "call", "params": params}
