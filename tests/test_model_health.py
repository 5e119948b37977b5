"""Whether champions still hold: measures of hand-made scores, and what is done about them."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from deltalake import write_deltalake

from jobs import alerts, lake, model_health
from jobs.table import FOREVER
from jobs.watch import look

DAY = dt.date(2017, 11, 26)
AT = dt.datetime(2017, 11, 27, 6, tzinfo=dt.UTC)


# a campaign that has not begun
NO_ANSWERS = {
    "campaigns": pd.DataFrame(
        {
            "campaign_id": ["9"],
            "start_date": [DAY + dt.timedelta(days=90)],
            "end_date": [DAY + dt.timedelta(days=99)],
            "campaign_type": ["Type A"],
        }
    ),
    "campaign_accounts": pd.DataFrame({"account_id": ["x"], "campaign_id": ["9"]}),
    "coupons": pd.DataFrame({"coupon_upc": ["1"], "product_id": ["p"], "campaign_id": ["9"]}),
    "redemptions": pd.DataFrame(
        {"account_id": ["x"], "campaign_id": ["9"], "redemption_date": [DAY]}
    ),
}


def days(count):
    return dt.timedelta(days=count)


def scores(as_of, values, name="churn", grade="B", version="3", **told):
    values = list(values)
    return pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(len(values))],
            "campaign_id": pd.Series([None] * len(values), dtype="str"),
            "score_name": name,
            "as_of_date": as_of,
            "valid_until": as_of + days(7),
            "score": values,
            "grade": grade,
            "model_version": version,
            **told,
        }
    )


def orders(accounts, day, usd=10.0):
    return pd.DataFrame(
        {
            "account_id": accounts,
            "business_date": day,
            "known_date": day,
            "superseded_date": FOREVER,
            "orders": 1,
            "sales_usd": usd,
            "loyalty_discount_usd": 0.0,
            "coupon_discount_usd": 0.0,
        }
    )


def write(name, *parts):
    write_deltalake(lake.location(name), pd.concat(parts, ignore_index=True), mode="overwrite")


@pytest.fixture
def shop(state):
    """A lake that ends before it is known what became of the scores of four weeks ago."""
    write("features.account_days", orders(["somebody"], DAY - days(1)))
    write("features.interactions", orders(["somebody"], DAY - days(1)))


def found(**wanted):
    rows = model_health.refresh(AT)
    return {
        (row["measure"], row["subject"]): row
        for row in rows
        if all(row[name] == value for name, value in wanted.items())
    }


def test_the_index_of_shares_that_have_moved_by_hand():
    # halves of 1 and 2 before, a quarter and three quarters now: .25 ln 1.5 + .25 ln 2
    before, now = pd.Series([1.0] * 50 + [2.0] * 50), pd.Series([1.0] * 25 + [2.0] * 75)
    nobody = 0.5 / 100  # unknown values, before and now
    assert model_health.psi(before, now) == pytest.approx(
        0.25 * np.log(1.5) + 0.25 * np.log(2), abs=nobody
    )
    assert model_health.psi(before, before) == 0


def test_values_that_are_no_longer_known_count_as_moved():
    before = pd.Series(np.linspace(0, 1, 100))
    assert model_health.psi(before, before.where(before < 0.5)) > model_health.MOST_MOVED


def test_scores_that_have_moved_are_told_and_ask_for_learning(shop):
    before, now = np.linspace(0, 0.5, 200), np.linspace(0.4, 1, 200)
    write("scores.account_scores", scores(DAY - days(28), before), scores(DAY, now))
    row = found()["scores", "all"]
    assert row["is_past"]
    assert (row["compared_date"], row["as_of_date"]) == (DAY - days(28), DAY)
    stored = model_health.newest()
    assert model_health.is_to_learn(stored)
    assert list(model_health.faults(stored)) == ["model of churn"]


def test_scores_that_stay_ask_for_nothing_and_the_first_month_has_nothing_to_compare(shop):
    same = np.linspace(0, 0.5, 200)
    write("scores.account_scores", scores(DAY - days(28), same), scores(DAY, same))
    assert not found()["scores", "all"]["is_past"]
    assert not model_health.is_to_learn(model_health.newest())
    write("scores.account_scores", scores(DAY - days(27), same), scores(DAY, same))
    assert ("scores", "all") not in found()


def test_chances_that_do_not_come_true_are_past_their_limit(shop):
    told = DAY - days(28)
    write("scores.account_scores", scores(told, [0.1] * 200), scores(DAY, [0.1] * 200))
    half = [f"a{n}" for n in range(100)]
    write(
        "features.account_days",
        orders(half, told + days(28)),  # the last day of the window
        orders([f"a{n}" for n in range(100, 200)], told + days(29)),  # too late
        orders(["somebody"], DAY),
    )
    row = found()["calibration", f"{told:%Y-%m} B"]
    assert row["value"] == pytest.approx(0.1 - 0.5)
    assert row["subjects"] == 200
    assert row["is_past"]


def test_a_grade_of_few_is_told_and_not_judged(shop):
    told = DAY - days(35)
    write("scores.account_scores", scores(told, [0.1] * 99), scores(DAY, [0.1] * 99))
    write("features.account_days", orders(["somebody"], DAY))
    row = found()["calibration", f"{told:%Y-%m} B"]
    assert row["value"] == pytest.approx(-0.9)  # nobody came: all have left
    assert not row["is_past"]


def test_a_soft_churn_is_held_against_the_spend_that_was_usual_when_it_was_told(shop):
    told = DAY - days(35)
    write("scores.account_scores", scores(told, [0.1] * 200, name="soft_churn"))
    everybody = [f"a{n}" for n in range(200)]
    # 120 USD in 81 days: 41 are usual in four weeks, until it is known that 20 were
    before = orders(everybody, told - days(80), usd=120.0).assign(superseded_date=told + days(9))
    corrected = orders(everybody, told - days(80), usd=20.0).assign(known_date=told + days(9))
    write(
        "features.account_days",
        before,
        corrected,
        orders(everybody[:100], told + days(1), usd=20.0),  # less than half of the usual
        orders(everybody[100:150], told + days(1), usd=21.0),
        orders(everybody[150:], told + days(29)),  # too late, and so a churn
        orders(["somebody"], DAY),
    )
    row = found()["calibration", f"{told:%Y-%m} B"]
    assert row["value"] == pytest.approx(0.1 - 0.5)
    assert row["subjects"] == 200


def test_a_value_is_off_as_a_share_of_what_was_told(shop):
    told = DAY - days(63)
    write("scores.account_scores", scores(told, [100.0] * 200, name="value"))
    write(
        "features.account_days",
        orders([f"a{n}" for n in range(200)], told + days(1), usd=80.0),
        orders(["somebody"], DAY),
    )
    rows = found()
    for grade in ("B", "all"):
        row = rows["calibration", f"{told:%Y-%m} {grade}"]
        assert row["value"] == pytest.approx(0.2)
        assert not row["is_past"]


def test_a_value_is_judged_by_all_its_customers_together(shop):
    told = DAY - days(63)
    low = scores(told, [20.0] * 200, name="value", grade="E")
    high = scores(told, [180.0] * 200, name="value", grade="A")
    high["account_id"] = "b" + high["account_id"]
    write("scores.account_scores", low, high)
    write(
        "features.account_days",
        orders(list(low["account_id"]), told + days(1), usd=45.0),
        orders(list(high["account_id"]), told + days(1), usd=170.0),
        orders(["somebody"], DAY),
    )
    rows = found()
    month = f"{told:%Y-%m}"
    assert rows["calibration", f"{month} E"]["value"] == pytest.approx(-1.25)
    assert not rows["calibration", f"{month} E"]["is_past"]
    assert rows["calibration", f"{month} all"]["value"] == pytest.approx((20 + 180 - 215) / 200)
    write(
        "features.account_days",
        orders([*low["account_id"], *high["account_id"]], told + days(1), usd=160.0),
        orders(["somebody"], DAY),
    )
    assert found()["calibration", f"{month} all"]["is_past"]


@pytest.mark.parametrize(
    ("newer", "judged"),
    [
        (dt.date(2017, 10, 29), "2017-10"),
        (dt.date(2017, 10, 15), "2017-09"),  # October is not over yet
    ],
)
def test_of_what_was_told_the_newest_month_that_is_over_is_judged(shop, newer, judged):
    older = dt.date(2017, 9, 17)
    tellings = (scores(older, [0.1] * 200), scores(newer, [0.9] * 200), scores(DAY, [0.1] * 200))
    write("scores.account_scores", *tellings)
    write("features.account_days", orders(["somebody"], DAY))
    rows = found()
    off = {month: rows["calibration", f"{month} B"] for month in ("2017-09", "2017-10")}
    assert off["2017-09"]["value"] == pytest.approx(-0.9)
    assert [month for month, row in off.items() if row["is_past"]] == [judged]


def test_features_without_a_newer_day_are_not_compared_with_themselves(shop):
    write("scores.account_scores", scores(DAY, [0.1] * 200))
    known = {name: [1.0] * 200 for name in model_health.FEATURES}
    write("features.account_features", pd.DataFrame({"as_of_date": DAY - days(35), **known}))
    assert not [subject for measure, subject in found() if measure == "features"]


def test_answers_to_two_campaigns_and_scores_of_few_are_not_compared(shop):
    before, now = np.linspace(0, 0.5, 200), np.linspace(0.4, 1, 200)
    offer = {"name": "offer_response"}
    few = (scores(DAY - days(28), before[:99]), scores(DAY, now[:99]))
    told = (scores(DAY - days(28), before, **offer), scores(DAY, now, **offer))
    write("scores.account_scores", *few, *told)
    for name in ("campaigns", "campaign_accounts", "coupons", "redemptions"):
        write(f"silver.{name}", NO_ANSWERS[name])
    rows = found()
    assert not rows["scores", "all"]["is_past"]
    assert [row["score_name"] for row in rows.values() if row["measure"] == "scores"] == ["churn"]


def test_a_score_that_holds_no_more_is_not_looked_at_and_its_fault_is_over(shop):
    before, now = np.linspace(0, 0.5, 200), np.linspace(0.4, 1, 200)
    moved = (scores(DAY - days(28), before), scores(DAY, now))
    write("scores.account_scores", *moved)
    found()
    assert model_health.faults(model_health.newest())
    later = scores(DAY + days(8), [100.0] * 200, name="value")
    write("scores.account_scores", *moved, later)
    model_health.refresh(AT + days(8))
    assert not model_health.faults(model_health.newest())


def test_an_offer_is_judged_once_its_campaign_has_ended(shop):
    told = DAY - days(35)
    offer = {"name": "offer_response"}
    running = scores(DAY, [0.5] * 200, **offer).assign(campaign_id="14")
    over = scores(told, [0.5] * 200, **offer).assign(campaign_id="13")
    write("scores.account_scores", over, running)
    ends = {"campaign_id": ["13", "14"], "end_date": [DAY - days(1), DAY + days(9)]}
    plans = pd.DataFrame(ends).assign(start_date=told, campaign_type="Type A")
    write("silver.campaigns", plans)
    write("silver.campaign_accounts", over[["account_id", "campaign_id"]])
    kept = {"coupon_upc": ["1"], "product_id": ["p"], "campaign_id": ["13"]}
    write("silver.coupons", pd.DataFrame(kept))
    used = {"account_id": ["a1", "a1", "a2"], "campaign_id": ["13", "13", "14"]}
    when = [DAY - days(9), DAY - days(8), DAY - days(8)]
    write("silver.redemptions", pd.DataFrame({**used, "redemption_date": when}))
    rows = found()
    [row] = [row for (measure, _), row in rows.items() if measure == "calibration"]
    assert row["value"] == pytest.approx(0.5 - 1 / 200)


def test_a_fault_is_told_once_and_once_that_it_is_over(shop, monkeypatch):
    sent = []
    monkeypatch.setattr(alerts, "send", lambda title, text: sent.append(title) or "sent")
    before, now = np.linspace(0, 0.5, 200), np.linspace(0.4, 1, 200)
    write("scores.account_scores", scores(DAY - days(28), before), scores(DAY, now))
    model_health.refresh(AT)
    for _ in range(2):
        look(AT)
    write("scores.account_scores", scores(DAY - days(28), now), scores(DAY, now))
    model_health.refresh(AT)
    look(AT)
    assert [title for title in sent if "churn" in title] == [
        "Sales Lakehouse: model of churn is worn",
        "Sales Lakehouse: model of churn is well again",
    ]


def test_without_scores_there_is_nothing_to_look_at(state):
    assert model_health.refresh(AT) == []
    assert model_health.newest() == []
