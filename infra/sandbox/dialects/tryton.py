"""Tryton on the wire: JSON-RPC, one transaction a call.

https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html; what its errors look like was read
in trytond 8.0, trytond/protocols/jsonrpc.py and dispatcher.py.
"""

import json
import re
from typing import Any

from infra.sandbox.dialects.plain import Answer, Plain, Request, Touched, as_json, half, touched

READS = re.compile(
    r"(common|system)\.|.*\.(read|search\w*|fields_\w+|default_get|view_\w+|get_\w+|on_change\w*|"
    r"export_\w+|autocomplete|estimate_count)$"
)
KEY = "code"  # of a party; the CRM keeps it unique


class Tryton(Plain):
    name = "tryton"
    lacks = frozenset({"reordered"})

    def call(self, request: Request) -> str:
        told = request.json if request.path.endswith("/rpc/") else None
        return str(told.get("method", "")) if isinstance(told, dict) else ""

    def is_write(self, request: Request) -> bool:
        if not (call := self.call(request)):
            return super().is_write(request)
        return not READS.match(call)

    def records(self, request: Request) -> list[Touched]:
        match self.call(request).rpartition(".")[2], _params(request):
            case "write", params:
                pairs = zip(params[::2], params[1::2], strict=False)
                return [touched(each, values) for ids, values in pairs for each in ids]
            case "create", [rows]:
                return [touched(_key(row), row) for row in rows]
            case "delete", [ids]:
                return [touched(each, None) for each in ids]
        return []

    def first_half(self, request: Request) -> bytes | None:
        """Harsher than the server can be: it writes all of a call or nothing."""
        method, params = self.call(request).rpartition(".")[2], _params(request)
        if method == "write" and len(params) > 2:
            part: Any = params[: len(params) // 4 * 2]
        elif method == "write":
            part = [half(params[0]), *params[1:]] if len(params[0]) > 1 else None
        elif method in {"create", "delete"}:
            part = [half(params[0])] if len(params[0]) > 1 else None
        else:
            part = None
        if part is None:
            return None
        context = request.json["params"][-1]
        return json.dumps(request.json | {"params": [*part, context]}).encode()

    def busy(self, request: Request) -> Answer:
        """As after too many wrong passwords: the only thing for which Tryton says 429."""
        return as_json(429, {})

    def locked(self, request: Request) -> Answer | None:
        """SQLite's words, when five tries for the lock have failed."""
        if not self.call(request).startswith("model."):
            return None
        return as_json(200, {"id": request.json.get("id", 0), "error": ["database is locked", ""]})


def _params(request: Request) -> list[Any]:
    """Of a call, without the context that ends them."""
    params = request.json.get("params") if isinstance(request.json, dict) else None
    return params[:-1] if isinstance(params, list) else []


def _key(row: dict[str, Any]) -> str:
    return f"{KEY}={row[KEY]}" if row.get(KEY) else ""
