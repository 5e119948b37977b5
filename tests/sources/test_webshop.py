"""The web shop's API, as its double gives it: pages, limits, and answers that do not come."""

import datetime as dt
import email.utils
from collections.abc import Iterator

import httpx
import pyarrow.parquet as pq
import pytest
import tenacity

from jobs import landing
from jobs.increment import NotConnected
from jobs.settings import settings
from jobs.sources import webshop
from jobs.sources.webshop import ShopError
from jobs.table import columns, table
from tests.sources import shop_api
from tests.sources.shop_api import Shop

DAY = dt.date(2017, 3, 6)


def at(hour: int, day: int = 6) -> str:
    return f"2017-03-{day:02}T{hour:02}:00:00+00:00"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(webshop, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setenv("SALES_SECRET_WEBSHOP_TOKEN", shop_api.TOKEN)
    with shop_api.serving() as serving:
        monkeypatch.setenv("WEBSHOP_URL", serving.address)
        settings.cache_clear()
        yield serving


def landed() -> list[dict[str, object]]:
    return [
        row
        for manifest in landing.manifests("order_lines").values()
        for file in manifest.files
        for row in pq.read_table(manifest.folder / file.name).to_pylist()
    ]


def test_all_pages_are_read_and_landed_once(shop: Shop) -> None:
    for number in range(8):
        shop.sell(number, at(15 + number // 5))  # the first five share a moment
    [batch] = webshop.land(DAY, DAY)
    assert shop.pages == 3
    assert [row["order_id"] for row in landed()] == [f"webshop-{n}" for n in range(8)]
    assert batch.known_at == at(16)
    assert webshop.land(DAY, DAY) == []
    shop.sell(2, at(17), cents=1234)
    [again] = webshop.land(DAY, DAY)
    assert [(r["order_id"], r["sales_usd"]) for r in landed()][8:] == [("webshop-2", "12.34")]
    assert again.batch > batch.batch


def test_an_order_of_the_same_second_replaces_none(shop: Shop) -> None:
    for number in range(3):
        shop.sell(number, at(15))
        webshop.land(DAY, DAY)
    assert [row["order_id"] for row in landed()] == [f"webshop-{n}" for n in range(3)]


@pytest.mark.parametrize(
    "change",
    [
        {"customer": ...},
        {"customer": 4.5e12},
        {"customer": {"id": 1}},
        {"customer": "\ud800"},  # half a character
        {"id": None},
        {"lines": None},
        {"lines": ["milk"]},
        {"lines": [{"sku": "a", "quantity": 1, "amount_cents": 1, "discount_cents": 0}, {}]},
        {"ordered_at": "2017-03-06T15:00:00"},  # without a zone
        {"ordered_at": "0001-01-01T00:00:00+14:00"},
        {"changed_at": "0001-01-01T00:00:00+00:00"},
        {"changed_at": None},
    ],
)
def test_an_order_that_cannot_be_taken_is_named_and_the_others_are_landed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    for number in (6, 7, 8):
        shop.sell(number, at(15))
    bad = {n: v for n, v in (shop.orders[7] | change).items() if v is not ...}
    page = {"orders": [shop.orders[6], bad, shop.orders[8]], "next": None}
    monkeypatch.setattr(shop, "page", lambda asked: page)
    which = change.get("id", 7)
    with pytest.raises(
        ShopError, match=f"1 of the orders left out.*order {which} is not as agreed"
    ):
        webshop.land(DAY, DAY)
    assert [row["order_id"] for row in landed()] == ["webshop-6", "webshop-8"]


@pytest.mark.parametrize(
    ("name", "told", "text"),
    [
        ("quantity", 1.5, "1.5"),  # once landed as 1
        ("quantity", "2", "2"),
        ("quantity", 2.0, "2"),
        ("quantity", 10**30, "1" + 30 * "0"),
        ("quantity", None, None),
        ("quantity", True, "true"),
        ("sku", 4011, "4011"),
        ("sku", None, None),
        # no dollars: bronze refuses it, and shows what the shop said
        ("amount_cents", 99.5, "99.5 cents"),
        ("amount_cents", "100", "100 cents"),
        ("amount_cents", None, None),
        ("amount_cents", -5, "-0.05"),
    ],
)
def test_a_value_is_landed_as_the_shop_told_it(
    shop: Shop, name: str, told: object, text: str | None
) -> None:
    shop.sell(7, at(15))
    shop.orders[7]["lines"][0][name] = told
    webshop.land(DAY, DAY)
    ours = {"sku": "product_id", "amount_cents": "sales_usd"}
    assert [row[ours.get(name, name)] for row in landed()] == [text]


@pytest.mark.parametrize("page", [{"orders": None, "next": None}, {"orders": [], "next": {}}])
def test_an_answer_without_a_list_of_orders_is_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, page: dict[str, object]
) -> None:
    monkeypatch.setattr(shop, "page", lambda asked: page)
    with pytest.raises(ShopError, match=r"no usable answer from .* orders are no list"):
        webshop.land(DAY, DAY)


def test_a_file_has_the_columns_that_bronze_asks_for(shop: Shop) -> None:
    shop.sell(1, at(15))
    webshop.land(DAY, DAY)
    assert {c.name for c in columns(table("bronze.order_lines").schema)} <= set(landed()[0])  # type: ignore[union-attr]


def test_limits_and_broken_answers_are_waited_out(shop: Shop) -> None:
    for number in range(7):
        shop.sell(number, at(15))
    shop.troubles = [429, "cut", None, 503, 500]
    webshop.land(DAY, DAY)
    assert len(landed()) == 7


def test_nothing_is_landed_of_an_answer_that_ends_half_way(shop: Shop) -> None:
    for number in range(7):
        shop.sell(number, at(15))
    shop.troubles = [None] + [500] * webshop.ATTEMPTS
    with pytest.raises(ShopError, match="500"):
        webshop.land(DAY, DAY)
    assert landed() == []
    webshop.land(DAY, DAY)
    assert len(landed()) == 7


def test_a_token_that_is_refused_is_told_at_once_and_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_SECRET_WEBSHOP_TOKEN", "a wrong token")
    with pytest.raises(ShopError, match=r"401.*webshop_token") as told:
        webshop.land(DAY, DAY)
    assert "a wrong token" not in str(told.value)
    monkeypatch.setenv("WEBSHOP_URL", "")
    settings.cache_clear()
    with pytest.raises(NotConnected, match="WEBSHOP_URL"):
        webshop.land(DAY, DAY)


@pytest.mark.parametrize(
    ("told", "least", "most"), [("7", 7, 7), ("date", 3, 5), ("9999", 120, 120)]
)
def test_the_shop_says_how_long_to_wait(told: str, least: float, most: float) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    header = email.utils.format_datetime(soon, usegmt=True) if told == "date" else told
    answer = httpx.Response(429, headers={"Retry-After": header})
    error = httpx.HTTPStatusError("", request=httpx.Request("GET", "http://shop"), response=answer)
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.set_exception((type(error), error, None))
    assert least <= webshop._wait(state) <= most
