"""JSON over HTTPS, each request signed: HMAC-SHA256 of time, nonce, method, path and body."""

import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from jobs.crm.access import Access, refuse_plain
from jobs.crm.adapter import CrmError
from jobs.crm.patience import NOT_SENT, patient, timeout
from jobs.crm.writing import NoAnswer, Refused

REQUEST_SECONDS = 60.0
BUSY_SECONDS = 1.0  # where a busy server names no time


class Session:
    """One server, which must be among the hosts that the connection allows."""

    def __init__(self, access: Access, seconds: float = REQUEST_SECONDS) -> None:
        self._access, to = access, urlsplit(access.url)
        allowed = access.options["hosts"].split()
        if to.hostname not in allowed:
            raise CrmError("permission", f"{to.hostname} is none of the hosts {allowed}")
        refuse_plain(access.url)
        # no redirects, no proxy of the environment: it talks to that host or to none
        self.throttle = access.throttle
        self._http = httpx.Client(
            base_url=access.url, timeout=timeout(self.throttle, seconds), trust_env=False
        )

    @patient()
    def ask(self, path: str, told: Mapping[str, Any], is_write: bool = False) -> Any:
        """The answer; sent again only while it is certain that nothing was written."""
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        self.throttle.wait()
        try:
            answer = self._http.post(path, content=body, headers=self._signed(path, body))
            return self._understood(answer)
        except NOT_SENT as error:
            raise CrmError("transient", f"{self._access.url} cannot be reached: {error}") from error
        except httpx.HTTPError as error:
            lost = NoAnswer("unknown", f"{self._access.url} gave no answer: {error}")
            raise (lost if is_write else CrmError("transient", str(lost))) from error
        except NoAnswer as lost:
            if is_write:
                raise
            raise CrmError("transient", str(lost)) from lost

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        at, nonce = str(int(dt.datetime.now(dt.UTC).timestamp())), secrets.token_hex(16)
        return {
            "Content-Type": "application/json",
            "X-App-Key": self._access.user,
            "X-Timestamp": at,
            "X-Nonce": nonce,
            "X-Signature": signature(self._access.secret, at, nonce, path, body),
        }

    def _understood(self, answer: httpx.Response) -> Any:
        status, where = answer.status_code, f"{self._access.url} answered {answer.status_code}"
        if status == 429 or (status == 503 and "Retry-After" in answer.headers):
            self.throttle.heed(answer.headers.get("Retry-After"), BUSY_SECONDS)
            raise CrmError("transient", f"{where}: busy")
        if status in {401, 403}:
            raise CrmError("permission", f"{where}: key or signature are not accepted")
        if 400 <= status < 500:
            raise Refused("data", where)
        if status != 200 or not answer.headers.get("Content-Type", "").startswith(
            "application/json"
        ):
            raise NoAnswer("unknown", where)
        try:
            return answer.json()
        except ValueError:
            raise NoAnswer("unknown", f"{where}, and no JSON") from None


def signature(secret: str, at: str, nonce: str, path: str, body: bytes) -> str:
    """Of a POST, in small hexadecimal digits."""
    text = "\n".join((at, nonce, "POST", path, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
