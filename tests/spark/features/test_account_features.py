import datetime as dt

import pytest

SUNDAY = dt.date(2017, 3, 5)
BEFORE = SUNDAY - dt.timedelta(days=7)


def day(ago, late=0, **told):
    date = SUNDAY - dt.timedelta(days=ago)
    return {
        "account_id": "900",
        "business_date": date,
        "known_date": date + dt.timedelta(days=late),
        "orders": 1,
        **told,
    }


@pytest.fixture
def features(rows, made):
    def build(*days, dates=(SUNDAY,)):
        found = made("features.account_features", rows("features.account_days", *days), list(dates))
        return {(row.account_id, row.as_of_date): row for row in found}

    return build


def test_windows_count_days_back_from_the_sunday(features):
    row = features(
        day(0, sales_usd=1),
        day(27, sales_usd=2),
        day(28, sales_usd=4),
        day(83, sales_usd=8),
        day(84, sales_usd=16),
        day(363, sales_usd=32),
        day(364, sales_usd=64),  # a day too old
    )["900", SUNDAY]
    assert (row.spend_4_weeks_usd, row.spend_12_weeks_usd, row.spend_52_weeks_usd) == (3, 15, 63)
    assert (row.orders_4_weeks, row.orders_12_weeks, row.orders_52_weeks) == (2, 4, 6)
    assert (row.recency_days, row.tenure_days, row.order_weeks_12_weeks) == (0, 363, 4)


def test_a_future_row_changes_nothing(features):
    seen = features(day(3, sales_usd=5))
    assert features(day(3, sales_usd=5), day(-1, sales_usd=500)) == seen


def test_a_correction_changes_snapshots_from_its_known_date_on_and_no_earlier_one(features):
    known = SUNDAY - dt.timedelta(days=3)
    days = [
        day(8, sales_usd=5, superseded_date=known),
        day(8, late=5, sales_usd=505),  # known on the 2nd of March
    ]
    found = features(*days, dates=(BEFORE, SUNDAY))
    assert found["900", BEFORE].spend_4_weeks_usd == 5
    assert found["900", SUNDAY].spend_4_weeks_usd == 505
    assert (found["900", SUNDAY].orders_4_weeks, found["900", BEFORE].orders_4_weeks) == (1, 1)


def test_what_is_known_on_the_sunday_counts_and_what_is_known_on_monday_does_not(features):
    sunday, monday = SUNDAY, SUNDAY + dt.timedelta(days=1)
    days = [
        day(4, sales_usd=1, superseded_date=sunday),
        {**day(4, sales_usd=10), "known_date": sunday, "superseded_date": monday},
        {**day(4, sales_usd=100), "known_date": monday},
    ]
    assert features(*days)["900", SUNDAY].spend_4_weeks_usd == 10


def test_days_and_weeks_are_counted(features):
    days = [day(0, coupon_discount_usd=1), day(4, coupon_discount_usd=1), day(10)]
    row = features(*days)["900", SUNDAY]
    assert (row.days_between_orders, row.coupon_share) == (5.0, 0.6667)
    assert row.order_weeks_12_weeks == 2


def test_who_ordered_on_one_day_only_has_the_days_since_in_place_of_a_gap_and_is_flagged(features):
    one, two = features(day(9))["900", SUNDAY], features(day(9), day(12))["900", SUNDAY]
    assert (one.days_between_orders, one.is_days_between_orders_imputed) == (9.0, True)
    assert (two.days_between_orders, two.is_days_between_orders_imputed) == (3.0, False)


def test_winsorised_spend_is_of_12_weeks(features):
    row = features(
        day(0, sales_usd=90, winsorised_sales_usd=4),
        day(83, sales_usd=2, winsorised_sales_usd=2),
        day(84, sales_usd=7, winsorised_sales_usd=7),
    )["900", SUNDAY]
    assert (row.spend_12_weeks_usd, row.winsorised_spend_12_weeks_usd) == (92, 6)


def test_shares_are_worked_by_hand(features):
    row = features(
        day(0, sales_usd=8, loyalty_discount_usd=1, coupon_match_discount_usd=1),
        day(2, coupon_discount_usd=2),
        day(4, sales_usd=2, fuel_sales_usd=2),
    )["900", SUNDAY]
    assert row.discount_share == 0.3333  # 4 of a shelf price of 12
    assert row.fuel_share == 0.2  # 2 of 10
    assert row.coupon_share == 0.3333  # one day of three
    assert row.days_between_orders == 2.0


def test_who_paid_nothing_has_no_shares_and_the_lowest_band(features):
    row = features(day(0))["900", SUNDAY]
    assert (row.fuel_share, row.discount_share) == (None, None)
    assert (row.coupon_share, row.spend_band) == (0.0, "none")


def test_who_has_not_bought_in_52_weeks_has_no_row(features):
    assert features(day(364)) == {}


def test_no_days_make_no_rows(features):
    assert features() == {}
