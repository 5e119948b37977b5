"""How fast a CRM is asked, and for how long: a token bucket, our share of the requests a day."""

import time

from pyrate_limiter import Duration, Limiter, Rate

from jobs import retry_after
from jobs.crm.adapter import CrmError, Quota

REQUESTS_A_SECOND = 20.0
DAILY_SHARE = 0.8  # the rest is the organisation's other programs'
HURRIED_SECONDS = 3.0  # that an answer is waited for where a person waits for it


class Later(CrmError):
    """Not now, and not within the time that a request waits for."""


class Throttle:
    """Asked before every request of a connection, told what the CRM answered.

    Args:
        a_second: requests, on average; a burst of as many goes at once.
        daily_share: of the organisation's requests a day that may be used up when we stop.

    Attributes:
        is_hurried: a person waits: each request is asked once, and its answer is soon there or not
            waited for.
    """

    def __init__(
        self, a_second: float = REQUESTS_A_SECOND, daily_share: float = DAILY_SHARE
    ) -> None:
        # the bucket counts whole requests: one a second and less are counted over a longer time
        seconds = max(1, round(1 / a_second))
        rate = Rate(max(1, round(a_second * seconds)), Duration.SECOND * seconds)
        self._limiter = Limiter(rate)
        self._daily_share = daily_share
        self._not_before = 0.0
        self.is_hurried = False
        self.requests = 0
        self.quota: Quota | None = None

    def wait(self) -> None:
        """Return when the next request may be sent.

        Raises:
            Later: our share of the day's requests is used up, or a hurried one would have to wait.
        """
        if self.quota and self.quota.used >= self.quota.limit * self._daily_share:
            raise Later(
                "transient",
                f"{self.quota.used:,} of the organisation's {self.quota.limit:,} requests a day "
                f"are used, of which we leave {1 - self._daily_share:.0%} to others: go on "
                "tomorrow, or raise rate.daily_share of the connection",
            )
        if (left := self._not_before - time.monotonic()) > 0:
            if self.is_hurried:
                raise Later("transient", f"the CRM is busy, and asks us to wait {left:,.0f} s")
            time.sleep(left)
        self._limiter.try_acquire("crm")
        self.requests += 1

    def patience(self, usual: float) -> float:
        """For how many seconds an answer, or a connection, is waited for."""
        return min(usual, HURRIED_SECONDS) if self.is_hurried else usual

    def hold(self, seconds: float) -> None:
        """The CRM asks for a pause (Retry-After): nothing is sent before its end."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def heed(self, told: str | None, otherwise: float = 0.0) -> None:
        """Hold for what Retry-After says, or else for so many seconds."""
        said = retry_after.seconds(told)
        self.hold(otherwise if said is None else said)

    def heard(self, used: int, limit: int) -> None:
        """What an answer told of the day's requests."""
        self.quota = Quota(used, limit)
