"""Odoo on the wire: JSON-2 (19 and later) and JSON-RPC (before), one transaction a call.

https://www.odoo.com/documentation/19.0/developer/reference/external_api.html; what its errors look
like was read in Odoo 19.0, odoo/http.py (Json2Dispatcher, JsonRPCDispatcher), odoo/service/model.py
(retrying) and odoo/orm/models.py (load). A password in the body of JSON-RPC is not kept.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.sandbox.dialects.plain import (
    Answer,
    Plain,
    Request,
    Touched,
    as_json,
    half,
    keyed,
    touched,
)

JSON_2 = re.compile(r"/json/2/([\w.]+)/(\w+)$")
# What is not among these may write: models have methods of their own for that
READS = re.compile(
    r"(read|search|web_read|web_search|formatted_read|fields|name_search|get|has|check|default|"
    r"exists|export|context_get|load_|view|version|onchange)\w*"
)
# Arguments of a method by position, as JSON-RPC gives them
ARGUMENTS = {
    "write": ("ids", "vals"),
    "unlink": ("ids",),
    "create": ("vals_list",),
    "load": ("fields", "data"),
}
BATCHES = {"write": "ids", "unlink": "ids", "create": "vals_list", "load": "data"}
NOT_SERIALIZED = "could not serialize access due to concurrent update"


@dataclass(frozen=True)
class Call:
    """A method of a model, with its arguments by name."""

    model: str
    method: str
    arguments: Mapping[str, Any]


class Odoo(Plain):
    name = "odoo"
    lacks = frozenset({"reordered"})

    def call(self, request: Request) -> str:
        called = _call(request)
        return f"{called.model}.{called.method}" if called else ""

    def is_write(self, request: Request) -> bool:
        if called := _call(request):
            return not READS.fullmatch(called.method)
        is_session = _is_rpc(request) and request.json["params"].get("service") != "object"
        return not is_session and super().is_write(request)

    def records(self, request: Request) -> list[Touched]:
        called = _call(request)
        told = called.arguments if called else {}
        match called.method if called else "":
            case "write":
                return [touched(each, told["vals"]) for each in told["ids"]]
            case "unlink":
                return [touched(each, None) for each in told["ids"]]
            case "create":
                return keyed(told["vals_list"], "id")
            case "load":
                rows = [dict(zip(told["fields"], row, strict=True)) for row in told["data"]]
                return keyed(rows, ".id", "id")
        return []

    def first_half(self, request: Request) -> bytes | None:
        """Harsher than the server can be: it writes all of a call or nothing."""
        called = _call(request)
        batch = BATCHES.get(called.method) if called else None
        if (
            called is None
            or batch is None
            or (part := half(called.arguments.get(batch, ()))) is None
        ):
            return None
        if not _is_rpc(request):
            return json.dumps(request.json | {batch: part}).encode()
        params = request.json["params"]
        args = [*params["args"][:5], [], {**called.arguments, batch: part}]
        told = {**params, "method": "execute_kw", "args": args}
        return json.dumps(request.json | {"params": told}).encode()

    def busy(self, request: Request) -> Answer:
        """Assumed: Odoo itself has no limit, what stands before it may have one."""
        return as_json(429, {})

    def expired(self, request: Request) -> Answer:
        if _is_rpc(request):
            return _rpc_error(request, "odoo.exceptions.AccessDenied", "Access Denied")
        told = _exception("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401)
        return as_json(401, told, **{"WWW-Authenticate": "bearer"})

    def locked(self, request: Request) -> Answer | None:
        """As after its own five tries; `load` tells it of a record."""
        if (called := _call(request)) is None:
            return None
        if called.method == "load":
            row = {"rows": {"from": 0, "to": 0}, "record": 0, "type": "error"}
            told = {"ids": False, "messages": [row | {"message": NOT_SERIALIZED}], "nextrow": 0}
            return _rpc_answer(request, told) if _is_rpc(request) else as_json(200, told)
        failure = ("psycopg2.errors.SerializationFailure", NOT_SERIALIZED)
        if _is_rpc(request):
            return _rpc_error(request, *failure)
        return as_json(500, _exception(*failure))


def _is_rpc(request: Request) -> bool:
    told = request.json if request.path.endswith("/jsonrpc") else None
    return isinstance(told, dict) and isinstance(told.get("params"), dict)


def _call(request: Request) -> Call | None:
    """The method that is called; null: none, as when a session is opened."""
    if path := JSON_2.search(request.path):
        return Call(path[1], path[2], request.json if isinstance(request.json, dict) else {})
    if not _is_rpc(request) or request.json["params"].get("service") != "object":
        return None
    # database, user, password, model, method; then as `execute_kw` or as `execute` gives arguments
    _, _, _, model, method, *given = request.json["params"]["args"]
    by_name: dict[str, Any] = {}
    if request.json["params"]["method"] == "execute_kw":
        given, by_name = (*given, [], {})[0], given[1] if len(given) > 1 else {}
    return Call(
        model, method, {**dict(zip(ARGUMENTS.get(method, ()), given, strict=False)), **by_name}
    )


def _exception(name: str, message: str, *more: object) -> dict[str, Any]:
    return {
        "name": name,
        "message": message,
        "arguments": [message, *more],
        "context": {},
        "debug": "",
    }


def _rpc_answer(request: Request, result: object) -> Answer:
    return as_json(200, {"jsonrpc": "2.0", "id": request.json.get("id"), "result": result})


def _rpc_error(request: Request, name: str, message: str) -> Answer:
    error = {"code": 0, "message": "Odoo Server Error", "data": _exception(name, message)}
    return as_json(200, {"jsonrpc": "2.0", "id": request.json.get("id"), "error": error})
