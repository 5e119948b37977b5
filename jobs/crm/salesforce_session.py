"""Salesforce's HTTP: a session that logs in, keeps to the throttle, and names what went wrong.

`simple-salesforce` makes the requests. It waits for ever, keeps no pace, cannot log in where the
address is not salesforce.com, and quotes answers in its errors: what it lacks stands here.
"""

import logging
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)
from urllib3.exceptions import NewConnectionError

from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.salesforce_errors import classified, of_answer
from jobs.crm.writing import NoAnswer, Refused

T = TypeVar("T")

API_VERSION = "59.0"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 150.0  # a query may take 120 s before Salesforce gives it up
PATIENCE_SECONDS = 60.0  # how long a request that was not taken is sent again
# https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm
TOKEN = "/services/oauth2/token"  # noqa: S105 an address
# At DEBUG it writes addresses down, and a query for a person's e-mail stands in one
logging.getLogger("urllib3").setLevel(logging.INFO)
USED = re.compile(r"api-usage=(\d+)/(\d+)")


class _Busy(CrmError):
    """Nothing was done, and a moment later it may be."""


class _NoReading(CrmError):
    """A reading request has no answer."""


class _Paced(requests.Session):
    """Requests to one organisation, each with our session and not before its time.

    With a user, the connected app's consumer key, the secret is the app's and sessions are made of
    it; without one the secret is a session itself, which cannot be renewed.
    """

    def __init__(self, access: Access) -> None:
        super().__init__()
        self._access, self.throttle = access, access.throttle
        self._token = None if access.user else access.secret
        # else REQUESTS_CA_BUNDLE and .netrc of the environment come before what is told here
        self.trust_env = False
        self.verify = access.options.get("ca_file", True)
        self.auth = self._signed

    def _signed(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is None:
            self._token = self._log_in()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        self.throttle.wait()
        usual = (CONNECT_SECONDS, ANSWER_SECONDS)
        how["timeout"] = how.get("timeout") or tuple(self.throttle.patience(each) for each in usual)
        how["allow_redirects"] = False  # what we say goes to this address only
        answer = super().send(request, **how)
        if used := USED.search(answer.headers.get("Sforce-Limit-Info", "")):
            self.throttle.heard(int(used[1]), int(used[2]))
        self.throttle.heed(answer.headers.get("Retry-After"))
        return answer

    def ended(self) -> bool:
        """The session has ended; false: and a new one cannot be made."""
        self._token = None if self._access.user else self._token
        return self._token is None

    def _log_in(self) -> str:
        told = {"grant_type": "client_credentials", "client_id": self._access.user}
        told["client_secret"] = self._access.secret
        url = self._access.url.rstrip("/") + TOKEN
        try:
            answer = self.post(url, data=told, auth=lambda request: request)
        except requests.exceptions.SSLError:
            raise
        except requests.exceptions.RequestException:
            # the request that wanted a session was not sent
            raise _Busy("transient", f"{self._access.url} gives no session") from None
        if answer.status_code in {429, 503}:
            raise _Busy("transient", f"{self._access.url} is busy: {answer.status_code}")
        content = _json(answer)
        if answer.status_code in {400, 401}:
            raise CrmError(
                "permission",
                f"{self._access.url} refuses the consumer key {self._access.user!r} "
                f"({of_answer(content)}): check key and secret of its connected app, and that "
                "its client credentials flow has a user to run as",
            )
        if answer.status_code != 200 or "access_token" not in content:
            raise _Busy("transient", f"{self._access.url}: no session ({answer.status_code})")
        return str(content["access_token"])


class Connection:
    """An organisation, asked as one user."""

    def __init__(self, access: Access) -> None:
        self.url = access.url.rstrip("/")
        self.http = _Paced(access)
        self.version = access.options.get("api_version", API_VERSION)
        self.api = Salesforce(
            instance_url=self.url,
            session_id="",  # `_Paced` signs
            session=self.http,
            version=self.version,
            parse_float=Decimal,
        )
        self._in_a_row = 0  # answers that the session has ended

    def read(self, request: Callable[[], T]) -> T:
        """What a request answers that changes nothing; sent again until it has an answer.

        Raises:
            Refused: the CRM said no.
            CrmError: it could not be reached.
        """

        def reading() -> T:
            try:
                return self._asked(request)
            except NoAnswer as error:
                raise _NoReading("transient", str(error)) from None
            except Refused as error:
                raise Refused(error.kind, f"{self.url} does not answer: {error}") from None

        return self._patiently(reading)

    def get(self, path: str) -> Any:
        """The JSON at an address as answers give it, or below that of the API; see `read`."""
        below = path.removeprefix(f"/services/data/v{self.version}/")
        return self.read(lambda: self.api.restful(below))

    def write(self, request: Callable[[], T]) -> T:
        """What a request answers; sent again only while it is certain that nothing was done.

        Raises:
            Refused: the CRM said no.
            NoAnswer: it may have been done.
            CrmError: it could not be reached.
        """
        return self._patiently(lambda: self._asked(request))

    def _patiently(self, request: Callable[[], T]) -> T:
        """Try again and again, at growing intervals, what a moment later may do."""
        is_too_long = stop_after_delay(PATIENCE_SECONDS)
        trying = Retrying(
            retry=retry_if_exception_type((_Busy, _NoReading)),
            wait=wait_random_exponential(0.2, max=5),
            stop=lambda state: self.http.throttle.is_hurried or is_too_long(state),
            reraise=True,
        )
        return trying(request)

    def _asked(self, request: Callable[[], T]) -> T:
        # `from None` below: what the client raises quotes the answer, and that names people
        try:
            told = request()
        except SalesforceError as error:
            raise self._failure(error.status, error.content) from None
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise CrmError(
                    "permission", f"the certificate of {self.url} is not trusted: see `ca_file`"
                ) from None
            raise NoAnswer("unknown", f"{self.url} gave no answer") from None
        except requests.exceptions.RequestException as error:
            if _was_not_sent(error):
                raise _Busy("transient", f"{self.url} cannot be reached") from None
            told_of = type(error).__name__
            raise NoAnswer("unknown", f"{self.url} gave no answer ({told_of})") from None
        except ValueError:
            # an answer that is no JSON, of a proxy between us
            raise NoAnswer("unknown", f"{self.url} answered something else than JSON") from None
        self._in_a_row = 0
        return told

    def _failure(self, status: int, content: Any) -> CrmError:
        code = of_answer(content)
        if status == 401:
            self._in_a_row += 1
            if self._in_a_row < 3 and self.http.ended():
                return _Busy("transient", f"{self.url}: the session has ended")
            return CrmError("permission", f"{self.url} takes no session of this user ({code})")
        if status in {429, 503}:
            return _Busy("transient", f"{self.url} is busy: {status}")
        if status >= 500:
            return NoAnswer("unknown", f"{self.url} answered {status}")
        return Refused(classified(code), code)


def _was_not_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection was never made."""
    cause = error.args[0] if error.args else None
    is_new = isinstance(getattr(cause, "reason", None), NewConnectionError)
    return is_new or isinstance(error, requests.exceptions.ConnectTimeout)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}
