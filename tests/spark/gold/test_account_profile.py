import datetime as dt

import pytest

from jobs.spark import catalog, store
from jobs.spark.build import build
from jobs.table import built_table, columns, table

MONDAY = dt.date(2017, 3, 6)
SUNDAY = dt.date(2017, 6, 18)  # of the last week that is over


def day(after=0, account_id="900", **told):
    return {
        "account_id": account_id,
        "business_date": MONDAY + dt.timedelta(days=after),
        "orders": 1,
        **told,
    }


def before(weeks, account_id="900", **told):
    """A day so many weeks before SUNDAY."""
    return {**day(account_id=account_id, **told), "business_date": SUNDAY - weeks * WEEK}


WEEK = dt.timedelta(days=7)
LONG_AGO = before(40)


@pytest.fixture
def profiles(rows, made):
    def build(
        days=(),
        accounts=(),
        identities=(),
        weeks=(SUNDAY - WEEK, SUNDAY),
        habits=(),
        addressed=(),
        campaigns=(),
        coupons=(),
        redeemed=(),
    ):
        found = made(
            "gold.account_profile",
            rows("gold.account_days", *days),
            rows("gold.closed_weeks", *[{"week_end_date": sunday} for sunday in weeks]),
            rows("gold.account_habits", *habits),
            rows("silver.accounts", *accounts),
            rows("silver.account_identities", *identities),
            rows("silver.campaign_accounts", *addressed),
            rows("silver.campaigns", *campaigns),
            rows("silver.coupons", *coupons),
            rows("silver.redemptions", *redeemed),
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


def test_a_basket_is_what_an_order_is_on_average(profiles):
    row = profiles([day(0, sales_usd=10, orders=2, lines=7), day(1, sales_usd=5, lines=1)])["900"]
    assert (row.basket_usd, row.basket_lines) == (5, 2.67)  # 15 USD and 8 lines in 3 orders


def test_coupon_share_is_of_order_days(profiles):
    late = {"coupon_discount_usd": 1, "known_date": MONDAY + WEEK}  # the same day once more
    row = profiles([day(0, coupon_discount_usd=1), day(0, **late), day(1), day(2), day(3)])["900"]
    assert row.coupon_share == 0.25


def test_the_last_weeks_end_with_the_last_sunday_that_is_over(profiles):
    days = [
        LONG_AGO,
        before(24, sales_usd=100),  # the Sunday before the 168 days
        before(23, sales_usd=30),
        before(12, sales_usd=3, orders=2),
        before(11, sales_usd=20),
        before(0, sales_usd=2, orders=3),
        before(-1, sales_usd=500),  # of the week that is not over
    ]
    row = profiles(days)["900"]
    assert row.as_of_date == SUNDAY
    assert (row.spend_12_weeks_usd, row.spend_12_weeks_before_usd) == (22, 33)
    assert (row.orders_12_weeks, row.orders_12_weeks_before) == (4, 3)
    assert (row.spend_trend, row.order_trend) == ("declining", "improving")


@pytest.mark.parametrize(
    ("then", "now", "trend"),
    [
        (4, 3, "steady"),  # a quarter is no more than a quarter
        (4, 5, "steady"),
        (40, 29, "declining"),
        (40, 51, "improving"),
        (4, 0, "declining"),
        (0, 4, "improving"),
        (0, 0, None),
    ],
)
def test_a_trend_is_against_the_12_weeks_before(profiles, then, now, trend):
    days = [LONG_AGO, before(20, sales_usd=then, orders=then), before(3, sales_usd=now, orders=now)]
    row = profiles(days)["900"]
    assert (row.order_trend, row.spend_trend) == (trend, trend)


def test_who_is_new_has_no_trend_but_a_decline(profiles):
    """Of the 12 weeks before there is only a part: no rise shows by it, and a fall does."""
    rising, falling = [before(23), before(3, orders=9)], [before(13, orders=9), before(3)]
    assert profiles(rising)["900"].order_trend == "new"
    assert profiles([*rising, before(24)])["900"].order_trend == "improving"
    assert profiles(falling)["900"].order_trend == "declining"


def test_before_a_week_is_over_there_is_no_trend(profiles):
    row = profiles([day(sales_usd=3)], accounts=[{"account_id": "1"}], weeks=())
    assert {(r.as_of_date, r.orders_12_weeks, r.spend_trend) for r in row.values()} == {
        (None, 0, None)
    }


def test_habits_are_taken_over_and_empty_where_there_are_none(profiles):
    habits = {
        "account_id": "900",
        "private_label_share": 0.25,
        "favourite_brands": ["Private"],
        "preferred_product_ids": ["p"],
    }
    found = profiles([day()], accounts=[{"account_id": "1"}], habits=[habits])
    told = {a: (r.private_label_share, r.favourite_brands) for a, r in found.items()}
    assert told == {"900": (0.25, ["Private"]), "1": (None, [])}
    assert (found["900"].preferred_product_ids, found["1"].preferred_product_ids) == (["p"], [])


def test_the_accounts_that_are_one_customer_are_counted(profiles):
    identities = [
        {"account_id": "7", "customer_id": "7", "accounts": 2, "has_objected": False},
        {"account_id": "8", "customer_id": "7", "accounts": 2, "has_objected": False},
    ]
    accounts = [{"account_id": name} for name in ("7", "8", "9")]
    found = profiles([day(account_id="2")], accounts=accounts, identities=identities)
    assert {name: row.accounts for name, row in found.items()} == {"7": 2, "9": 1, "2": 1}


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


def test_campaigns_and_coupons_received_and_used(profiles):
    # v on two days; x is not in the ERP's list; w is of a campaign that was for others
    used = [("18", "u"), ("18", "v"), ("18", "v"), ("8", "x"), ("99", "w")]
    row = profiles(
        accounts=[{"account_id": "1"}],
        campaigns=[
            {"campaign_id": c, "campaign_type": f"Type {t}"}
            for c, t in (("8", "A"), ("18", "A"), ("13", "B"))
        ],
        addressed=[{"account_id": "1", "campaign_id": c} for c in ("8", "13", "18", "77")],
        coupons=[
            {"campaign_id": c, "coupon_upc": upc, "product_id": product}
            for c, upc in (("8", "t"), ("18", "u"), ("18", "v"), ("13", "s"), ("99", "w"))
            for product in ("p", "q")
        ],
        redeemed=[{"account_id": "1", "campaign_id": c, "coupon_upc": upc} for c, upc in used],
    )["1"]
    assert (row.campaigns_received, row.campaigns_answered, row.coupons_redeemed) == (4, 3, 5)
    assert (row.campaign_answer_rate, row.coupon_use_rate) == (0.5, 0.5)
    assert row.coupons_offered == 4
    # (type, received, answered, coupons offered, used); of the last the ERP has told nothing
    assert [tuple(each) for each in row.campaigns_by_type] == [
        (None, 1, 0, 0, 0),
        ("Type A", 2, 2, 3, 2),
        ("Type B", 1, 0, 1, 0),
    ]


def test_who_was_not_addressed_has_no_rates(profiles):
    of_another = [{"account_id": "900", "campaign_id": "18", "coupon_upc": "u"}]
    found = profiles([day()], accounts=[{"account_id": "1"}], redeemed=of_another)
    for row in found.values():
        assert (row.campaigns_received, row.campaigns_by_type) == (0, [])
        assert (row.campaign_answer_rate, row.coupon_use_rate) == (None, None)
    assert {a: row.coupons_redeemed for a, row in found.items()} == {"900": 1, "1": 0}


def test_who_redeems_but_neither_buys_nor_is_in_the_crm_has_no_profile(profiles):
    of_nobody = {"account_id": "5", "campaign_id": "18"}
    assert profiles(addressed=[of_nobody], redeemed=[of_nobody]) == {}


def test_nobody_makes_no_rows(profiles):
    assert profiles() == {}


def test_there_is_no_name_no_address_and_no_age_in_days():
    names = {column.name for column in columns(table("gold.account_profile").full_schema)}
    assert not names & {"display_name", "email", "recency_days"}


def test_a_day_makes_anew_who_bought_and_the_end_of_a_week_everybody(lake, rows):
    profile = built_table("gold.account_profile")
    catalog.prepare([*[arrow.name for arrow in profile.inputs], profile.name])

    def add(name, *given):
        store.append(rows(name, *given), built_table(name), {})

    add("gold.account_days", day(account_id="1"), day(account_id="2"))
    assert build(profile).rows_written == 2
    add("gold.account_days", day(1, account_id="1"))
    built = build(profile)
    assert (built.kind, built.slices, built.rows_written) == ("changed", 1, 1)
    add("gold.closed_weeks", {"week_start_date": MONDAY, "week_end_date": SUNDAY})
    built = build(profile)
    assert (built.kind, built.rows_written) == ("everything", 2)
    assert build(profile).outcome == "unchanged"
