import datetime as dt
import itertools

import pytest

MONDAY = dt.date(2017, 3, 6)
numbers = itertools.count()


def line(usd=1, after=0, account_id="900", **told):
    """A line of an order of its own, of goods, on the Monday or days after it."""
    return {
        "account_id": account_id,
        "order_id": f"o{next(numbers)}",
        "business_date": MONDAY + dt.timedelta(days=after),
        "sales_usd": usd,
        "line_kind": "sale" if usd else "zero",
        **told,
    }


def product(product_id, brand="National", maker="69"):
    return {
        "product_id": product_id,
        "brand": brand,
        "manufacturer_id": maker,
        "product_type": f"kind of {product_id}",
    }


@pytest.fixture
def habits(rows, made):
    def build(*lines, products=()):
        found = made(
            "gold.account_habits",
            rows("silver.order_lines", *lines),
            rows("silver.products", *products),
        )
        return {row.account_id: row for row in found}

    return build


def test_favourite_departments_are_the_three_with_most_spend(habits):
    spent = [("A", 5), ("B", 6), ("B", 3), ("C", 9), ("D", 1), (None, 99), ("E", 0)]
    row = habits(*[line(usd, department=name) for name, usd in spent])["900"]
    assert row.favourite_departments == ["B", "C", "A"]


def test_brands_and_makers_are_those_of_goods(habits):
    products = [product("p", "Private", "1"), product("n", "National", "2"), product("f", "Fuel")]
    row = habits(
        line(3, product_id="p"),
        line(4, product_id="n"),
        line(2, product_id="p"),
        line(50, product_id="f", is_merchandise=False),
        products=products,
    )["900"]
    assert row.favourite_brands == ["Private", "National"]
    assert row.favourite_manufacturer_ids == ["1", "2"]
    assert row.private_label_share == 0.5556  # 5 of 9 USD; petrol is no goods


def test_shops_and_weekdays_are_those_of_most_orders(habits):
    # one order of two dear lines on Tuesday in t, two small ones on Sunday in s
    tuesday = {"after": 1, "store_id": "t", "order_id": "big", "product_id": "x"}
    row = habits(
        line(90, **tuesday),
        line(90, **{**tuesday, "product_id": "y"}),
        line(1, after=6, store_id="s"),
        line(1, after=13, store_id="s"),
    )["900"]
    assert row.favourite_store_ids == ["s", "t"]
    assert row.favourite_weekdays == ["Sunday", "Tuesday"]


def test_preferred_products_are_the_five_in_most_orders(habits):
    bought = {"a": (1, 1), "b": (2, 1), "c": (2, 9), "d": (1, 5), "e": (1, 4), "f": (1, 1)}
    lines = [
        line(usd, product_id=name) for name, (times, usd) in bought.items() for _ in range(times)
    ]
    unlisted = line(1, product_id="gone", is_merchandise=False)
    row = habits(
        *lines, *[unlisted] * 3, products=[product(name) for name in bought if name != "b"]
    )
    # of as many orders the one with more spend, then by name
    assert row["900"].preferred_product_ids == ["c", "b", "d", "e", "a"]
    assert row["900"].preferred_products[:2] == ["Kind Of C, National (c)", "b"]


def test_a_line_with_a_discount_of_any_kind_is_discounted(habits):
    kinds = ("loyalty_discount_usd", "coupon_discount_usd", "coupon_match_discount_usd")
    row = habits(*[line(**{kind: 1}) for kind in kinds], *[line() for _ in range(3)])["900"]
    assert row.discounted_line_share == 0.5


def test_free_lines_count_for_none(habits):
    row = habits(line(5, department="A"), line(0, department="B", loyalty_discount_usd=2))["900"]
    assert (row.discounted_line_share, row.favourite_departments) == (0, ["A"])
    assert habits(line(0)) == {}


def test_a_product_that_the_erp_does_not_know_has_no_brand(habits):
    unknown = {"is_product_known": False, "is_merchandise": False, "department": None}
    row = habits(line(product_id="u", store_id="s", **unknown))["900"]
    assert (row.private_label_share, row.favourite_departments) == (None, [])
    assert (row.favourite_brands, row.preferred_products) == ([], [])
    assert (row.favourite_store_ids, row.favourite_weekdays) == (["s"], ["Monday"])


def test_customers_are_apart(habits):
    found = habits(line(department="A"), line(account_id="901", department="B"))
    assert {a: row.favourite_departments for a, row in found.items()} == {
        "900": ["A"],
        "901": ["B"],
    }


def test_no_lines_make_no_habits(habits):
    assert habits() == {}
