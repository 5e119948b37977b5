"""The web shop's HTTP API: orders that changed, page by page, within the shop's limits.

GET {WEBSHOP_URL}/orders?changed_since=…&limit=200[&cursor=…] answers {"orders": […], "next": cursor
or null}, oldest change first; an order carries `changed_at` and its `lines`, money in cents. The
token goes with each request. 429 and 503 say in Retry-After how long to wait; other answers of 500
and more, and connections that break, are asked again a few times. The shop shows what is so now: a
cancelled order comes with zeros, one that is deleted leaves no trace. Nothing is landed before the
last page was read.

Values are landed as text, as the shop tells them: bronze refuses the row whose value is none. An
order of which it cannot be told what, or when, is left out and named, and the others are landed.
"""

import datetime as dt
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pyarrow as pa
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from jobs import retry_after
from jobs.increment import Increment, NotConnected, at_shop, midnight
from jobs.landing import Manifest
from jobs.settings import settings

log = logging.getLogger(__name__)

SYSTEM = "webshop"
SECRET = "webshop_token"  # noqa: S105 - its name
STORE = "webshop"  # the shop that all its orders belong to
PAGE_ORDERS = 200  # the most that the API gives at once
ATTEMPTS = 6
FIRST_WAIT_SECONDS = 1.0  # then twice as long each time, unless the shop says how long
LONGEST_WAIT_SECONDS = 120.0
REQUEST_SECONDS = 30.0
NAMED_ORDERS = 10  # in an error: where the shop has changed its answers every order is wrong

COLUMNS: list[Any] = [
    ("account_id", pa.string()),
    ("store_id", pa.string()),
    ("order_id", pa.string()),
    ("product_id", pa.string()),
    ("quantity", pa.string()),
    ("sales_usd", pa.string()),
    ("loyalty_discount_usd", pa.string()),
    ("coupon_discount_usd", pa.string()),
    ("coupon_match_discount_usd", pa.string()),
    ("source_week", pa.int32()),
    ("sold_at", pa.timestamp("us", "UTC")),
    ("changed_at", pa.timestamp("us", "UTC")),
]


class ShopError(Exception):
    """The shop's API gave no usable answer."""


def land(start: dt.date, end: dt.date) -> list[Manifest]:
    """Land the lines of the orders that changed up to the end of `end`.

    Raises:
        NotConnected: no address was given.
        ShopError: the shop cannot be reached, refuses the token, or answers otherwise than agreed;
            where only some orders are not as agreed, all others are landed before.
    """
    if not settings().webshop_url:
        raise NotConnected(f"{SYSTEM}: no shop is connected: its address is WEBSHOP_URL")
    increment = Increment("order_lines", SYSTEM)
    since, until = increment.since(start), midnight(end + dt.timedelta(1))
    lines, faults = _read(orders(since))
    rows = pa.Table.from_pylist(
        [row for row in lines if row["changed_at"] < until], schema=pa.schema(COLUMNS)
    )
    landed = increment.land(increment.unseen(rows, since, until))
    new = sum(file.rows or 0 for manifest in landed for file in manifest.files)
    log.info("%s: %d lines read, %d of them new", SYSTEM, rows.num_rows, new)
    if faults:
        raise ShopError(
            f"{SYSTEM}: {len(faults)} of the orders left out, all others are landed: "
            f"{'; '.join(faults[:NAMED_ORDERS])}; an order comes with the next run once the shop "
            "has put it right"
        )
    return landed


def orders(since: dt.datetime) -> Iterator[dict[str, Any]]:
    """Orders that changed at `since` or later, oldest change first, through all pages."""
    token = settings().secret(SECRET)
    with httpx.Client(
        base_url=settings().webshop_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=REQUEST_SECONDS,
    ) as shop:
        asked: dict[str, str | int] = {"changed_since": since.isoformat(), "limit": PAGE_ORDERS}
        while True:
            page = _page(shop, asked)
            yield from page["orders"]
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]


def lines_of(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """An order's lines by our names."""
    for line in order["lines"]:
        yield {
            "account_id": _id(order["customer"]),
            "store_id": STORE,
            "order_id": f"{SYSTEM}-{_id(order['id'])}",
            "product_id": _id(line["sku"]),
            "quantity": _text(line["quantity"]),
            "sales_usd": _usd(line["amount_cents"]),
            "loyalty_discount_usd": _usd(line["discount_cents"]),
            "coupon_discount_usd": _usd(0),
            "coupon_match_discount_usd": _usd(0),
            "source_week": None,
            "sold_at": _instant(order["ordered_at"]),
            "changed_at": _instant(order["changed_at"]),
        }


def _read(found: Iterable[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of the orders, and what is wrong with those that cannot be taken."""
    lines: list[dict[str, Any]] = []
    faults: list[str] = []
    for order in found:
        try:
            if order["id"] is None:
                raise ValueError("it has no id")
            lines += [*lines_of(order)]  # all of it, or nothing
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            which = order.get("id") if isinstance(order, dict) else None
            faults.append(f"order {which!a} is not as agreed ({error!a})")
    return lines, faults


def _id(value: object) -> str | None:
    """An id as text; null where the shop says none."""
    if value is None:
        return None
    # a float has lost digits: 4.5e+12 is nobody's number
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!a} is no id")
    return _text(value)


def _text(value: object) -> str | None:
    """A value as the shop wrote it; null where it says none.

    Raises:
        UnicodeEncodeError: half a character, which no file can hold.
    """
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # in JSON 2.0 is 2
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    told.encode()
    return told


def _usd(cents: object) -> str | None:
    """Dollars; what is no number of cents stays as it is and is no number: bronze refuses it."""
    if isinstance(cents, bool) or not isinstance(cents, int):
        return None if cents is None else f"{_text(cents)} cents"
    return f"{cents // 100}.{cents % 100:02}" if cents >= 0 else f"-{_usd(-cents)}"


def _instant(text: str) -> dt.datetime:
    """A time with its zone, which has a business day at the shop."""
    told = dt.datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise ValueError(f"{text!a} is a time without its zone")
    at_shop(told)
    return told.astimezone(dt.UTC)


def _page(shop: httpx.Client, asked: dict[str, str | int]) -> dict[str, Any]:
    try:
        for attempt in Retrying(
            retry=retry_if_exception(_may_pass),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        ):
            with attempt:
                answer = shop.get("/orders", params=asked).raise_for_status()
        page: dict[str, Any] = answer.json()
        if not (isinstance(page, dict) and {"orders", "next"} <= page.keys()):
            raise ValueError("no orders in it")
        if not isinstance(page["orders"], list) or not isinstance(page["next"], str | int | None):
            raise ValueError("its orders are no list, or next is no cursor")
        return page
    except httpx.HTTPStatusError as error:
        told = f"{error.response.status_code} {error.response.reason_phrase}"
        cure = f"; see the secret {SECRET!r}" if error.response.status_code in (401, 403) else ""
        raise ShopError(f"{SYSTEM}: {shop.base_url} answers {told}{cure}") from None
    except (httpx.HTTPError, ValueError) as error:
        raise ShopError(f"{SYSTEM}: no usable answer from {shop.base_url}: {error}") from None


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _wait(state: RetryCallState) -> float:
    """Seconds: what the shop says, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    told = None
    if isinstance(error, httpx.HTTPStatusError):
        told = retry_after.seconds(error.response.headers.get("Retry-After"))
    if told is None:
        return wait_exponential_jitter(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)(state)
    return min(told, LONGEST_WAIT_SECONDS)
