"""The forms of HubSpot's answers: of a batch, and of a refusal.

https://developers.hubspot.com/docs/api-reference/error-handling
"""

import time
import uuid
from collections.abc import Collection
from typing import Any

from infra.sandbox.hubspot.account import Problem
from infra.sandbox.hubspot.index import instant


def batch(results: list[dict[str, Any]], problems: Collection[Problem] | None = None) -> Any:
    now = instant(round(time.time() * 1000))
    told = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if problems is None:
        return told
    return told | {"numErrors": len(problems), "errors": [_error(each) for each in problems]}


def _error(problem: Problem) -> dict[str, Any]:
    """One record's problem, in an answer that has others too."""
    return {
        "status": "error",
        "category": problem.category,
        "message": problem.message,
        "context": problem.context,
        "errors": [],
        "links": {},
    }


def refusal(problem: Problem) -> dict[str, Any]:
    return {
        "status": "error",
        "message": problem.message,
        "correlationId": str(uuid.uuid4()),
        "category": problem.category,
        "context": problem.context,
    }


def too_many(policy: str) -> dict[str, Any]:
    return {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
