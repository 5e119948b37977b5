import datetime as dt
from decimal import Decimal

import pytest

from jobs.table import columns, table

MONDAY = dt.date(2017, 3, 6)


def day(after=0, account_id="900", **told):
    return {
        "account_id": account_id,
        "business_date": MONDAY + dt.timedelta(days=after),
        "orders": 1,
        **told,
    }


@pytest.fixture
def profiles(rows, made):
    def build(days=(), accounts=(), addressed=(), redeemed=(), identities=()):
        found = made(
            "gold.account_profile",
            rows("gold.account_days", *days),
            rows("silver.accounts", *accounts),
            rows("silver.campaign_accounts", *addressed),
            rows("silver.redemptions", *redeemed),
            rows("silver.account_identities", *identities),
        )
        return {row.account_id: row for row in found}

    return build


def test_an_account_that_is_another_one_s_has_no_profile(profiles):
    accounts = [{"account_id": "7"}, {"account_id": "8"}]
    assert {*profiles(accounts=accounts)} == {"7", "8"}
    same = [{"account_id": "8", "customer_id": "7"}]
    assert {*profiles(accounts=accounts, identities=same)} == {"7"}


def test_who_objects_with_another_account_is_not_contactable(profiles):
    objects = {"account_id": "7", "customer_id": "7", "objected_date": dt.date(2017, 3, 5)}
    for has_objected in (True, False):
        identities = [{**objects, "has_objected": has_objected}]
        row = profiles(accounts=[{"account_id": "7"}], identities=identities)["7"]
        assert row.is_contactable is not has_objected


def test_days_become_a_history(profiles):
    row = profiles(
        [
            day(0, sales_usd=10, orders=2),
            day(0, sales_usd=1, known_date=MONDAY + dt.timedelta(days=9)),  # the same day, late
            day(4, sales_usd=5, fuel_sales_usd=5),
            day(10, sales_usd=4),
        ]
    )["900"]
    assert (row.first_order_date, row.last_order_date) == (MONDAY, MONDAY + dt.timedelta(days=10))
    assert (row.order_days, row.days_between_orders, row.orders) == (3, 5.0, 5)
    assert (row.spend_usd, row.fuel_spend_usd) == (20, 5)


def test_discount_share_is_what_was_not_paid_of_the_shelf_price(profiles):
    # shelf 8 + 1 + 1 = 10, paid 8 - 2 = 6: four tenths off
    row = profiles(
        [
            day(
                sales_usd=8,
                loyalty_discount_usd=1,
                coupon_match_discount_usd=1,
                coupon_discount_usd=2,
            )
        ]
    )["900"]
    assert row.discount_share == 0.4


def test_a_customer_who_paid_nothing_has_no_shares(profiles):
    row = profiles([day()])["900"]
    assert (row.discount_share, row.days_between_orders) == (None, None)


def test_favourite_departments_are_the_three_with_most_spend(profiles):
    departments = [("A", 5), ("B", 9), ("C", 9), ("D", 1), (None, 99), ("E", 0)]
    row = profiles([day(departments=[(name, Decimal(usd)) for name, usd in departments])])["900"]
    assert row.favourite_departments == ["B", "C", "A"]


def test_who_never_bought_is_there_with_zeros(profiles):
    row = profiles(accounts=[{"account_id": "1", "age_band": "45-54"}])["1"]
    assert (row.is_in_crm, row.age_band, row.orders, row.spend_usd) == (True, "45-54", 0, 0)
    assert (row.last_order_date, row.favourite_departments) == (None, [])


def test_who_buys_but_is_not_in_the_crm_is_there_and_says_so(profiles):
    row = profiles([day(account_id="2", sales_usd=3)])["2"]
    assert (row.is_in_crm, row.age_band, row.spend_usd) == (False, None, 3)


def test_who_objects_or_is_not_in_the_crm_is_not_contactable(profiles):
    said = {"is_contactable": False, "objected_date": MONDAY}
    found = profiles(
        [day(account_id="3")], accounts=[{"account_id": "1"}, {"account_id": "2", **said}]
    )
    assert {a: (row.is_contactable, row.objected_date) for a, row in found.items()} == {
        "1": (True, None),
        "2": (False, MONDAY),
        "3": (False, None),
    }


def test_campaigns_received_and_answered(profiles):
    row = profiles(
        accounts=[{"account_id": "1"}],
        addressed=[{"account_id": "1", "campaign_id": c} for c in ("8", "13", "18")],
        redeemed=[
            {"account_id": "1", "campaign_id": "18", "coupon_upc": upc} for upc in ("u", "v")
        ],
    )["1"]
    assert (row.campaigns_received, row.campaigns_answered, row.coupons_redeemed) == (3, 1, 2)


def test_nobody_makes_no_rows(profiles):
    assert profiles() == {}


def test_there_is_no_name_no_address_and_no_age_in_days():
    names = {column.name for column in columns(table("gold.account_profile").full_schema)}
    assert not names & {"display_name", "email", "recency_days"}
