"""Where an account will buy: who is asked about what, what is known of it, and how it is judged."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training import metrics, transactions
from jobs.training.given import BadFile
from jobs.training.propensity import accuracy, department, models, reasons
from jobs.training.propensity.asking import Asking
from jobs.training.propensity.department import Department
from jobs.training.propensity.department_features import affinity
from jobs.training.propensity.reasons import BadReasons
from jobs.training.propensity.task import NothingToAsk
from tests.training.propensity import shoppers
from tests.training.propensity.shoppers import ORIGIN

SUNDAY = dt.date(2017, 6, 25)


def read(folder, rows: pd.DataFrame) -> Department:
    path = shoppers.written(folder, {"transactions": rows})["transactions"]
    return Department(transactions.days(path), transactions.by_department(path))


def lines(rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["account_id", "bought_at", "department", "amount_usd"])


SOLD = [
    ("a", "2017-03-01", "toys", 5.0),  # 116 days before the origin
    ("a", "2017-06-05", "fresh", 10.0),
    ("a", "2017-06-15", "fresh", 20.0),
    ("b", "2017-06-20", "fresh", 10.0),
    ("b", "2017-06-21", "toys", 30.0),
    ("once", "2017-06-20", "fresh", 9.0),
    ("a", "2017-07-23", "toys", 1.0),
    ("b", "2017-07-23", "fresh", 0.0),  # the shop received nothing
    ("b", "2017-07-24", "toys", 1.0),  # a day after the horizon
    ("b", "2017-07-24", "new", 1.0),
]


@pytest.fixture
def small(tmp_path) -> Department:
    return read(tmp_path, lines(SOLD))


def told(of: Department, origin: dt.date = SUNDAY) -> pd.DataFrame:
    asked = of.asked(origin)
    index = pd.MultiIndex.from_arrays([asked.ids, asked.about])
    return asked.rows.features.set_axis(index).assign(label=asked.label)


def test_every_eligible_account_is_asked_about_every_department_of_the_past(small):
    found = told(small)["label"].to_dict()
    assert found == {("a", "fresh"): 0, ("a", "toys"): 1, ("b", "fresh"): 0, ("b", "toys"): 0}


def test_what_is_known_worked_by_hand(small):
    found = told(small)
    fresh, toys = found.loc[("a", "fresh")], found.loc[("a", "toys")]
    assert fresh["there_days_4_weeks"] == 2
    assert fresh["there_spend_12_weeks_usd"] == 30
    assert fresh["there_recency_days"] == 10
    assert fresh["there_gap_days"] == 10
    # 116 days are four whole stretches of 28: fresh in the newest of them; the toys lie before
    assert fresh["there_windows_share"] == 1 / 4
    assert toys["there_windows_share"] == 0
    assert toys["there_days_12_weeks"] == 0
    assert toys["there_days_26_weeks"] == 1
    assert toys["there_share_of_days_26_weeks"] == pytest.approx(1 / 3)
    assert fresh["departments_12_weeks"] == 1
    # in the newest stretch both bought fresh and one toys; in the two before nobody came
    assert fresh["department_buyers_share"] == pytest.approx(1 / 3)
    assert toys["department_buyers_share"] == pytest.approx(0.5 / 3)


def test_who_buys_what_goes_with_a_department_is_near_it():
    # the third buys the first two departments as the others do, and the last never
    bought = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]], bool)
    found = affinity(bought)
    assert found[2, 1] == 1
    assert found[2, 2] == 0
    assert found[3].tolist() == [0, 0, 1, 1]


def test_an_answer_is_what_was_known_of_it_by_then(small):
    asked = small.asked(SUNDAY)
    over = SUNDAY + dt.timedelta(days=28)
    assert small.came(asked, SUNDAY, over).tolist() == [0, 1, 0, 0]
    assert small.came(asked, SUNDAY, over - dt.timedelta(days=1)) is None
    late = small.bought["business_date"] == "2017-07-23"
    small.bought.loc[late, "known_date"] = pd.Timestamp("2017-08-01")
    assert small.came(asked, SUNDAY, over).sum() == 0


def test_a_department_in_which_hardly_anybody_buys_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(department, "FEWEST_BUYERS", 0.6)
    one_of_two = [("a", "2017-06-06", "tools", 5.0)]
    about = read(tmp_path, lines(SOLD + one_of_two)).asked(SUNDAY).about
    assert about.tolist() == ["fresh", "toys"] * 2


def test_departments_of_nobody_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(department, "FEWEST_BUYERS", 1.1)
    with pytest.raises(NothingToAsk, match="in no department 110% of the accounts have bought"):
        read(tmp_path, lines(SOLD)).asked(SUNDAY)


def test_a_file_without_departments_is_told(tmp_path):
    with pytest.raises(BadFile, match="column department is missing; it has "):
        read(tmp_path, shoppers.lines(20))
    with pytest.raises(BadFile, match="column department is empty in every line with an amount"):
        read(tmp_path, shoppers.lines(20).assign(department=None))


def test_names_and_numbers_of_other_retailers_are_read_alike(tmp_path):
    bought = shoppers.in_departments(shoppers.lines(40))
    theirs = bought.rename(
        columns={
            "account_id": "household_id",
            "bought_at": "transaction_timestamp",
            "amount_usd": "sales_value",
            "department": "category",
        }
    )
    theirs["category"] = theirs["category"].map({"fresh": 1, "tools": 2, "toys": 3})
    ours, found = (
        read(tmp_path / name, rows).asked(ORIGIN)
        for name, rows in (("ours", bought), ("theirs", theirs))
    )
    assert found.ids.tolist() == ours.ids.tolist()
    assert set(found.about) == {"1", "2", "3"}
    pd.testing.assert_frame_equal(found.rows.features, ours.rows.features)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Department:
    bought = shoppers.in_departments(shoppers.lines())
    return read(tmp_path_factory.mktemp("shop"), bought)


def test_nothing_after_an_origin_is_looked_at(shop, monkeypatch):
    monkeypatch.setattr(department, "MOST_ACCOUNTS", 300)  # so that a part is drawn
    day = pd.Timestamp(ORIGIN)
    alone = Department(
        shop.days[shop.days["business_date"] <= day],
        shop.bought[shop.bought["business_date"] <= day],
    )
    later = shop.bought["business_date"] > day
    named = shop.bought["department"].astype(str).where(~later, "opened later")
    shop = Department(shop.days, shop.bought.assign(department=named))
    whole = shop.asked(ORIGIN)
    assert alone.asked(ORIGIN).label is None
    pd.testing.assert_frame_equal(alone.asked(ORIGIN).rows.features, whole.rows.features)
    learnt, again = shop.examples(ORIGIN), alone.examples(ORIGIN)
    assert 0 < len(learnt.label) < 160 * 3 * 3
    pd.testing.assert_frame_equal(again.rows.features, learnt.rows.features)
    assert np.array_equal(again.label, learnt.label)


def test_habits_are_learnt_and_calibration_keeps_the_order(shop):
    [configuration] = [c for c in models.configurations(shop.baseline) if c.model == "logistic"]
    answer, chance = Asking(shop, configuration).chances(ORIGIN)
    found = department.judged(answer.asked, chance)
    assert found["auc"].mean() > 0.9  # half of the pairs are of departments never bought in
    assert (np.diff(chance[np.argsort(answer.margin)]) >= 0).all()


def test_too_few_days_to_learn_from_are_said(small):
    with pytest.raises(NothingToAsk, match="too few to learn from"):
        small.examples(dt.date(2017, 3, 10))


def test_every_feature_may_be_used_and_a_planted_one_is_refused(shop):
    known = list(shop.asked(ORIGIN).rows.features)
    assert not reasons.themes(known, reasons.read("department")).isna().any()
    with pytest.raises(BadReasons, match="bought_next_month: in no theme"):
        reasons.themes([*known, "bought_next_month"], reasons.read("department"))


def test_only_the_quick_models_are_asked(shop):
    asked = [c.model for c in models.configurations(shop.baseline, shop.without)]
    assert asked == ["single_feature", "logistic", "gbm"]


def test_metrics_are_of_all_pairs_and_their_intervals_of_accounts():
    chance = np.random.default_rng(0)
    # an account's five departments all go the same way: 200 draws, not 1,000
    values = pd.Series(np.repeat(chance.normal(size=200), 5))
    ids = np.repeat(np.arange(200).astype(str), 5)
    by = accuracy.by_account(values, ids)
    assert by.mean() == pytest.approx(values.mean())
    wide, narrow = (metrics.estimate(one) for one in (by, values))
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(5**0.5, rel=0.2)


def test_an_account_without_a_value_adds_nothing_to_the_mean():
    values, ids = pd.Series([1.0, 3.0, np.nan]), np.array(["a", "a", "b"])
    assert accuracy.by_account(values, ids).tolist() == [2, 2]
    of = np.array(["a", "b", "c"])
    assert accuracy.by_account(pd.Series([1.0, 4.0]), ids[1:], of).mean() == pytest.approx(2.5)
    assert accuracy.by_account(pd.Series([0.7]), ids).tolist() == [0.7]  # one number of all


def test_new_pairs_are_judged_beside_all(shop):
    asked = shop.asked(ORIGIN)
    certain = np.where(asked.label == 1, 0.9, 0.1)
    found = department.judged(asked, certain)
    assert {"auc", "new_auc", "new_pr_auc", "auc_in_department"} <= set(found)
    for name in ("auc", "auc_in_department", "new_auc"):
        assert found[name].mean() == pytest.approx(1)
    new = asked.rows.features["there_days_12_weeks"].to_numpy() == 0
    assert found["new_log_loss"].mean() == pytest.approx(-np.log(0.9))
    assert 0 < new.mean() < 1
