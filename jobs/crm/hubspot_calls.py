"""HubSpot's calls, made by its own client within its limits, and what its errors mean.

The client builds and signs the requests. Its answers are read as plain JSON: its classes would turn
a page of HTML that came instead of one into something strange.
https://developers.hubspot.com/docs/api-reference/error-handling
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from hubspot import Client
from hubspot.crm import objects, properties
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from jobs import retry_after
from jobs.crm.access import refuse_plain
from jobs.crm.adapter import CrmError, ErrorClass, Quota
from jobs.crm.patience import Key, patient
from jobs.crm.throttle import Later, Throttle
from jobs.crm.writing import NoAnswer, Refused

REQUEST_SECONDS = 60.0  # the vendor names no longest time [assumed]
CONNECT_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # how long a request that was not taken is sent again
SEARCHES_A_SECOND = 4.0  # 5 are granted, to all that ask with this token
# Where a 429 names no time: the window of its limit
WINDOWS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
LOCKED_SECONDS = 2.0  # of a 423, and where nothing else is said
DAILY = "X-HubSpot-RateLimit-Daily"
BUSY = {423, 429, 477}  # and 503 where it says when to come again; of another nothing is certain

NOT_SENT = (NewConnectionError, ConnectTimeoutError)
REFUSALS = (objects.ApiException, properties.ApiException)  # each part of the client has its own

CLASSES: Mapping[str, tuple[ErrorClass, str]] = {
    "OBJECT_NOT_FOUND": ("conflict", "record_is_gone"),
    "CONFLICT": ("data", "not_unique"),
    "MISSING_SCOPES": ("permission", "not_allowed"),
    "RATE_LIMITS": ("transient", "busy"),
}


def classified(error: Mapping[str, Any]) -> tuple[ErrorClass, str]:
    """Class and reason of an error; its text quotes values, so names of properties at most."""
    category = str(error.get("category", ""))
    if category in CLASSES:
        return CLASSES[category]
    message = str(error.get("message", ""))
    context = error.get("context") or {}
    names = {*re.findall(r'"name":\s*"(\w+)"', message), *context.get("propertyName", ())}
    codes = set(re.findall(r'"error":\s*"([A-Z_]+)"', message))
    if names or codes:
        return "data", f"not_accepted: {', '.join(sorted(names))} {' '.join(sorted(codes))}".strip()
    return "data", f"refused: {category if category.isidentifier() else 'no reason given'}"


class Session:
    """An account of HubSpot, asked with the token of a private app."""

    def __init__(
        self,
        url: str,
        token: str,
        throttle: Throttle,
        seconds: float = REQUEST_SECONDS,
        searches_a_second: float = SEARCHES_A_SECOND,
    ) -> None:
        refuse_plain(url)
        if not re.fullmatch(r"[!-~]+", token := token.strip()):
            # the HTTP library's own error would quote it
            raise CrmError("permission", f"{url}: the token is empty, or has blanks in it")
        # it asks once: what may be sent again is decided here
        client = Client.create(access_token=token, host=url.rstrip("/"), retry=False)
        self._batches, self._pages = client.crm.objects.batch_api, client.crm.objects.basic_api
        self._searches = client.crm.objects.search_api
        self._properties = client.crm.properties.core_api
        self._url, self.throttle = url, throttle
        self._of_searches = Throttle(searches_a_second)
        # anything else than two numbers is passed over in silence
        self._timeout = (throttle.patience(CONNECT_SECONDS), throttle.patience(seconds))
        self._key = Key()

    def batch(
        self, verb: Literal["read", "update", "upsert"], kind: str, body: Mapping[str, Any]
    ) -> Any:
        send = getattr(self._batches, verb)
        return self._asked(lambda **how: send(kind, body, **how), is_write=verb != "read")

    def page(self, kind: str, properties: Collection[str], limit: int, after: str | None) -> Any:
        told = {
            "limit": limit,
            "properties": list(properties),
            **({"after": after} if after else {}),
        }
        return self._asked(lambda **how: self._pages.get_page(kind, **told, **how))

    def search(self, kind: str, body: Mapping[str, Any]) -> Any:
        self._of_searches.wait()
        return self._asked(lambda **how: self._searches.do_search(kind, body, **how))

    def properties(self, kind: str) -> Any:
        return self._asked(lambda **how: self._properties.get_all(kind, **how))["results"]

    def quota(self, kind: str) -> Quota | None:
        """Of the day, as the last answer told it; a small one is asked for where none has yet."""
        if self.throttle.quota is None:
            self.page(kind, [], 1, None)
        return self.throttle.quota

    def portal(self) -> str:
        """The account's number. The client has no call for it but has all that makes one."""
        client = self._batches.api_client
        call = ("/account-info/v3/details", "GET")
        told = self._asked(
            lambda **how: client.call_api(
                *call, auth_settings=["oauth2"], response_types_map={}, **how
            )
        )
        return str(told["portalId"])

    @patient(PATIENCE_SECONDS)
    def _asked(self, send: Callable[..., Any], is_write: bool = False) -> Any:
        """The answer's JSON; sent again only while it is certain that nothing was written.

        Raises:
            Refused: HubSpot said no.
            NoAnswer: it may have been done.
            CrmError: it could not be reached, or not now.
        """
        try:
            return self._once(send)
        except NoAnswer as lost:
            if is_write:
                raise
            raise CrmError("transient", str(lost)) from lost

    def _once(self, send: Callable[..., Any]) -> Any:
        self.throttle.wait()
        try:
            answer = send(_preload_content=False, _request_timeout=self._timeout)
            status, headers, body = answer.status, answer.headers, answer.data
        except REFUSALS as error:
            status, headers, body = error.status, error.headers or {}, error.body or ""
        except AttributeError as error:
            # the client decodes the body of its own word for a certificate that is not believed
            if getattr(error.__context__, "status", None) != 0:
                raise
            status, headers, body = 0, {}, ""
        except NOT_SENT as error:
            raise CrmError(
                "transient", f"{self._url} cannot be reached: {type(error).__name__}"
            ) from error
        except HTTPError as error:
            raise NoAnswer(
                "unknown", f"{self._url} gave no answer: {type(error).__name__}"
            ) from error
        self._hear(headers)
        return self._understood(status, headers, _json(body))

    def _hear(self, headers: Mapping[str, str]) -> None:
        limit, left = headers.get(DAILY, ""), headers.get(f"{DAILY}-Remaining", "")
        if limit.isdigit() and left.isdigit():
            self.throttle.heard(int(limit) - int(left), int(limit))

    def _understood(self, status: int, headers: Mapping[str, str], told: Any) -> Any:
        where = f"{self._url} answered {status}"
        if not status:
            # the client's word for a certificate that is not believed
            raise CrmError("transient", f"{self._url} cannot be reached: no TLS with it")
        if status in BUSY or (status == 503 and "Retry-After" in headers):
            raise self._busy(where, headers, told or {})
        if status == 401:
            raise self._key.refused(f"{where}: the token is not that of a private app in use")
        if status == 403:
            raise CrmError("permission", f"{where}: the private app lacks a scope")
        if 400 <= status < 500:
            raise Refused(*classified(told or {}))
        if status >= 300 or not isinstance(told, dict):
            raise NoAnswer("unknown", where if status >= 300 else f"{where}, but not with JSON")
        self._key.good()
        return told

    def _busy(self, where: str, headers: Mapping[str, str], told: Mapping[str, Any]) -> CrmError:
        policy = str(told.get("policyName", ""))
        said = retry_after.seconds(headers.get("Retry-After"))
        seconds = WINDOWS.get(policy, LOCKED_SECONDS) if said is None else said
        if policy == "DAILY":
            return Later("transient", f"{where}: the account's requests of today are used up")
        if seconds > PATIENCE_SECONDS:
            return Later("transient", f"{where}: come again in {seconds:,.0f} s")
        self.throttle.hold(seconds)
        return CrmError("transient", f"{where}: too many requests")


def _json(body: bytes | str) -> Any:
    """The dict in an answer; null where it is something else."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
