"""HubSpot's calls over HTTP: who may ask, how much, by what contract, and the answers."""

import hmac
import json
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandbox.hubspot import contract, person
from infra.sandbox.hubspot.account import Account, Done, Problem
from infra.sandbox.hubspot.index import NotSearched, Version, instant
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import made

OBJECT = "contacts"
MOST_INPUTS = 100  # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
MOST_LISTED, LISTED = 100, 10
# https://developers.hubspot.com/docs/api-reference/2026-03/crm/search-the-crm
DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")

Told = tuple[int, Any]
Query = Mapping[str, list[str]]


@dataclass
class Sandbox:
    """The account, and how it is being asked."""

    account: Account
    token: str
    person_token: str
    limits: Limits = field(default_factory=Limits)
    expired: int = 0  # requests that are yet to be told that the token has expired
    slow_seconds: float = 0.0  # before each answer


def app(sandbox: Sandbox) -> Starlette:
    """The double as a web application."""
    answered: dict[str, Callable[[Account, Query, Any], Told]] = {
        "read": _read,
        "update": lambda account, _, body: _written(account, body, account.update),
        "upsert": lambda account, _, body: _written(account, body, account.upsert, _upserted),
        "page": _page,
        "search": _search,
        "properties": _properties,
        "create_properties": _create_properties,
    }
    routes = [
        Route(
            contract.calls()[name].path,
            _endpoint(sandbox, contract.calls()[name], answer, is_search=name == "search"),
            methods=[contract.calls()[name].method],
        )
        for name, answer in answered.items()
    ]
    # no class of the client has it:
    # https://developers.hubspot.com/docs/api-reference/legacy/account/account-information/get-account-details
    details = _endpoint(sandbox, None, lambda account, *_: (200, {"portalId": account.portal}))
    routes.append(Route("/account-info/v3/details", details))
    routes.append(Route("/sandbox/{what}", person.endpoint(sandbox), methods=["POST"]))
    return Starlette(routes=routes)


def _endpoint(
    sandbox: Sandbox,
    call: contract.Call | None,
    answer: Callable[[Account, Query, Any], Told],
    is_search: bool = False,
) -> Callable[[Request], Any]:
    def answered(request: Request, raw: bytes) -> Response:
        headers: dict[str, str] = {}
        try:
            _let_in(sandbox, request)
            if policy := sandbox.limits.take(is_search):
                return JSONResponse(_too_many(policy), 429, sandbox.limits.headers(is_search))
            headers = sandbox.limits.headers(is_search)
            time.sleep(sandbox.slow_seconds)
            status, body = _by_contract(sandbox.account, call, answer, request, raw)
        except Problem as problem:
            status, body = problem.status, _refusal(problem)
        except NotSearched as error:
            status, body = 400, _refusal(Problem("VALIDATION_ERROR", str(error)))
        try:
            if call:
                contract.check_answer(call, status, body)
        except contract.Broken as error:
            status, body = (
                500,
                _refusal(Problem("INTERNAL_ERROR", f"this double is wrong: {error}")),
            )
        return JSONResponse(body, status, headers)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answered, request, await request.body())

    return endpoint


def _let_in(sandbox: Sandbox, request: Request) -> None:
    if sandbox.expired:
        sandbox.expired -= 1
        raise Problem(
            "EXPIRED_AUTHENTICATION", "The token used to make this call expired", status=401
        )
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {sandbox.token}".encode()):
        raise Problem("INVALID_AUTHENTICATION", "Authentication credentials not found", status=401)


def _by_contract(
    account: Account,
    call: contract.Call | None,
    answer: Callable[[Account, Query, Any], Told],
    request: Request,
    raw: bytes,
) -> Told:
    if request.path_params.get("objectType", OBJECT) != OBJECT:
        raise Problem("VALIDATION_ERROR", "this double has contacts only")
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    try:
        body = json.loads(raw) if raw else None
        if call:
            contract.check_request(call, query, body)
    except (ValueError, contract.Broken) as error:
        raise Problem("VALIDATION_ERROR", f"Invalid input: {error}") from None
    return answer(account, query, body)


def _read(account: Account, query: Query, body: Any) -> Told:
    ids = [each["id"] for each in body["inputs"]]
    _check_inputs(ids)
    by = body.get("idProperty")
    if by and not (by in account.properties and account.properties[by].is_unique):
        raise Problem("VALIDATION_ERROR", f"{by} is not a unique property")
    found = {each: account.current(each, by) for each in ids}
    names = body["properties"] or DEFAULTS
    # in an order of its own, and one record once, however many of its ids were asked for
    there = {version.id: version for version in found.values() if version}
    results = [_shown(there[each], names, account) for each in sorted(there)]
    if missing := [each for each, version in found.items() if version is None]:
        gone = Problem(
            "OBJECT_NOT_FOUND",
            "Could not get some CONTACT objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            context={"ids": missing},
        )
        return 207, _batch(results, [gone])
    return 200, _batch(results)


def _written(
    account: Account,
    body: Any,
    write: Callable[[Any], tuple[list[Done], list[Problem]]],
    more: Callable[[Done], dict[str, Any]] = lambda done: {},
) -> Told:
    _check_inputs([(each.get("idProperty"), each["id"]) for each in body["inputs"]])
    done, problems = write(body["inputs"])
    results = []
    for each in reversed(done):  # order is promised nowhere
        names = {*each.version.properties, *ALWAYS}
        shown = _shown(each.version, names, account) | more(each)
        results.append(shown | ({"objectWriteTraceId": each.trace} if each.trace else {}))
    is_partial = len(done) < len(body["inputs"])
    return (207, _batch(results, problems)) if is_partial else (200, _batch(results))


def _upserted(done: Done) -> dict[str, Any]:
    return {"new": done.is_new}


def _page(account: Account, query: Query, body: Any) -> Told:
    limit, after = query.get("limit", [str(LISTED)])[0], query.get("after", ["0"])[0]
    if not (limit.isdigit() and after.isdigit() and 0 < int(limit) <= MOST_LISTED):
        raise Problem("VALIDATION_ERROR", f"limit is up to {MOST_LISTED}")
    is_archived = query.get("archived", ["false"])[0] == "true"
    versions, last = account.page(after, int(limit), is_archived)
    asked = [name for each in query.get("properties", ()) for name in each.split(",")]
    results = [_shown(version, asked or DEFAULTS, account) for version in versions]
    return 200, {"results": results, **_paging(last)}


def _search(account: Account, query: Query, body: Any) -> Told:
    with account.lock:
        hits, total, after = account.index.search(body, account.properties, account.now())
    names = body.get("properties") or DEFAULTS
    results = [_shown(version, names, account) for version in hits]
    return 200, {"results": results, "total": total, **_paging(after)}


def _properties(account: Account, query: Query, body: Any) -> Told:
    return 200, {"results": [each.told() for each in account.properties.values()]}


def _create_properties(account: Account, query: Query, body: Any) -> Told:
    new = [made(told) for told in body["inputs"]]
    if there := [each.name for each in new if each.name in account.properties]:
        raise Problem("CONFLICT", f"there are properties of these names: {there}", status=409)
    account.properties |= {each.name: each for each in new}
    return 201, _batch([each.told() for each in new])


def _check_inputs(ids: Collection[object]) -> None:
    if len(ids) > MOST_INPUTS:
        raise Problem("VALIDATION_ERROR", f"up to {MOST_INPUTS} inputs are allowed")
    if len(set(ids)) < len(ids):
        raise Problem("VALIDATION_ERROR", "Duplicate IDs found in batch input")


def _shown(version: Version, names: Iterable[str], account: Account) -> dict[str, Any]:
    """A record as answers have it: properties that are not known are left out."""
    known = [name for name in {*names, *ALWAYS} if name in account.properties]
    archived = version.archived
    return {
        "id": version.id,
        "properties": {name: version.value(name) for name in known},
        "createdAt": instant(version.created),
        "updatedAt": instant(version.updated),
        "archived": archived is not None,
        **({"archivedAt": instant(archived)} if archived is not None else {}),
    }


def _batch(results: list[dict[str, Any]], problems: Collection[Problem] | None = None) -> Any:
    now = instant(round(time.time() * 1000))
    told = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if problems is None:
        return told
    return told | {"numErrors": len(problems), "errors": [_error(each) for each in problems]}


def _paging(after: str | None) -> dict[str, Any]:
    return {"paging": {"next": {"after": after}}} if after else {}


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


def _refusal(problem: Problem) -> dict[str, Any]:
    return {
        "status": "error",
        "message": problem.message,
        "correlationId": str(uuid.uuid4()),
        "category": problem.category,
        "context": problem.context,
    }


def _too_many(policy: str) -> dict[str, Any]:
    return {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
