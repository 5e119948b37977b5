"""The second stage: it never learns from what saw the weeks that it is to foretell."""

import dataclasses
import datetime as dt
import os
import time

import numpy as np
import pandas as pd
import pytest

from jobs.table import FOREVER
from jobs.training.recommenders import candidates, days
from jobs.training.recommenders.candidates import SawLabels
from jobs.training.recommenders.examples import examples
from jobs.training.recommenders.plans import Plans
from jobs.training.recommenders.ranker import UNUSED_DAYS, Params, Ranker
from jobs.training.recommenders.signals import Lines, Signals, groups

AS_OF = dt.date(2017, 6, 25)
SMALL = Params(min_buyers=1, fewest=5, leaves=4, rounds=60)
ALWAYS = {"known_date": pd.Timestamp("1900-01-01"), "superseded_date": pd.Timestamp(FOREVER)}
PRODUCTS = pd.DataFrame({"product_id": [f"p{n}" for n in range(10)]}).assign(**ALWAYS)


def bought(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """(account, product, days before AS_OF)"""
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "age"])
    date = pd.Timestamp(AS_OF) - pd.to_timedelta(frame.pop("age"), unit="D")
    until = pd.Timestamp(FOREVER)
    return frame.assign(business_date=date, known_date=date, superseded_date=until, orders=1)


def some_months(seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    rows = [
        (f"a{account}", f"p{(account + chance.integers(4)) % 10}", age)
        for account in range(20)
        for age in range(account % 5, 180, 5)
    ]
    return bought(rows)


def sources(rows: pd.DataFrame, store=None) -> days.Sources:
    return days.Sources(rows, PRODUCTS, None, (), store)


def day(of: days.Sources, as_of: dt.date) -> days.Day:
    return days.day(of, as_of, 1, 4, False)


def test_a_score_that_saw_the_label_window_is_refused(tmp_path):
    rows = some_months()
    past = AS_OF - dt.timedelta(days=28)
    kept = day(sources(rows, tmp_path), past)
    # planted: the same candidates, with one score of a model fitted four weeks later
    seen = {**kept.candidates.seen, "als": AS_OF}
    planted = dataclasses.replace(kept.candidates, seen=seen)
    [path] = tmp_path.iterdir()
    candidates.keep(planted, tmp_path, path.stem.removeprefix(f"{past}-"))
    model = Ranker(SMALL)
    model.store = tmp_path
    with pytest.raises(SawLabels, match="score 'als' of 2017-05-28 was fitted on purchases up to"):
        model.fit(rows, PRODUCTS, PRODUCTS, None, AS_OF)


def test_a_score_of_unknown_origin_is_refused(tmp_path):
    kept = day(sources(some_months()), AS_OF).candidates
    planted = {**kept.scores, "oracle": np.ones(len(kept.account))}
    candidates.keep(dataclasses.replace(kept, scores=planted), tmp_path, "x")
    with pytest.raises(SawLabels, match="'oracle'"):
        candidates.kept(tmp_path, AS_OF, "x")


def test_a_past_day_is_the_same_whatever_came_after_it():
    rows = some_months()
    past = AS_OF - dt.timedelta(days=28)
    before = rows[rows["business_date"] <= pd.Timestamp(past)]
    late = before.head(3).assign(known_date=pd.Timestamp(AS_OF), orders=99)
    then, now = (
        day(sources(frame), past) for frame in (before, pd.concat([rows, late], ignore_index=True))
    )
    every = np.arange(len(then.candidates.account))
    np.testing.assert_array_equal(then.keys, now.keys)
    pd.testing.assert_frame_equal(then.columns(every), now.columns(every))


def test_what_is_learnt_ends_with_the_last_day():
    rows = bought(
        [("a", "p1", 40), ("a", "p2", 20), ("a", "p1", 5), ("a", "p3", 1), ("b", "p2", 40)]
    )
    at = day(sources(rows), AS_OF - dt.timedelta(days=28))
    until = AS_OF - dt.timedelta(days=3)
    found = days.bought_after(sources(rows), at, 28, until)
    # a's p2 is new and p1 is bought again; p3 was in no catalogue, and came too late besides
    assert found.tolist() == [0, 1]


def test_days_are_kept_and_a_week_adds_one(tmp_path):
    rows = some_months()
    model = Ranker(dataclasses.replace(SMALL, origins=2))
    model.store = tmp_path
    model.fit(rows, PRODUCTS, PRODUCTS, None, AS_OF)
    first = {path.name: path.stat().st_ino for path in tmp_path.glob("*.parquet")}
    assert len(first) == 3  # two days that are learnt from, and today
    model.fit(rows, PRODUCTS, PRODUCTS, None, AS_OF)
    assert {path.name: path.stat().st_ino for path in tmp_path.glob("*.parquet")} == first
    later = pd.concat([rows, bought([("a1", "p1", -7)])], ignore_index=True)
    for weeks in range(1, 5):
        later_day = AS_OF + dt.timedelta(weeks=weeks)
        model.observe(later[later["business_date"] <= pd.Timestamp(later_day)], later_day)
    before = len(list(tmp_path.glob("*.parquet")))
    # four weeks on, today of then is a day that is learnt from: only the new today is made
    model.fit(later, PRODUCTS, PRODUCTS, None, AS_OF + dt.timedelta(weeks=4))
    assert len(list(tmp_path.glob("*.parquet"))) == before


def test_the_same_examples_are_learnt_once_and_others_anew(tmp_path, caplog):
    caplog.set_level("INFO")
    rows, people = some_months(), [f"a{n}" for n in range(20)]

    def asked(store, of=rows, **settings) -> tuple[pd.DataFrame, bool]:
        """Lists, and whether trees learnt before gave them."""
        caplog.clear()
        model = Ranker(dataclasses.replace(SMALL, **settings))
        model.store = store
        lists = model.fit(of, PRODUCTS, PRODUCTS, None, AS_OF).recommend(
            people, 5, PRODUCTS["product_id"].to_list(), False, AS_OF
        )
        return lists, "learnt before from the same examples" in caplog.text

    (alone, _), (first, before), (again, kept) = (asked(at) for at in (None, tmp_path, tmp_path))
    assert (before, kept) == (False, True)
    pd.testing.assert_frame_equal(first, alone)
    pd.testing.assert_frame_equal(again, alone)
    assert not asked(tmp_path, seed=1)[1]
    assert not asked(tmp_path, learning_rate=0.1)[1]
    # one more purchase among those that are learnt from, none of the days before them
    late = bought([("a1", "p8", 1)])
    assert not asked(tmp_path, pd.concat([rows, late], ignore_index=True))[1]


def test_what_was_kept_of_days_goes_once_it_is_long_unused(tmp_path, caplog):
    caplog.set_level("INFO")
    model = Ranker(dataclasses.replace(SMALL, origins=2))
    model.store = tmp_path
    model.fit(some_months(), PRODUCTS, PRODUCTS, None, AS_OF)
    stranger = tmp_path / "2016-06-26-a.parquet"
    stranger.touch()
    long_ago = time.time() - (UNUSED_DAYS + 1) * 86_400
    for path in tmp_path.iterdir():
        os.utime(path, (long_ago, long_ago))
    [today] = tmp_path.glob(f"{AS_OF}-*")
    assert candidates.kept(tmp_path, AS_OF, today.stem.removeprefix(f"{AS_OF}-"))  # used again
    made = len(list(tmp_path.iterdir()))
    model.fit(some_months(), PRODUCTS, PRODUCTS, None, AS_OF)
    assert not stranger.exists()
    assert f"{made - 1} files of past days, long unused, are gone" in caplog.text
    assert len(list(tmp_path.iterdir())) == made - 1


def test_many_accounts_are_learnt_from_by_some_of_them():
    of = sources(some_months())
    at = day(of, AS_OF - dt.timedelta(days=28))
    after = days.bought_after(of, at, 28, AS_OF)
    every, some, judged, few = (
        examples(at, after, "any", negatives, 0, most)
        for negatives, most in ((5, 20), (5, 4), (None, 20), (None, 2))
    )
    assert len(every.sizes) == 20
    assert len(some.sizes) == 4
    assert 2 < len(judged.sizes) < 20
    assert len(few.sizes) == 2
    assert some.sizes.sum() == len(some.columns) == len(some.bought)
    assert some.bought.sum() < every.bought.sum()


def test_without_a_past_the_ranker_still_answers(caplog):
    rows = bought([("a", "p1", 3), ("a", "p2", 2), ("b", "p1", 1), ("b", "p3", 0)])
    model = Ranker(SMALL).fit(rows, PRODUCTS, PRODUCTS, None, AS_OF)
    assert "has room for 0 past days" in caplog.text
    found = model.recommend(["a", "nobody"], 3, ["p1", "p2", "p3"], False, AS_OF)
    assert found.groupby("account_id").size().to_dict() == {"a": 3, "nobody": 3}


def test_a_past_day_on_which_nothing_had_buyers_enough_is_passed_over(caplog):
    rows = some_months()
    # two accounts only before the last eight weeks, all twenty after
    early = rows["business_date"] < pd.Timestamp(AS_OF - dt.timedelta(days=70))
    rows = rows[~early | rows["account_id"].isin(["a0", "a1"])]
    model = Ranker(dataclasses.replace(SMALL, min_buyers=3)).fit(
        rows, PRODUCTS, PRODUCTS, None, AS_OF
    )
    assert "is not learnt from: no product had 3 buyers by" in caplog.text
    assert set(model.boosters) == {"any", "new"}


def test_signals_are_the_numbers_worked_by_hand():
    rows = bought(
        [("a", "p1", 28), ("a", "p1", 14), ("a", "p2", 14), ("a", "p1", 0), ("b", "p1", 7)]
    )
    ids = np.array(["p1", "p2"])
    about = pd.DataFrame({"kind": ["drink", "drink"]}, index=ids)
    found = dict(
        Signals(Lines.of(rows, ids, AS_OF), about, [("kind",)]).of(
            np.array([0, 0, 1]), np.array([0, 1, 1])
        )
    )
    told = {name: values.tolist() for name, values in found.items()}
    assert told["own.orders"] == [3, 1, 0]
    assert told["own.orders_2"] == [1 + 0.5 + 0.25, 0.5, 0]  # weeks 0, 2 and 4 at a half-life of 2
    assert told["own.weeks_since"] == [1, 3, 0]
    assert told["own.gap"][0] == 2  # weeks between the first and the last of three, over two gaps
    assert told["own.due"][0] == 0.5
    assert told["own.share"] == [1, pytest.approx(1 / 3), 0]  # of three visits
    assert told["product.buyers"] == [2, 1, 1]
    assert told["account.visits"] == [3, 3, 1]
    assert told["kind.orders"] == [4, 4, 1]
    assert told["kind.products"] == [2, 2, 1]
    assert told["kind.own_share"] == [0.75, 0.25, 0]
    assert told["kind.behind"] == [0, 2, -2]  # p2 was bought two weeks before the newest drink


def test_groups_tell_some_products_apart_but_not_all():
    about = pd.DataFrame(
        {
            "kind": ["a", "a", "b", "b", "c", "c", None, None],
            "brand": list("xxxxyyyy"),
            "name": list("abcdefgh"),  # each its own
            "origin": ["here"] * 8,
            "price": np.arange(8.0),
        }
    )
    assert groups(about) == [("kind",), ("brand",), ("kind", "brand")]
    assert groups(None) == []


def test_a_plan_is_seen_by_the_one_that_may_see_it():
    promotions = pd.DataFrame(
        {
            "product_id": ["p1", "p1", "p2"],
            "starts_on": pd.to_datetime(["2017-06-19", "2017-06-26", "2017-07-03"]),
            "ends_on": pd.to_datetime(["2017-06-25", "2017-07-02", "2017-07-05"]),
            "share": [0.25, 0.5, 0.7],
        }
    )
    ids = np.array(["p1", "p2"])
    without, with_ = (Plans.of(promotions, ids, AS_OF, 4, seen).columns for seen in (False, True))
    assert {n: v.tolist() for n, v in without.items()} == {
        "share.last_week": [0.25, 0],
        "share.lately": [0.25 / 8, 0],
    }
    assert with_["share.first_week"].tolist() == [0.5, 0]
    np.testing.assert_allclose(with_["share.planned"], [0.5 / 4, 0.3 / 4])  # 3 of 7 days of .7
    np.testing.assert_allclose(with_["share.more_than_lately"], [0.5 / 4 - 0.25 / 8, 0.3 / 4])
