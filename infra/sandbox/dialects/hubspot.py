"""HubSpot on the wire: batches of objects, answers whose results are joined by key.

https://developers.hubspot.com/docs/api-reference/error-handling and, for the batches, the official
client of Python, hubspot-api-client (hubspot/crm/objects/api/batch_api.py).
"""

import json
import re
from typing import Any

from infra.sandbox.dialects.plain import (
    Answer,
    Plain,
    Request,
    Touched,
    as_json,
    half,
    shown,
    touched,
)

BATCH = re.compile(r"/batch/(create|read|update|upsert|archive)$")
RECORD = re.compile(r"/objects/(?:\d{4}-\d\d/)?[\w-]+/([^/]+)$")
READS = re.compile(r"(/batch/read|/search|/oauth/.*)$")  # though they are asked by POST
LOCK_SECONDS = 2  # how long a lock lasts, at the first address above


class HubSpot(Plain):
    name = "hubspot"
    lacks = frozenset()

    def is_write(self, request: Request) -> bool:
        return super().is_write(request) and not READS.search(request.path)

    def records(self, request: Request) -> list[Touched]:
        if BATCH.search(request.path):
            return [touched(_key(each), each.get("properties")) for each in _inputs(request)]
        record = RECORD.search(request.path)
        return [touched(record[1] if record else "", request.json)]

    def first_half(self, request: Request) -> bytes | None:
        if not BATCH.search(request.path) or (part := half(_inputs(request))) is None:
            return None
        return json.dumps(request.json | {"inputs": part}).encode()

    def is_joined(self, request: Request) -> bool:
        """A result has its record's id; `objectWriteTraceId` joins an error to its input."""
        return request.method == "POST" and bool(BATCH.search(request.path))

    def reordered(self, request: Request, body: bytes) -> bytes:
        told = json.loads(body)
        return json.dumps(told | {"results": told["results"][::-1]}).encode()

    def busy(self, request: Request) -> Answer:
        """https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines."""
        told = "You have reached your secondly limit."
        return _error(429, told, errorType="RATE_LIMIT", policyName="SECONDLY")

    def unavailable(self, request: Request) -> Answer:
        """The status is documented, the body is assumed."""
        return _error(503, "Service temporarily unavailable")

    def expired(self, request: Request) -> Answer:
        """The status is documented, the body was seen: airbytehq/airbyte#74726."""
        told = "The OAuth token used to make this call expired 0 second(s) ago."
        return _error(401, told, category="EXPIRED_AUTHENTICATION")

    def locked(self, request: Request) -> Answer:
        """The status and the time are documented, the body is assumed."""
        return _error(423, f"Locked: wait for {LOCK_SECONDS} seconds")


def _inputs(request: Request) -> list[dict[str, Any]]:
    told = request.json
    return list(told.get("inputs", [])) if isinstance(told, dict) else []


def _key(given: dict[str, Any]) -> str:
    """The id of an input; where a property of its own says which record it is, with its name."""
    key, name = shown(str(given.get("id", ""))), given.get("idProperty")
    return f"{name}={key}" if name else key


def _error(status: int, message: str, **more: str) -> Answer:
    return as_json(status, {"status": "error", "message": message, **more})
