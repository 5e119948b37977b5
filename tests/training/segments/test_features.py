"""What a segment knows a customer by: worked by hand, and as it was known on the day."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training.segments.features import NAMES, features
from jobs.training.segments.standard import MAKE, Standard
from tests.training.segments.shoppers import FOREVER, SUNDAY, framed, shoppers


def day(weeks: int, usd: float = 10.0, orders: int = 1, **other: object) -> tuple:
    """A day of account a, so many weeks before SUNDAY; known on it."""
    at = pd.Timestamp(SUNDAY) - pd.Timedelta(weeks=weeks)
    told = {"known": at, "superseded": FOREVER, "products": 2.0, "off": 0.0, "coupon": 0.0, **other}
    who = other.get("account", "a")
    return (
        *(who, at, told["known"], told["superseded"], orders, usd),
        *(told["products"], told["off"], told["coupon"]),
    )


def of(*rows: tuple) -> pd.Series:
    return features(framed(list(rows)), SUNDAY).loc["a"]


def test_the_features_are_those_worked_by_hand() -> None:
    found = of(
        day(51, 90.0, off=10.0),
        day(1, 30.0, orders=2, products=6.0, coupon=5.0),
        day(0, -10.0, orders=0),  # a return: money, not an order
        day(60, 999.0),  # more than 52 weeks ago: only tenure knows it
    )
    assert found["recency_days"] == 7
    assert found["tenure_days"] == 7 * 60
    assert found["regularity"] == pytest.approx(1 / 12)
    assert found["spend_per_week_usd"] == pytest.approx(110 / 52)
    assert found["discount_share"] == pytest.approx(15 / 120)
    assert found["coupon_share"] == pytest.approx(1 / 2)
    assert found["orders_per_week"] == pytest.approx(2 / 12)
    assert found["trend"] == pytest.approx(np.log((20 / 12 + 5) / (90 / 40 + 5)))
    assert found["basket_usd"] == pytest.approx(110 / 3)
    assert found["products_per_day"] == pytest.approx(4)


def test_a_day_that_was_told_in_parts_is_one_day() -> None:
    whole = of(day(1, 30.0, orders=2, products=6.0, coupon=5.0), day(40, 20.0))
    parts = of(
        day(1, 30.0, orders=2, products=4.0),
        day(1, 0.0, orders=0, products=2.0, coupon=5.0),  # what came to light later
        day(40, 20.0),
    )
    pd.testing.assert_series_equal(parts, whole)


def test_one_order_of_today_is_no_habit() -> None:
    found = of(day(0, 40.0))
    assert found["spend_per_week_usd"] == pytest.approx(10)  # as if over four weeks
    assert found["regularity"] == pytest.approx(1 / 4)
    assert np.isnan(found["trend"])  # there is no time before


def test_nothing_dated_or_known_after_the_day_changes_it() -> None:
    days = shoppers(each=4)
    late = pd.Timestamp(SUNDAY) + pd.Timedelta(days=1)
    more = framed(
        [
            day(3, 500.0, known=late, account="loyal 00"),  # a day of three weeks ago, told late
            day(-1, 500.0, account="loyal 00"),
            day(-1, 500.0, known=pd.Timestamp(SUNDAY), account="loyal 00"),  # told ahead
        ]
    )
    until = days[days["business_date"] <= pd.Timestamp(SUNDAY)]
    assert len(until) < len(days)
    found = features(until, SUNDAY)
    pd.testing.assert_frame_equal(features(pd.concat([days, more]), SUNDAY), found)
    corrected = until.assign(superseded_date=late)  # after the day: it was still believed
    pd.testing.assert_frame_equal(features(corrected, SUNDAY), found)
    gone = until.assign(superseded_date=pd.Timestamp(SUNDAY))
    assert features(gone, SUNDAY).empty


def test_who_did_not_order_for_a_year_is_not_there() -> None:
    rows = framed([day(53), day(0, -3.0, orders=0), day(2, account="b")])
    assert list(features(rows, SUNDAY).index) == ["b"]


def test_a_file_that_tells_no_products_leaves_them_null() -> None:
    found = features(framed([day(1, products=None), day(2, products=None)]), SUNDAY)
    assert found["products_per_day"].isna().all()
    assert Standard.of(found).places(found)["products_per_day"].isna().all()


def test_places_are_shares_below_and_ties_share_theirs() -> None:
    found = features(shoppers(each=1), SUNDAY).iloc[:4].assign(trend=[1.0, 2.0, 2.0, 4.0])
    assert list(Standard.of(found).places(found)["trend"]) == [0.125, 0.5, 0.5, 0.875]


def test_a_huge_customer_moves_nobody_else() -> None:
    found = features(shoppers(each=10), SUNDAY)
    huge = found.copy()
    top = found["spend_per_week_usd"].idxmax()
    huge.loc[top, "spend_per_week_usd"] *= 1e6
    points, others = (Standard.of(one).points(one) for one in (found, huge))
    np.testing.assert_array_equal(points, others)


def test_what_is_not_told_stands_in_the_middle() -> None:
    found = features(shoppers(each=10), SUNDAY)
    unknown = found.assign(discount_share=np.nan)
    column = [one.name for one in MAKE].index("discount_share")
    assert (Standard.of(found).points(unknown)[:, column] == 0).all()
    assert (Standard.of(unknown).points(unknown)[:, column] == 0).all()


def test_places_of_many_are_right_to_a_thousandth() -> None:
    rng = np.random.default_rng(1)
    many = pd.DataFrame({name: rng.lognormal(size=30_000) for name in NAMES})
    exact = (many["trend"].rank() - 0.5) / len(many)
    assert (Standard.of(many).places(many)["trend"] - exact).abs().max() < 0.001


def test_a_day_is_a_date() -> None:
    assert features(shoppers(each=1), dt.date(2015, 1, 1)).empty
