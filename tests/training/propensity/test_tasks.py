"""Who is asked at an origin, what is known of them, and what is not looked at."""

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jobs.training import given, transactions
from jobs.training.given import BadFile
from jobs.training.propensity import campaigns, models, reasons
from jobs.training.propensity.asking import Asking
from jobs.training.propensity.calibration import Calibration
from jobs.training.propensity.churn import Churn
from jobs.training.propensity.features import features
from jobs.training.propensity.offer import Offer
from jobs.training.propensity.offer_features import among
from jobs.training.propensity.panel import panel
from jobs.training.propensity.task import NothingToAsk
from tests.training.propensity import shoppers
from tests.training.propensity.shoppers import FIRST, ORIGIN


def account_days(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """account, day, orders; each known on its own day."""
    found = pd.DataFrame(rows, columns=["account_id", "business_date", "orders"])
    found["business_date"] = pd.to_datetime(found["business_date"])
    found = found.assign(sales_usd=10.0 * found["orders"], products=1.0)
    found = found.assign(discount_usd=0.0, coupon_usd=0.0)
    return given.dated(found.astype({"account_id": "category"}), found["business_date"])


SUNDAY = dt.date(2017, 6, 25)


def test_a_week_ends_with_the_origin():
    told = panel(account_days([("a", "2017-06-25", 2), ("a", "2017-06-19", 1)]), SUNDAY)
    assert list(told.channel("orders")[0, :2]) == [3, 0]
    told = panel(account_days([("a", "2017-06-18", 1), ("a", "2017-06-26", 5)]), SUNDAY)
    assert list(told.channel("orders")[0, :2]) == [0, 1]


def test_what_was_known_later_is_not_there_yet():
    days = account_days([("a", "2017-06-20", 1), ("a", "2017-06-21", 1)])
    days.loc[1, "known_date"] = pd.Timestamp("2017-06-28")
    assert panel(days, SUNDAY).channel("order_days")[0, 0] == 1
    assert panel(days, dt.date(2017, 6, 28)).channel("order_days")[0].sum() == 2


def test_a_day_that_was_told_in_parts_is_one_day():
    days = account_days([("a", "2017-06-20", 1), ("a", "2017-06-20", 1)])
    told = panel(days, SUNDAY)
    assert told.channel("order_days")[0, 0] == 1
    assert told.channel("orders")[0, 0] == 2


def test_features_worked_by_hand():
    # ordered 20, 10 and 4 days before the origin
    days = account_days([("a", "2017-06-05", 1), ("a", "2017-06-15", 2), ("a", "2017-06-21", 1)])
    told = features(panel(days, SUNDAY)).iloc[0]
    assert told["recency_days"] == 4
    assert told["tenure_days"] == 20
    assert told["orders_1_weeks"] == 1
    assert told["orders_2_weeks"] == 3
    assert told["gap_mean_days"] == 8
    assert told["gap_last_days"] == 6
    assert told["recency_per_gap"] == 0.5
    assert told["basket_usd"] == 10


def test_one_order_has_no_rhythm_and_no_order_no_recency():
    days = account_days([("a", "2017-06-20", 1)])
    told = features(panel(days, SUNDAY, ["a", "b"]))
    assert told["gap_mean_days"].tolist() == [99, 99]
    assert told["recency_days"].tolist() == [5, 364]
    assert not told.isna().to_numpy().any()


def test_who_ordered_twice_and_lately_is_eligible_and_churns_without_an_order():
    rows = [("once", "2017-06-20", 1), ("long ago", "2017-03-01", 2)]
    rows += [("gone", "2017-06-20", 2), ("back", "2017-06-20", 2), ("back", "2017-07-23", 1)]
    rows += [("late", "2017-06-20", 2), ("late", "2017-07-24", 1)]  # a day after the horizon
    asked = Churn(account_days(rows)).asked(SUNDAY)
    assert list(asked.ids) == ["back", "gone", "late"]
    assert list(asked.label) == [0, 1, 1]


def test_a_label_is_what_was_known_when_it_is_learnt_from():
    rows = [(name, "2017-06-20", 2) for name in ("gone", "late", "taken back")]
    rows += [("late", "2017-07-10", 1), ("taken back", "2017-07-10", 1), ("gone", "2017-09-01", 1)]
    days = account_days(rows)
    days.loc[3, "known_date"] = pd.Timestamp("2017-08-01")
    days.loc[4, "superseded_date"] = pd.Timestamp("2017-08-01")
    churn = Churn(days)
    asked = churn.asked(SUNDAY)
    assert dict(zip(asked.ids, asked.label, strict=True)) == {"gone": 1, "late": 0, "taken back": 1}
    over = SUNDAY + dt.timedelta(days=28)
    then = churn.came(asked, SUNDAY, over)
    assert dict(zip(asked.ids, then, strict=True)) == {"gone": 1, "late": 1, "taken back": 0}
    assert churn.came(asked, SUNDAY, over - dt.timedelta(days=1)) is None


def test_where_the_days_end_before_the_horizon_nobody_knows():
    rows = [("a", "2017-06-01", 2), ("a", "2017-06-20", 2), ("a", "2017-07-22", 1)]
    assert Churn(account_days(rows)).asked(SUNDAY).label is None


def test_a_file_may_end_before_the_origin_but_not_by_a_whole_horizon():
    rows = [(name, f"2017-0{month}-10", 2) for month in (3, 4, 5, 6) for name in "abc"]
    rows += [("d", "2017-03-10", 2), ("d", "2017-04-10", 2)]
    days = account_days(rows)  # the newest day is 10 June
    known = Churn(days).examples(SUNDAY)
    assert set(known.label) == {0, 1}
    assert Churn(days).asked(SUNDAY).label is None
    with pytest.raises(NothingToAsk, match="newest day of the file is 2017-06-10"):
        Churn(days).asked(dt.date(2017, 7, 9))


def test_nobody_eligible_is_said():
    with pytest.raises(NothingToAsk, match="2017-06-25: no account has 2 orders"):
        Churn(account_days([("a", "2017-06-20", 1)])).asked(SUNDAY)


def test_too_few_days_to_learn_from_are_said():
    rows = [("a", "2017-06-18", 2), ("b", "2017-06-20", 2)]
    with pytest.raises(NothingToAsk, match="too few to learn from"):
        Churn(account_days(rows)).examples(SUNDAY)


def test_of_many_accounts_a_part_teaches_the_same_part_again(monkeypatch):
    rows = [(f"a{n}", day, 1) for n in range(900) for day in ("2017-05-01", "2017-05-08")]
    rows += [(f"a{n}", "2017-05-30", 1) for n in range(0, 900, 2)]
    monkeypatch.setattr("jobs.training.propensity.churn.MOST_EXAMPLES", 300)
    days = account_days(rows)
    taught = [Churn(days).examples(SUNDAY).rows.features for _ in range(2)]
    assert 200 < len(taught[0]) < 400
    assert taught[0].equals(taught[1])
    assert len(Churn(days).asked(SUNDAY).ids) == 900


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    bought = shoppers.lines()
    paths = shoppers.written(folder, {"transactions": bought, **shoppers.campaigns(bought)})
    days, purchases = transactions.days(paths["transactions"]), None
    purchases = transactions.purchases(paths["transactions"])
    del paths["transactions"]
    return Offer(days, purchases, campaigns.read(campaigns.Files(**paths)))


def test_the_next_campaign_is_asked_about_as_of_the_evening_before(told):
    # c5 starts 56 + 140 days after the first
    start = (FIRST + pd.Timedelta(days=196)).date()
    eve = told.asked(start - dt.timedelta(days=1))
    assert len(eve.ids) == 120
    assert eve.label is not None
    again = told.asked(start)
    assert again.rows.features.equals(eve.rows.features)


def test_nothing_after_an_origin_long_before_the_campaign_is_looked_at(told):
    eve = (FIRST + pd.Timedelta(days=195)).date()
    origin = eve - dt.timedelta(days=14)
    early = told.asked(origin)
    assert len(early.ids) == 120
    assert not early.rows.features.equals(told.asked(eve).rows.features)
    later = told.days["business_date"] > pd.Timestamp(origin)
    bought = told.purchases["business_date"] > pd.Timestamp(origin)
    without = Offer(told.days[~later], told.purchases[~bought], told.told)
    pd.testing.assert_frame_equal(without.asked(origin).rows.features, early.rows.features)


def test_a_day_on_which_a_campaign_began_that_runs_still_is_passed_over(told):
    plans = told.told
    both = plans.campaigns.copy()
    c4, c5 = ((both["campaign_id"] == name) for name in ("c4", "c5"))
    both.loc[c5, "starts_on"] = both.loc[c4, "starts_on"].iloc[0]  # runs four weeks longer
    offer = Offer(told.days, told.purchases, replace(plans, campaigns=both))
    day = both.loc[c4, "ends_on"].iloc[0].date() + dt.timedelta(days=1)
    start_of_c3 = both.loc[both["campaign_id"] == "c3", "starts_on"].iloc[0]
    assert offer.before(day) == (start_of_c3 - pd.Timedelta(days=1)).date()
    assert told.before(day) == (both.loc[c4, "starts_on"].iloc[0] - pd.Timedelta(days=1)).date()
    eve = (both.loc[c4, "starts_on"].iloc[0] - pd.Timedelta(days=1)).date()
    asked = offer.asked(eve)
    assert offer.came(asked, eve, day) is None
    assert offer.came(asked, eve, both.loc[c5, "ends_on"].iloc[0].date()) is not None


def test_only_campaigns_that_had_ended_teach(told):
    origin = (FIRST + pd.Timedelta(days=195)).date()  # c4 ends on that day
    assert len(told.examples(origin).label) == 5 * 120
    before = (FIRST + pd.Timedelta(days=194)).date()
    assert len(told.examples(before).label) == 4 * 120


def test_no_campaign_ahead_is_said(told):
    with pytest.raises(NothingToAsk, match="no campaign with recipients starts"):
        told.asked(ORIGIN + dt.timedelta(days=60))


def test_ranks_are_among_those_who_are_asked():
    ranks = among(pd.DataFrame({"a": [5.0, 1.0, 5.0, 9.0]}))["a"]
    assert list(ranks) == pytest.approx([0.5, 0.125, 0.5, 0.875])


def an_offer(rows: list[tuple[str, str, int]], used_on: dict[str, str]) -> Offer:
    """Of a first campaign that a, b, c and d got, some of whom answered, and a second of today."""
    dates = {"starts_on": ["2017-05-01", "2017-06-26"], "ends_on": ["2017-05-28", "2017-07-23"]}
    plans = pd.DataFrame({"campaign_id": ["1", "2"], **dates, "campaign_type": "A"})
    plans = plans.astype({"starts_on": "datetime64[ns]", "ends_on": "datetime64[ns]"})
    everyone = [(name, campaign) for name in "abcd" for campaign in "12"]
    used = pd.DataFrame({"account_id": list(used_on), "campaign_id": "1"})
    told = campaigns.Campaigns(
        plans,
        pd.DataFrame(everyone, columns=["account_id", "campaign_id"]),
        pd.DataFrame({"coupon_id": ["x"], "campaign_id": ["2"], "product_id": ["p"]}),
        used.assign(redeemed_on=pd.to_datetime(list(used_on.values()))),
    )
    days = account_days(rows)
    bought = days[["account_id", "business_date", "sales_usd", "known_date", "superseded_date"]]
    return Offer(days, bought.assign(product_id="q"), told)


def test_days_with_a_coupon_are_ranked_as_they_were_known():
    rows = [("a", "2017-03-20", 1), ("b", "2017-06-20", 1), ("c", "2017-06-21", 1)]
    rows += [("c", "2017-06-22", 1), ("d", "2017-06-22", 1)]
    offer = an_offer(rows, {"a": "2017-05-03"})
    offer.days["coupon_usd"] = [1.0, 1.0, 1.0, 1.0, math.nan]
    offer.days.loc[3, "known_date"] = pd.Timestamp("2017-06-28")  # c's second came to light later
    told = offer.asked(SUNDAY).rows.features.set_axis(list("abcd"))
    assert told["coupon_days"].tolist() == pytest.approx([0.625, 0.625, 0.625, 0.125])
    assert told["coupon_days_12_weeks"].tolist() == pytest.approx([0.25, 0.75, 0.75, 0.25])
    assert told["days_since_coupon"].tolist() == pytest.approx([0.625, 0.375, 0.125, 0.875])
    assert told.loc["d", "coupon_days_share"] == pytest.approx(0.125)


def test_the_share_of_days_with_a_coupon_is_of_days_with_an_order():
    rows = [("a", "2017-06-20", 1), ("a", "2017-06-20", 1), ("a", "2017-06-21", 0)]
    rows += [("b", "2017-06-20", 1), ("c", "2017-06-20", 1), ("c", "2017-04-02", 1)]
    offer = an_offer([*rows, ("d", "2017-06-20", 1)], {"a": "2017-05-03"})
    # a's one day was told in parts; what c used a coupon on lies 84 days back
    offer.days["coupon_usd"] = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    told = offer.asked(SUNDAY).rows.features.set_axis(list("abcd"))
    assert told["coupon_days"].tolist() == pytest.approx([0.625, 0.625, 0.625, 0.125])
    assert told["coupon_days_share"].tolist() == pytest.approx([0.75, 0.75, 0.375, 0.125])
    assert told["coupon_days_12_weeks"].tolist() == pytest.approx([0.75, 0.75, 0.25, 0.25])


def test_who_was_not_addressed_and_used_a_coupon_is_no_answer():
    rows = [(name, "2017-06-20", 1) for name in "abcde"]
    alone = an_offer(rows, {"a": "2017-05-03"})
    others = an_offer(rows, {"a": "2017-05-03", **{f"x{n}": "2017-05-03" for n in range(40)}})
    beyond = [one.asked(SUNDAY).rows.features["answers_beyond_expected"] for one in (alone, others)]
    assert beyond[0].equals(beyond[1])


def test_answers_are_told_against_how_often_a_campaign_was_answered():
    rows = [(name, "2017-06-20", 1) for name in "abcd"]
    told = an_offer(rows, {"a": "2017-05-03"}).asked(SUNDAY).rows.features
    beyond = told["answers_beyond_expected"].tolist()
    # each was expected to answer a quarter of a time
    assert beyond == pytest.approx([math.log(2 / 1.25), *3 * [math.log(1 / 1.25)]])


def test_a_campaign_that_runs_still_says_nothing_of_answers_beyond_expected():
    rows = [(name, "2017-05-20", 1) for name in "abcd"]
    offer = an_offer(rows, {"a": "2017-05-03"})
    offer.told.campaigns.loc[0, "ends_on"] = pd.Timestamp("2017-07-01")
    told = offer.asked(SUNDAY).rows.features
    assert told["answers_beyond_expected"].tolist() == [0, 0, 0, 0]


def test_one_campaigns_slope_hardly_moves_the_next_ones(told):
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 2, 600)
    label = (rng.random(600) < 1 / (1 + np.exp(-margin / 2 - 1))).astype(int)  # twice too sure
    free, strict = (Calibration.found(margin, label, spread) for spread in (0.5, told.spread))
    assert free.slope < 0.6 < 0.8 < strict.slope
    assert strict.shift > 0.5
    [of] = [one for one in models.configurations(told.baseline) if one.model == "logistic"]
    origin = (FIRST + pd.Timedelta(days=195)).date()
    asking = Asking(told, of)
    answer, _ = asking.chances(origin)
    assert answer.by.calibration == asking.calibration(origin, told.spread)
    assert answer.by.calibration != asking.calibration(origin, Churn(told.days).spread)


def test_a_campaign_that_is_there_twice_is_told(tmp_path):
    frames = shoppers.campaigns(shoppers.lines())
    twice = frames["campaigns"].iloc[:1].assign(ends_on=FIRST)
    frames["campaigns"] = pd.concat([frames["campaigns"], twice])
    with pytest.raises(BadFile, match="campaign c0 is there twice"):
        campaigns.read(campaigns.Files(**shoppers.written(tmp_path, frames)))


def test_every_feature_of_an_offer_may_be_used(told):
    start = (FIRST + pd.Timedelta(days=195)).date()
    known = list(told.asked(start).rows.features)
    assert not reasons.themes(known, reasons.read("offer")).isna().any()
