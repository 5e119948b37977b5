"""The contract that every recommender keeps, whatever it is made of."""

import datetime as dt
import functools

import numpy as np
import pandas as pd
import pytest
import torch

from jobs.settings import settings
from jobs.table import FOREVER
from jobs.training.recommenders.protocol import FAMILY, MODELS

AS_OF = dt.date(2017, 6, 25)
SMALL_RANKER = {"horizon_days": 28, "min_buyers": 1, "fewest": 5, "leaves": 4, "rounds": 60}
# small enough for seconds, large enough to learn the block of a basket
SMALL = {
    "als": {"factors": 8, "regularization": 0.1, "threads": 1},
    "two_tower": {"size": 16, "epochs": 30, "batch": 16, "learning_rate": 0.02},
    "sequence": {"size": 16, "epochs": 30, "batch": 16, "learning_rate": 0.02},
    "ranker": SMALL_RANKER,
    "ranker_plan": SMALL_RANKER,
}
PERSONAL = [name for name in MODELS if name != "popular"]
COLLABORATIVE = [n for n in PERSONAL if n not in ("repeat", "content")]


def interactions(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """One order per (account, product, days before AS_OF)."""
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "age"])
    date = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["age"], unit="D")
    frame = frame.assign(business_date=date, known_date=date, orders=1).drop(columns="age")
    return frame.assign(superseded_date=pd.Timestamp(FOREVER))


def two_blocks(seed: int) -> pd.DataFrame:
    """Twenty accounts buy among a0..a9 only, twenty among b0..b9; each leaves some out."""
    chance = np.random.default_rng(seed)
    rows = []
    for account in range(40):
        block = "ab"[account % 2]
        liked = chance.permutation(10)[:7]
        for age in range(0, 160, 6):
            rows.append((f"account {account:02}", f"{block}{chance.choice(liked)}", age))
    return interactions(rows)


def noise(seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    rows = [
        (
            f"account {chance.integers(40):02}",
            f"{chance.choice(['a', 'b'])}{chance.integers(10)}",
            age,
        )
        for age in range(160)
        for _ in range(6)
    ]
    return interactions(rows)


def products() -> pd.DataFrame:
    ids = [f"{block}{n}" for block in "ab" for n in range(10)]
    return pd.DataFrame(
        {
            "product_id": ids,
            "product_type": "thing",
            "department": "GROCERY",
            "brand": [product_id[0] for product_id in ids],
            "manufacturer_id": "1",
            "known_date": pd.Timestamp("1900-01-01"),
            "superseded_date": pd.Timestamp(FOREVER),
        }
    )


def fitted(name: str, bought: pd.DataFrame):
    kind = FAMILY.model(name)
    model = kind(kind.Params(**SMALL.get(name, {})))
    accounts = pd.DataFrame({"account_id": bought["account_id"].unique()})
    return model.fit(bought, accounts, products(), None, AS_OF)


@functools.cache
def learnt(name: str):
    """A model of the two blocks, for tests that only ask it."""
    return fitted(name, two_blocks(7))


def lists(model, account_ids: list[str], k: int = 5, exclude_owned: bool = False) -> pd.DataFrame:
    candidates = products()["product_id"].to_numpy()
    return model.recommend(account_ids, k, candidates, exclude_owned, AS_OF)


def own_block(model, bought: pd.DataFrame, exclude_owned: bool) -> float:
    """Share of the first two recommended products that lie in the account's own block."""
    found = lists(model, sorted(bought["account_id"].unique()), 2, exclude_owned)
    even = found["account_id"].str[-2:].astype(int) % 2 == 0
    return float((found["product_id"].str[0] == np.where(even, "a", "b")).mean())


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_gives_the_same_lists(name):
    models = learnt(name), fitted(name, two_blocks(7))
    once, again = (lists(model, ["account 00", "account 01"]) for model in models)
    assert once["product_id"].tolist() == again["product_id"].tolist()
    np.testing.assert_allclose(once["score"], again["score"], atol=0.002 if name == "als" else 0)


@pytest.mark.parametrize(("counts", "first"), [("buyers", "a1"), ("orders", "a0")])
def test_popular_is_what_most_accounts_bought_of_late(counts, first):
    bought = [("x", "a0", age) for age in range(0, 27, 3)]
    bought += [(account, "a1", 3) for account in ("y", "z")]
    bought += [(f"account {n}", "a2", 40) for n in range(9)]  # before the four weeks
    model = FAMILY.model("popular")
    told = model(model.Params(counts=counts)).fit(interactions(bought), None, None, None, AS_OF)
    assert lists(told, ["x"])["product_id"].tolist()[0] == first


@pytest.mark.parametrize("name", PERSONAL)
def test_a_personal_model_recommends_what_the_account_buys(name):
    assert own_block(learnt(name), two_blocks(7), exclude_owned=False) > 0.95


@pytest.mark.parametrize("name", COLLABORATIVE)
def test_a_collaborative_model_finds_new_products_of_the_planted_block(name):
    assert own_block(learnt(name), two_blocks(7), exclude_owned=True) > 0.8


@pytest.mark.parametrize("name", COLLABORATIVE)
def test_noise_teaches_nothing(name):
    bought = noise(4)
    found = own_block(fitted(name, bought), bought, exclude_owned=True)
    assert found == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("name", MODELS)
def test_products_of_which_nothing_is_said_are_recommended_too(name):
    bought = two_blocks(7)
    plain = products()[["product_id", "known_date", "superseded_date"]]
    model = FAMILY.model(name)
    model = model(model.Params(**SMALL.get(name, {})))
    accounts = pd.DataFrame({"account_id": bought["account_id"].unique()})
    found = lists(model.fit(bought, accounts, plain, None, AS_OF), ["account 00", "nobody"])
    assert found.groupby("account_id").size().to_dict() == {"account 00": 5, "nobody": 5}


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_answers_the_same_after_loading(name, tmp_path):
    model = learnt(name)
    model.save(tmp_path)
    loaded = FAMILY.model(name).load(tmp_path)
    assert loaded.params == model.params
    accounts = ["account 00", "account 01", "nobody"]
    pd.testing.assert_frame_equal(lists(loaded, accounts), lists(model, accounts))


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_observes_newer_histories(name, tmp_path):
    bought = two_blocks(7)
    learnt(name).save(tmp_path)
    model = FAMILY.model(name).load(tmp_path)
    # an account that was not there before; a product that was not learnt is left out
    late = interactions([("late account", p, 0) for p in ("a0", "a1", "never learnt")])
    found = lists(model.observe(pd.concat([bought, late]), AS_OF), ["late account"], k=20)
    assert found["rank"].tolist() == list(range(1, 21))
    assert name == "popular" or found["reason_code"][found["product_id"] == "a0"].tolist() == [
        "bought_often"
    ]
    assert "never learnt" not in found["product_id"].tolist()


@pytest.mark.parametrize("name", MODELS)
def test_an_unknown_account_gets_what_is_popular(name):
    found = lists(learnt(name), ["nobody"])
    assert len(found) == 5
    assert set(found["reason_code"]) == {"popular_now"}


@pytest.mark.parametrize("name", MODELS)
def test_what_the_account_owns_is_left_out_when_asked(name):
    bought = two_blocks(7)
    found = lists(learnt(name), ["account 00"], k=20, exclude_owned=True)
    owned = set(bought.loc[bought["account_id"] == "account 00", "product_id"])
    assert owned
    assert owned.isdisjoint(found["product_id"])


@pytest.mark.parametrize("name", MODELS)
def test_only_candidates_are_recommended_and_a_short_catalogue_gives_a_short_list(name):
    model = learnt(name)
    found = model.recommend(["account 00", "nobody"], 5, ["a1", "b1", "unheard of"], False, AS_OF)
    assert found.groupby("account_id")["product_id"].agg(set).tolist() == [{"a1", "b1"}] * 2


@pytest.mark.parametrize("name", MODELS)
def test_nobody_asked_means_no_rows(name):
    assert lists(learnt(name), []).empty


def test_an_old_order_counts_less_than_a_late_one():
    # two orders of a0, 32 weeks old, weigh 2 x 1/4 at a half-life of 16 weeks; one of a1 weighs 1
    bought = interactions([("x", "a0", 224), ("x", "a0", 224), ("x", "a1", 0)])
    found = lists(fitted("repeat", bought), ["x"], k=2)
    assert found["product_id"].tolist() == ["a1", "a0"]
    np.testing.assert_allclose(found["score"], [1.0, 0.5], atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_what_fills_a_list_scores_below_everything_personal_of_any_account(name):
    found = lists(learnt(name), ["nobody", "account 00", "account 01"], k=20)
    best = found.groupby("account_id")["score"].max()
    assert best["nobody"] < best[["account 00", "account 01"]].min()
    fills = found["reason_code"] == "popular_now"
    assert name == "popular" or found["score"][fills].max() < found["score"][~fills].min()
    falls = found.groupby("account_id")["score"].diff().dropna()
    assert (falls <= 0).all()


def test_an_order_of_years_ago_still_comes_before_what_fills():
    # at a half-life of 16 weeks the order of b0, nine years old, weighs less than a tie
    bought = interactions([("x", "b0", 9 * 365), *[("y", "a0", age) for age in range(9)]])
    found = lists(fitted("repeat", bought), ["x"], k=2)
    assert found["product_id"].tolist() == ["b0", "a0"]


@pytest.mark.parametrize("name", ["two_tower", "sequence"])
def test_cpu_and_gpu_agree(name, monkeypatch, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    found = []
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("SALES_DEVICE", device)
        settings.cache_clear()
        if device == "cpu":
            fitted(name, two_blocks(1)).save(tmp_path)
        model = FAMILY.model(name).load(tmp_path).observe(two_blocks(1), AS_OF)
        assert model.device == device
        rows = lists(model, ["account 00", "account 01"], k=20)
        found.append(rows.set_index(["account_id", "product_id"])["score"].sort_index())
    pd.testing.assert_series_equal(*found, atol=1e-3)
    # what is learnt there draws other samples, and must find the same pattern
    bought = two_blocks(3)
    assert own_block(fitted(name, bought), bought, exclude_owned=True) > 0.8
    settings.cache_clear()
