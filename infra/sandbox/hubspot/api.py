"""HubSpot's calls over HTTP: who may ask, how much, by what contract, and the answers."""

import hmac
import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandbox.hubspot import contract, person, schemas
from infra.sandbox.hubspot.account import Account, Done, Problem
from infra.sandbox.hubspot.answers import batch, refusal, too_many
from infra.sandbox.hubspot.index import NotSearched, Version, instant
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.schemas import Query, Told

OBJECT = "contacts"
MOST_INPUTS = 100  # https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
MOST_LISTED, LISTED = 100, 10
# https://developers.hubspot.com/docs/api-reference/2026-03/crm/search-the-crm
DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")


@dataclass
class Sandbox:
    """The account, and how it is being asked."""

    account: Account
    token: str
    person_token: str
    limits: Limits = field(default_factory=Limits)
    scopes: set[str] = field(default_factory=lambda: set(schemas.SCOPES.values()))  # of the token
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
        "properties": schemas.properties,
        "create_properties": schemas.create_properties,
        "groups": schemas.groups,
        "create_group": schemas.create_group,
    }
    routes = [
        Route(
            contract.calls()[name].path,
            _endpoint(sandbox, name, answer),
            methods=[contract.calls()[name].method],
        )
        for name, answer in answered.items()
    ]
    # no class of the client has it:
    # https://developers.hubspot.com/docs/api-reference/legacy/account/account-information/get-account-details
    details = _endpoint(sandbox, "", lambda account, *_: (200, {"portalId": account.portal}))
    routes.append(Route("/account-info/v3/details", details))
    routes.append(Route("/sandbox/{what}", person.endpoint(sandbox), methods=["POST"]))
    return Starlette(routes=routes)


def _endpoint(
    sandbox: Sandbox, name: str, answer: Callable[[Account, Query, Any], Told]
) -> Callable[[Request], Any]:
    """What answers a call by its name in `contract`; empty: one that is not in there."""
    call, is_search = contract.calls().get(name), name == "search"

    def answered(request: Request, raw: bytes) -> Response:
        headers: dict[str, str] = {}
        try:
            _let_in(sandbox, request, schemas.SCOPES.get(name))
            if policy := sandbox.limits.take(is_search):
                return JSONResponse(too_many(policy), 429, sandbox.limits.headers(is_search))
            headers = sandbox.limits.headers(is_search)
            time.sleep(sandbox.slow_seconds)
            status, body = _by_contract(sandbox.account, call, answer, request, raw)
        except Problem as problem:
            status, body = problem.status, refusal(problem)
        except NotSearched as error:
            status, body = 400, refusal(Problem("VALIDATION_ERROR", str(error)))
        try:
            if call:
                contract.check_answer(call, status, body)
        except contract.Broken as error:
            status, body = (
                500,
                refusal(Problem("INTERNAL_ERROR", f"this double is wrong: {error}")),
            )
        return JSONResponse(body, status, headers)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answered, request, await request.body())

    return endpoint


def _let_in(sandbox: Sandbox, request: Request, scope: str | None) -> None:
    if sandbox.expired:
        sandbox.expired -= 1
        raise Problem(
            "EXPIRED_AUTHENTICATION", "The token used to make this call expired", status=401
        )
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {sandbox.token}".encode()):
        raise Problem("INVALID_AUTHENTICATION", "Authentication credentials not found", status=401)
    if scope and scope not in sandbox.scopes:
        raise Problem("MISSING_SCOPES", f"This needs the scope {scope}", status=403)


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
        return 207, batch(results, [gone])
    return 200, batch(results)


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
    return (207, batch(results, problems)) if is_partial else (200, batch(results))


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


def _paging(after: str | None) -> dict[str, Any]:
    return {"paging": {"next": {"after": after}}} if after else {}
