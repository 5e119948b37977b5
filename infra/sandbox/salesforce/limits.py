"""What the organisation is granted a day: rest:resources-limits.html, headers-api-usage.html."""

from dataclasses import dataclass
from typing import Any

from infra.sandbox.salesforce.errors import ApiError

# https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/
# salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm: and more by licence
DAILY_REQUESTS = 100_000


@dataclass
class Usage:
    """Requests of the last 24 hours, of all programs of the organisation."""

    used: int = 0
    limit: int = DAILY_REQUESTS

    def count(self) -> None:
        """One more request, or ApiError if there are none left (rest:errorcodes.html)."""
        if self.used >= self.limit:
            raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1

    @property
    def header(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.used}/{self.limit}"}

    def as_json(self) -> dict[str, Any]:
        """Of the many limits the two that the pipeline could meet."""
        return {
            "DailyApiRequests": {"Max": self.limit, "Remaining": self.limit - self.used},
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
        }
