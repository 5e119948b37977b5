"""What a person at the CRM does, and what may befall the organisation: `POST /sandbox/...`.

With a token of its own: nothing here is Salesforce's API. A record is told by `key`, its
Sales_Account_Id__c, or by `id`; `object` is Contact where it is not told.
"""

import datetime as dt
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from infra.sandbox.salesforce.errors import ApiError, RowError
from infra.sandbox.salesforce.made_up import customers
from infra.sandbox.salesforce.org import PERSON, Org
from infra.sandbox.salesforce.saving import Saving
from infra.sandbox.salesforce.schema import KEY, OBJECTS, SObject
from infra.sandbox.salesforce.values import as_json, instant, now

LONG_AGO = dt.timedelta(days=1)  # were made-up records written: no test's write falls into it
FOR_EVER = 10**9
PAGE = 10_000

Told = Mapping[str, Any]


def start(org: Org, told: Told) -> None:
    """{"keys": [...]} or {"count": n}: these made-up customers, and no others."""
    of, at = _object(told), instant(dt.datetime.now(dt.UTC) - LONG_AGO)
    keys = told["keys"] if "keys" in told else range(1, told["count"] + 1)
    with org.storage.transaction():
        org.storage.purge(of)
        more = {"Company": "Sample", "IsConverted": 0} if of.name == "Lead" else {}
        org.storage.insert(of, (row | more for row in customers(keys, at)))


def edit(org: Org, told: Told) -> None:
    """{"key", "values": {field: value}}"""
    _, record_id = _record(org, told)
    Saving(org, _object(told), PERSON).update({"Id": record_id, **told["values"]})


def delete(org: Org, told: Told) -> None:
    """{"key"}: into the recycle bin."""
    number, _ = _record(org, told)
    org.storage.update(_object(told), number, {"IsDeleted": 1, **_stamps(now())})


def merge(org: Org, told: Told) -> None:
    """{"key", "into"}: `into` is the master; the other is deleted and names it
    (https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm)."""
    of, (number, _) = _object(told), _record(org, told)
    master, master_id = _record(org, {**told, "key": told["into"]})
    at = _stamps(now())
    org.storage.update(of, number, {"IsDeleted": 1, "MasterRecordId": master_id, **at})
    org.storage.update(of, master, at)


def convert(org: Org, told: Told) -> Told:
    """{"key"}: a lead becomes a contact; answers its id
    (https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_convertlead.htm)."""
    number, _ = _record(org, {**told, "object": "Lead"})
    made = org.storage.insert(OBJECTS["Contact"], customers([told["key"]], now()))[0]
    values = {"IsConverted": 1, "ConvertedContactId": made, **_stamps(now())}
    org.storage.update(OBJECTS["Lead"], number, values)
    return {"id": made}


def together(org: Org, told: Told) -> None:
    """{"keys": [...]}: all of them written at one instant, as an import does."""
    at = now()
    for key in told["keys"]:
        number, _ = _record(org, {**told, "key": key})
        org.storage.update(_object(told), number, _stamps(at))


def expire(org: Org, told: Told) -> None:
    """{}: all sessions end."""
    org.tokens.clear()


def lock(org: Org, told: Told) -> None:
    """{"keys": [...], "times": n}: so many writes to each are refused; without `times` all."""
    for key in told["keys"]:
        _, record_id = _record(org, {**told, "key": key})
        org.locked[record_id] = told.get("times", FOR_EVER)


def unlock(org: Org, told: Told) -> None:
    """{}: no row is locked any more."""
    org.locked.clear()


def rights(org: Org, told: Told) -> None:
    """{"field": "write" | "read" | "hidden"}: what fields are to the integration user."""
    org.rights.of.update(told)


def habits(org: Org, told: Told) -> None:
    """{"page_records", "job_seconds", "names_the_nameless"}: see `org.Habits`."""
    for name, value in told.items():
        if not hasattr(org.habits, name):
            raise ApiError(400, "UNKNOWN", f"no habit is called {name}")
        setattr(org.habits, name, value)


def usage(org: Org, told: Told) -> None:
    """{"used", "limit"}: requests of the day."""
    org.usage.used = told.get("used", org.usage.used)
    org.usage.limit = told.get("limit", org.usage.limit)


ACTS: Mapping[str, Callable[[Org, Told], Told | None]] = {
    act.__name__: act
    for act in (
        *(start, edit, delete, merge, convert, together, expire, lock, unlock),
        *(rights, habits, usage),
    )
}


def act(org: Org, request: Request, raw: bytes) -> Response:
    """Answer `POST /sandbox/{what}`."""
    if not _may(org, request):
        return JSONResponse({"message": "this needs the person's token"}, 401)
    doing = ACTS.get(request.path_params["what"])
    if doing is None:
        return JSONResponse({"message": f"one of {', '.join(sorted(ACTS))}"}, 404)
    try:
        return JSONResponse(doing(org, json.loads(raw or b"{}")) or {})
    except (ApiError, RowError) as error:
        return JSONResponse({"message": error.message}, 400)


def records(org: Org, request: Request, raw: bytes) -> Response:
    """Answer `GET /sandbox/records/{object}`: all of them, deleted ones too, one a line."""
    if not _may(org, request):
        return JSONResponse({"message": "this needs the person's token"}, 401)
    of = OBJECTS[request.path_params["object"]]
    columns = list(of.columns.values())

    def lines() -> Iterator[str]:
        numbers = org.storage.numbers(of, "1", rest="order by number")
        for at in range(0, len(numbers), PAGE):
            for row in org.storage.rows(of, numbers[at : at + PAGE], list(of.columns)):
                shown = {c.name: as_json(c, v) for c, v in zip(columns, row, strict=True)}
                yield json.dumps(shown) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _may(org: Org, request: Request) -> bool:
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {org.person_token}".encode())


def _object(told: Told) -> SObject:
    return OBJECTS[told.get("object", "Contact")]


def _record(org: Org, told: Told) -> tuple[int, str]:
    of = _object(told)
    name, value = ("Id", told["id"]) if "id" in told else (KEY, told["key"])
    numbers = org.storage.numbers(of, f"{name} is ? and IsDeleted = 0", [value])
    if not numbers:
        raise ApiError(404, "NOT_FOUND", f"there is no {of.name} with {name} {value!r}")
    [(record_id,)] = org.storage.rows(of, numbers[:1], ["Id"])
    return numbers[0], record_id


def _stamps(at: str) -> dict[str, str]:
    return {"LastModifiedDate": at, "LastModifiedById": PERSON, "SystemModstamp": at}
