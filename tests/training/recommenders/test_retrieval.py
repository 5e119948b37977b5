"""What two_tower and sequence do beyond the contract: new products, new accounts, a fair sample."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix

from jobs.training.recommenders import sequence, two_tower
from jobs.training.recommenders.events import Events
from jobs.training.recommenders.lessons import Lessons, coded, inside
from jobs.training.recommenders.retrieval import Params

AS_OF = dt.date(2017, 6, 25)
MODELS = [
    two_tower.TwoTower(two_tower.Params(size=16, epochs=30, batch=16, learning_rate=0.02)),
    sequence.Sequence(sequence.Params(size=16, epochs=30, batch=16, learning_rate=0.02)),
]
IDS = ("two_tower", "sequence")


def interactions(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """One order per (account, product, days before AS_OF)."""
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "age"])
    date = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["age"], unit="D")
    return frame.assign(business_date=date, orders=1).drop(columns="age")


def blocks(seed: int) -> pd.DataFrame:
    """Twenty accounts buy among a0..a9 only, twenty among b0..b9."""
    chance = np.random.default_rng(seed)
    rows = []
    for account in range(40):
        liked = chance.permutation(10)[:7]
        for age in range(0, 160, 6):
            rows.append(
                (f"account {account:02}", f"{'ab'[account % 2]}{chance.choice(liked)}", age)
            )
    return interactions(rows)


def products(new: tuple[str, ...] = ()) -> pd.DataFrame:
    ids = [f"{block}{n}" for block in "ab" for n in range(10)] + list(new)
    return pd.DataFrame({"product_id": ids, "brand": [i[0] for i in ids], "department": "FOOD"})


def fitted(model, bought: pd.DataFrame, told: pd.DataFrame):
    accounts = pd.DataFrame({"account_id": bought["account_id"].unique()})
    return type(model)(model.params).fit(bought, accounts, told, None, AS_OF)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_product_that_nobody_bought_is_known_by_what_it_is(model) -> None:
    # of each block one product is new: the only candidates, so that features alone decide
    found = fitted(model, blocks(1), products(("a new", "b new")))
    accounts = [f"account {n:02}" for n in range(40)]
    rows = found.recommend(accounts, 1, ["a new", "b new"], False, AS_OF)
    even = rows["account_id"].str[-2:].astype(int) % 2 == 0
    right = rows["product_id"].str[0] == np.where(even, "a", "b")
    assert right.mean() > 0.9


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_product_that_the_table_does_not_tell_of_is_still_recommended(model) -> None:
    found = fitted(model, blocks(2), products().query("product_id != 'a0'"))
    rows = found.recommend(["account 00"], 20, ["a0", "a1"], False, AS_OF)
    assert sorted(rows["product_id"]) == ["a0", "a1"]


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_new_accounts_are_served_by_as_many_baskets_as_they_showed(model) -> None:
    found = fitted(model, blocks(3), products())
    late = [("one basket", "b3", 0), *[("three baskets", f"b{n}", n) for n in range(3)]]
    found.observe(pd.concat([blocks(3), interactions(late)]), AS_OF)
    ids = ["no basket", "one basket", "three baskets"]
    rows = found.recommend(ids, 4, products()["product_id"].to_numpy(), True, AS_OF)
    assert rows.groupby("account_id").size().tolist() == [4, 4, 4]
    assert set(rows.loc[rows["account_id"] == "no basket", "reason_code"]) == {"popular_now"}
    block = rows["product_id"].str[0].groupby(rows["account_id"]).agg(lambda p: (p == "b").mean())
    assert block["three baskets"] == 1
    assert block["one basket"] >= 0.75


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_nothing_told_of_products_or_accounts_is_enough(model) -> None:
    nothing = pd.DataFrame({"account_id": [], "product_id": []})
    found = type(model)(model.params).fit(blocks(4), nothing, nothing, None, AS_OF)
    assert len(found.recommend(["account 00"], 5, products()["product_id"], False, AS_OF)) == 5


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_shop_younger_than_one_origin_is_learnt_from_too(model) -> None:
    young = blocks(5)[lambda rows: rows["business_date"] > pd.Timestamp("2017-06-01")]
    found = fitted(model, young, products())
    rows = found.recommend(["account 00"], 5, products()["product_id"], False, AS_OF)
    assert np.isfinite(rows["score"]).all()
    assert len(rows) == 5


def of(rows: list[tuple[str, str, int]]) -> Events:
    frame = interactions(rows)
    return Events.of(frame, AS_OF, np.unique(frame["product_id"].to_numpy(str)))


def test_a_past_knows_what_was_owned_what_came_again_and_what_was_new() -> None:
    # origin 28 days ago; tea before and after, rye before only, oil after only
    rows = [("x", "tea", 42), ("x", "tea", 1), ("x", "rye", 28), ("x", "oil", 27)]
    past = of(rows).past(np.array([0]), np.array([-28]), 28)
    oil, rye, tea = 0, 1, 2
    assert past.products.tolist() == [rye, tea]
    assert past.again.tolist() == [False, True]
    assert past.new_products.tolist() == [oil]
    # tea, 14 days old: 1/2 at a half-life of 2 weeks, 1 at none
    np.testing.assert_allclose(past.weights[1, [1, 4]], [0.5, 1.0])
    assert past.order_ages.tolist() == [0, 14]


def test_what_lies_further_ahead_than_the_weeks_asked_is_not_seen() -> None:
    rows = [("x", "tea", 60), ("x", "oil", 27)]
    past = of(rows).past(np.array([0]), np.array([-56]), 28)
    assert past.new_products.tolist() == []


def test_the_chance_told_with_a_product_is_how_often_it_is_sampled() -> None:
    bought = blocks(6)
    events = Events.of(bought, AS_OF, np.unique(bought["product_id"].to_numpy(str)))
    people = np.zeros((len(events.accounts), 1), np.int64)
    found = Lessons.of(events, people, lambda past, accounts: {}, Params(others=4, found=6))
    chance, times = np.random.default_rng(0), 3000
    told, seen = np.zeros((2, len(events.products)))
    for _ in range(times):
        rows = chance.permutation(len(found))[:4]
        batch = found.batch(rows, chance)
        seen[batch["pool"].numpy()] += 1
        told[batch["pool"].numpy()] += np.exp(batch["chance"].numpy())
    # the mean of what is told, where it was in the sample, is the share of samples it was in
    np.testing.assert_allclose(told / seen, seen / times, atol=0.06)


def test_a_sample_with_its_chances_stands_for_all_products() -> None:
    # the sum over the sample of exp(score) / chance is on average the sum over all products
    bought = blocks(7)
    events = Events.of(bought, AS_OF, np.unique(bought["product_id"].to_numpy(str)))
    people = np.zeros((len(events.accounts), 1), np.int64)
    found = Lessons.of(events, people, lambda past, accounts: {}, Params(others=4, found=6))
    chance = np.random.default_rng(1)
    scores = np.random.default_rng(2).normal(size=len(events.products))
    sums = []
    for _ in range(3000):
        batch = found.batch(chance.permutation(len(found))[:4], chance)
        pool = batch["pool"].numpy()
        sums.append(np.exp(scores[pool] - batch["chance"].numpy()).sum())
    assert np.mean(sums) == pytest.approx(np.exp(scores).sum(), rel=0.03)


def test_what_is_owned_or_bought_is_never_taken_for_wrong() -> None:
    bought = blocks(8)
    events = Events.of(bought, AS_OF, np.unique(bought["product_id"].to_numpy(str)))
    people = np.zeros((len(events.accounts), 1), np.int64)
    found = Lessons.of(events, people, lambda past, accounts: {}, Params())
    batch = found.batch(np.arange(8), np.random.default_rng(0))
    pool = batch["pool"].numpy()
    masked = set(zip(batch["not_rows"].tolist(), pool[batch["not"].numpy()].tolist(), strict=True))
    right = zip(batch["right_rows"].tolist(), pool[batch["right"].numpy()].tolist(), strict=True)
    assert set(right) <= masked


def test_the_newest_days_of_a_long_history_are_read_in_order() -> None:
    rows = [("x", f"p{age % 3}", age) for age in range(2 * sequence.STEPS)]
    rows += [("y", "p0", 9), ("y", "p1", 9), ("y", "p0", 2)]
    events = of(rows)
    past = events.past(np.array([0, 1]), np.array([0, 0]), 28)
    seen = sequence.Days.sees(past, 2)
    assert seen["last"].tolist() == [sequence.STEPS - 1, 1]
    # the newest step of x was today, a day after the one before
    np.testing.assert_allclose(seen["times"][0, -1], [0, np.log(2) / 3])
    # y came nine days ago with two products, and two days ago with one
    np.testing.assert_allclose(seen["times"][1, :2, 0], np.log([10, 3]) / 3, rtol=1e-6)
    of_y = seen["order_steps"] >= sequence.STEPS
    assert sorted((seen["order_steps"][of_y] - sequence.STEPS).tolist()) == [0, 0, 1]
    assert (~of_y).sum() == sequence.STEPS


def test_codes_are_different_for_each_column_and_0_where_nothing_is_told() -> None:
    told = pd.DataFrame({"product_id": ["a", "b"], "brand": ["x", None], "department": ["x", "y"]})
    codes, names = coded(told, "product_id", np.array(["a", "b", "c"]), ("brand", "department"))
    assert codes.tolist() == [[1, 2], [0, 3], [0, 0]]
    assert names == 4


def test_a_place_is_told_where_there_is_one() -> None:
    assert inside(np.array(["b", "z"]), np.array(["a", "b"])).tolist() == [1, -1]
    assert inside(np.array(["b"]), np.empty(0, "U1")).tolist() == [-1]


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_no_step_of_learning_holds_accounts_times_products(model, monkeypatch) -> None:
    # 3,000 products, of which a step samples few: logits are accounts x sample
    sizes = []
    addmm = torch.addmm
    monkeypatch.setattr(
        torch, "addmm", lambda *a, **k: sizes.append(a[2].shape[1]) or addmm(*a, **k)
    )
    many = [(f"account {n}", f"p{n}", age) for n in range(3000) for age in (40, 5)]
    many += [(f"account {n}", f"p{n + 1}", 3) for n in range(2999)]
    params = type(model.params)(size=8, epochs=1, batch=16, found=8, others=16)
    type(model)(params).fit(interactions(many), pd.DataFrame(), pd.DataFrame(), None, AS_OF)
    assert sizes
    assert max(sizes) <= 16 + 8 + 16


def test_scores_of_what_is_owned_are_its_odds() -> None:
    model = fitted(MODELS[0], blocks(9), products())
    scores, personal = model.score(np.array([0, 3]))
    assert personal.all()
    odds: csr_matrix = model.odds[[0, 3]]
    owned = odds.toarray() != 0
    np.testing.assert_array_equal(scores[owned], odds.toarray()[owned])
