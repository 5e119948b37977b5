import datetime as dt

import pytest

MONDAY = dt.date(2017, 3, 6)


def line(**told):
    return {"product_id": "milk", "week_start_date": MONDAY, "department": "GROCERY", **told}


def promotion(store_id, display="0", mailer="0", product_id="milk"):
    return {
        "product_id": product_id,
        "store_id": store_id,
        "week_start_date": MONDAY,
        "display_location": display,
        "mailer_location": mailer,
    }


@pytest.fixture
def weeks(rows, made):
    def build(lines, promotions):
        found = made(
            "gold.product_weeks",
            rows("silver.order_lines", *lines),
            rows("silver.promotions", *promotions),
        )
        return {row.product_id: row for row in found}

    return build


def test_a_weeks_lines_are_summed(weeks):
    row = weeks(
        [
            line(order_id="1", account_id="a", store_id="s", sales_usd=2, units=1),
            line(order_id="2", account_id="a", store_id="t", sales_usd=3, units=None),
            line(order_id="3", account_id="b", store_id="t", sales_usd=4, units=2),
        ],
        [],
    )["milk"]
    assert (row.sales_usd, row.lines, row.accounts, row.stores, row.units) == (9, 3, 2, 2, 3)
    assert (row.planned_stores, row.promoted_store_share) == (0, 0)


def test_shares_are_of_the_shops_with_a_plan(weeks):
    row = weeks(
        [line()],
        [
            promotion("s", display="1"),
            promotion("t", mailer="A"),
            promotion("u", product_id="bread", mailer="A"),
            promotion("v", product_id="bread", mailer="A"),
        ],
    )["milk"]
    assert row.planned_stores == 4
    assert (row.display_store_share, row.mailer_store_share) == (0.25, 0.25)
    assert row.promoted_store_share == 0.5


def test_a_shop_with_two_places_counts_once(weeks):
    row = weeks([line()], [promotion("s", display="1"), promotion("s", display="7")])["milk"]
    assert (row.planned_stores, row.display_store_share) == (1, 1)


def test_a_promoted_product_that_sells_nothing_has_a_row_of_zeros(weeks):
    row = weeks([], [promotion("s", display="1")])["milk"]
    assert (row.sales_usd, row.lines, row.units, row.department) == (0, 0, 0, None)
    assert row.display_store_share == 1


def test_nothing_makes_nothing(weeks):
    assert weeks([], []) == {}
