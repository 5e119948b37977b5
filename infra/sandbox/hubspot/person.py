"""What a person at the CRM does, and what may go wrong with HubSpot itself: `POST /sandbox/...`.

With a token of its own: nothing here is HubSpot's API.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.sandbox.hubspot.account import Account, Problem
from infra.sandbox.hubspot.index import Version
from infra.sandbox.hubspot.properties import KEY

if TYPE_CHECKING:
    from infra.sandbox.hubspot.api import Sandbox

Told = Mapping[str, Any]


def endpoint(sandbox: "Sandbox") -> Callable[[Request], Any]:
    """`/sandbox/{what}`; a record is told by `key`, its sales_account_id, or by `id`."""

    def done(request: Request, raw: bytes) -> Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {sandbox.person_token}".encode()):
            return JSONResponse({"message": "this needs the person's token"}, 401)
        act = ACTS.get(request.path_params["what"])
        if act is None:
            return JSONResponse({"message": f"one of {', '.join(sorted(ACTS))}"}, 404)
        try:
            return JSONResponse(act(sandbox, json.loads(raw or b"{}")) or {})
        except Problem as problem:
            return JSONResponse({"message": problem.message}, problem.status)

    async def answered(request: Request) -> Response:
        return await run_in_threadpool(done, request, await request.body())

    return answered


def start(sandbox: "Sandbox", told: Told) -> None:
    """{"records": [{property: value}]}: these contacts, and no others."""
    sandbox.account.start(told["records"])


def edit(sandbox: "Sandbox", told: Told) -> None:
    """{"key", "values": {property: value}}"""
    sandbox.account.write([_record(sandbox.account, told)], told["values"])


def together(sandbox: "Sandbox", told: Told) -> None:
    """{"keys": [...], "values": {...}}: all of them at one instant, as an import does."""
    records = [_record(sandbox.account, {"key": key}) for key in told["keys"]]
    sandbox.account.write(records, told.get("values", {}))


def archive(sandbox: "Sandbox", told: Told) -> None:
    """{"key"}: to the recycling bin."""
    sandbox.account.archive(_record(sandbox.account, told))


def merge(sandbox: "Sandbox", told: Told) -> Told:
    """{"key", "into"}: `into` is the primary; answers the id of what both become."""
    primary = _record(sandbox.account, {"key": told["into"]})
    return {"id": sandbox.account.merge(primary, _record(sandbox.account, told)).id}


def expire(sandbox: "Sandbox", told: Told) -> None:
    """{"requests"}: so many are told that the token has expired."""
    sandbox.expired = told["requests"]


def scopes(sandbox: "Sandbox", told: Told) -> None:
    """{"scopes": [...]}: what the pipeline's token may do now."""
    sandbox.scopes = set(told["scopes"])


def slow(sandbox: "Sandbox", told: Told) -> None:
    """{"seconds"}: before each answer."""
    sandbox.slow_seconds = told["seconds"]


def tell(sandbox: "Sandbox", told: Told) -> None:
    """{"how"}: each, whole or silent, see `account.Telling`."""
    sandbox.account.telling = told["how"]


ACTS: Mapping[str, Callable[["Sandbox", Told], Told | None]] = {
    act.__name__: act for act in (start, edit, together, archive, merge, expire, scopes, slow, tell)
}


def _record(account: Account, told: Told) -> Version:
    found = account.current(told["id"]) if "id" in told else account.current(told["key"], KEY)
    if found is None:
        raise Problem("OBJECT_NOT_FOUND", "there is no such contact", status=404)
    return found
