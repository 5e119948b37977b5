"""A request that was not taken is sent again, as long as nothing can have been done by it."""

from collections.abc import Callable
from typing import Any, Protocol

import httpx
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from jobs.crm.adapter import CrmError, ErrorClass
from jobs.crm.throttle import Later, Throttle

PATIENCE_SECONDS = 30.0
CONNECT_SECONDS = 5.0
# failures of httpx that come before anything was sent
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Session(Protocol):
    """Whose requests are patient."""

    throttle: Throttle


def patient(seconds: float = PATIENCE_SECONDS) -> Callable[[Any], Any]:
    """Decorates a session's request: a `transient` CrmError is tried again at growing intervals."""
    is_too_long = stop_after_delay(seconds)

    def is_enough(state: RetryCallState) -> bool:
        session: Session = state.args[0]
        return session.throttle.is_hurried or is_too_long(state)

    return retry(
        retry=retry_if_exception(_may_pass),
        wait=wait_random_exponential(0.2, max=5),
        stop=is_enough,
        reraise=True,
    )


def timeout(throttle: Throttle, seconds: float) -> httpx.Timeout:
    """How long httpx waits for a connection, and for an answer that may take so many seconds."""
    return httpx.Timeout(throttle.patience(seconds), connect=throttle.patience(CONNECT_SECONDS))


class Key:
    """A key that was good a moment ago is shown once more: a 401 may be a proxy's word, or early.

    https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
    """

    def __init__(self) -> None:
        self._was_good = False

    def good(self) -> None:
        self._was_good = True

    def refused(self, message: str) -> CrmError:
        """What a 401 means now."""
        kind: ErrorClass = "transient" if self._was_good else "permission"
        self._was_good = False
        return CrmError(kind, message)


def _may_pass(error: BaseException) -> bool:
    is_passing = isinstance(error, CrmError) and error.kind == "transient"
    return is_passing and not isinstance(error, Later)
