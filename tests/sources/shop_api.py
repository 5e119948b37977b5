"""A double of a web shop's API: there is no public one that could be asked here.

It keeps to what such APIs have in common: a bearer token (RFC 6750), a cursor per page that goes by
time of change and id, 429 with Retry-After where too much is asked (RFC 6585, RFC 9110), 503 and
connections cut short now and then. It knows no bulk export and no deletions.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a token of the double"


@dataclass
class Shop:
    """The orders, and the troubles that the next requests meet: an answer's code, or cut."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    troubles: list[int | str | None] = field(default_factory=list)
    pages: int = 0  # that were given
    page_orders: int = 3
    address: str = ""

    def sell(self, number: int, changed: str, cents: int = 100, customer: str = "900") -> None:
        line = {"sku": "milk", "quantity": 1, "amount_cents": cents, "discount_cents": 0}
        self.orders[number] = {
            "id": number,
            "customer": customer,
            "ordered_at": changed,
            "changed_at": changed,
            "lines": [line],
        }

    def page(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        since = asked["changed_since"][0]
        after = json.loads(asked["cursor"][0]) if "cursor" in asked else ["", -1]
        in_order = sorted(self.orders.values(), key=lambda o: (o["changed_at"], o["id"]))
        due = [
            o for o in in_order if o["changed_at"] >= since and [o["changed_at"], o["id"]] > after
        ]
        page = due[: self.page_orders]
        last = json.dumps([page[-1]["changed_at"], page[-1]["id"]]) if page else None
        self.pages += 1
        return {"orders": page, "next": last if len(due) > len(page) else None}


@contextlib.contextmanager
def serving() -> Iterator[Shop]:
    """A shop that answers at its `address`."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            trouble = shop.troubles.pop(0) if shop.troubles else None
            if trouble == "cut":
                self.connection.close()
                return
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                trouble = 401
            body = json.dumps({} if trouble else shop.page(parse_qs(urlsplit(self.path).query)))
            self.send_response(int(trouble or 200))
            if trouble in (429, 503):
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
