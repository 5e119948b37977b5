"""How many requests an account takes, and how it says so.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

# a second; of these answers HubSpot tells no limits
SEARCHES = 5


@dataclass
class Limits:
    """Requests granted, and those of the last seconds.

    Args:
        ten_seconds: a private app's, Professional and Enterprise.
        daily: the account's, Professional.
    """

    ten_seconds: int = 190
    daily: int = 650_000
    searches: int = SEARCHES
    used: int = 0
    _recent: deque[float] = field(default_factory=deque)
    _searched: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, is_search: bool) -> str | None:
        """Count a request; the name of the limit that forbids it."""
        with self._lock:
            now = time.monotonic()
            if self.used >= self.daily:
                return "DAILY"
            recent, most, seconds, policy = (
                (self._searched, self.searches, 1, "SECONDLY")
                if is_search
                else (self._recent, self.ten_seconds, 10, "TEN_SECONDLY_ROLLING")
            )
            while recent and recent[0] <= now - seconds:
                recent.popleft()
            if len(recent) >= most:
                return policy
            recent.append(now)
            self.used += 1
            return None

    def headers(self, is_search: bool) -> dict[str, str]:
        if is_search:
            return {}
        told = {
            "Daily": self.daily,
            "Daily-Remaining": self.daily - self.used,
            "Interval-Milliseconds": 10_000,
            "Max": self.ten_seconds,
            "Remaining": self.ten_seconds - len(self._recent),
        }
        return {f"X-HubSpot-RateLimit-{name}": str(value) for name, value in told.items()}
