"""Who answers for whom where there is little to go by, and with what."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.training.recommenders import ladder
from jobs.training.recommenders.ladder import Ladder, Popularity, Rare, stacked, telling
from jobs.training.recommenders.repeat import Params, Repeat

AS_OF = dt.date(2017, 6, 25)
EVERYTHING = np.array(["beer", "cat food", "milk", "tea"])


def interactions(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    """One order per (account, product, days before AS_OF)."""
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "age"])
    date = pd.Timestamp(AS_OF) - pd.to_timedelta(frame["age"], unit="D")
    return frame.assign(business_date=date, orders=1).drop(columns="age")


def crowd() -> list[tuple[str, str, int]]:
    """Owners buy cat food; renters buy beer, and there are more of them; all buy milk once."""
    owners = [(f"owner {n}", product, n) for n in range(4) for product in ("cat food", "milk")]
    renters = [(f"renter {n}", product, n) for n in range(6) for product in ("beer", "milk")]
    return owners + renters


def accounts(*more: tuple[str, str | None]) -> pd.DataFrame:
    told = [(f"owner {n}", "Homeowner") for n in range(4)]
    told += [(f"renter {n}", "Renter") for n in range(6)]
    return pd.DataFrame([*told, *more], columns=["account_id", "home_ownership"])


def products(**told: object) -> pd.DataFrame:
    frame = pd.DataFrame({"product_id": EVERYTHING, "product_type": EVERYTHING, **told})
    return frame.assign(known_date=pd.Timestamp("1900-01-01"))


def lists(rows, who, about=None, listed=None) -> pd.DataFrame:
    """The ladder's rows, below a champion that counts orders."""
    bought, about = interactions(rows), accounts() if about is None else about
    listed = products() if listed is None else listed
    champion = Repeat(Params()).fit(bought, about, listed, None, AS_OF)
    found = Ladder(champion).fit(bought, about, listed, EVERYTHING, AS_OF)
    return found.recommend(np.array(who), 3, EVERYTHING, False, AS_OF)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two accounts of the average kind in place of 300: the crowd here is ten."""
    monkeypatch.setattr(ladder, "SMOOTHING", 2.0)


def test_an_account_without_history_gets_what_its_segment_buys():
    about = accounts(("new owner", "Homeowner"), ("new renter", "Renter"))
    found = lists(crowd(), ["new owner", "new renter"], about)
    second = found[found["rank"] == 2].set_index("account_id")["product_id"]
    assert second.to_dict() == {"new owner": "cat food", "new renter": "beer"}
    assert set(found["rung"]) == {"segment"}
    assert set(found["reason_code"]) == {"popular_in_segment"}


def test_of_no_known_segment_it_gets_what_all_buy():
    about = accounts(("quiet", None), ("odd", "Houseboat"))
    found = lists(crowd(), ["quiet", "odd", "nobody ever told of"], about)
    assert (
        found.groupby("account_id")["product_id"].agg(list).tolist()
        == [["milk", "beer", "cat food"]] * 3
    )
    assert set(found["rung"]) == {"all"}
    assert set(found["reason_code"]) == {"popular_now"}


def test_accounts_of_which_nothing_at_all_is_told_are_served_too():
    found = lists(crowd(), ["nobody"], pd.DataFrame({"account_id": ["nobody"]}))
    assert found["product_id"].tolist() == ["milk", "beer", "cat food"]


def test_a_segments_share_is_the_number_worked_by_hand():
    found = Popularity.of(interactions(crowd()), accounts(), AS_OF, "home_ownership", 56, 2.0)
    at = found.products.tolist().index("cat food")
    # 4 of 4 owners, 4 of 10 in all: (4 + 2 x .4) / (4 + 2); no renter: (0 + 2 x .4) / (6 + 2)
    assert found.of_all[at] == pytest.approx(0.4, abs=1e-5)
    assert found.of_segment["Homeowner"][at] == pytest.approx(0.8, abs=1e-5)
    assert found.of_segment["Renter"][at] == pytest.approx(0.1, abs=1e-5)


def test_what_was_bought_long_ago_is_not_popular_now():
    old = [(f"owner {n}", "tea", 100) for n in range(4)] + [("renter 0", "beer", 0)]
    found = lists([*old, ("owner 0", "milk", 90)], ["nobody"])
    assert found["product_id"].tolist() == ["beer", "tea", "milk"]


@pytest.mark.parametrize("baskets", [1, 3, 4])
def test_up_to_three_baskets_the_neighbours_answer(baskets):
    rung = "champion" if baskets == 4 else "few_baskets"
    # two products on one day are one basket
    mine = [("me", p, age) for age in range(baskets) for p in ("cat food", "tea")]
    found = lists([*crowd(), *mine], ["me"])
    assert set(found["rung"]) == {rung}
    # what neighbours buy with cat food stands before what the account bought once
    assert ("milk" in found["product_id"].tolist()[:2]) == (rung == "few_baskets")


def test_a_rung_scores_below_those_above_it_and_keeps_its_order():
    about = accounts(("new owner", "Homeowner"))
    rich = [("rich", "milk", age) for age in range(9)]
    mine = [("few", "tea", 0), *rich]
    found = lists([*crowd(), *mine], ["nobody", "few", "rich", "new owner"], about)
    assert found["rung"].drop_duplicates().tolist() == ["champion", "few_baskets", "segment", "all"]
    ends = found.groupby("rung")["score"].agg(["min", "max"])
    for above, below in zip(ladder.RUNGS, ladder.RUNGS[1:4], strict=False):
        assert ends["max"][below] < ends["min"][above]
    assert (found.groupby("account_id")["score"].diff().dropna() <= 0).all()


def test_stacking_nothing_gives_nothing():
    nothing = pd.DataFrame({"score": []}, dtype=float)
    assert stacked([nothing, nothing]).empty


def rare(rows, listed=None, catalogue=("milk",)) -> Rare:
    listed = products() if listed is None else listed
    return Rare.of(interactions(rows), listed, np.array(catalogue), AS_OF)


@pytest.fixture
def every_word(monkeypatch):
    """Among four products a word is shared by many, and still tells something."""
    monkeypatch.setattr(ladder, "COMMON", 0.9)


def test_of_rare_products_an_accounts_own_come_first_then_what_is_like_them(every_word):
    listed = products(brand=["x", "y", "y", "x"])  # tea is of beer's brand
    found = rare([("me", "beer", 3), ("other", "tea", 1)], listed)
    rows = found.best(np.array(["me"]), 5, False)
    assert rows["product_id"].tolist() == ["beer", "tea"]
    assert rows["reason_code"].tolist() == ["bought_often", "rare_like_bought"]
    assert found.best(np.array(["me"]), 5, True)["product_id"].tolist() == ["tea"]


def test_of_two_alike_the_one_that_more_bought_of_late_comes_first(every_word):
    listed = products(brand=["x", "x", "y", "x"])
    others = [(f"other {n}", "tea", 1) for n in range(3)] + [("other 0", "cat food", 1)]
    rows = rare([("me", "beer", 3), *others], listed).best(np.array(["me"]), 5, True)
    assert rows["product_id"].tolist() == ["tea", "cat food"]


def test_what_is_new_on_the_list_is_a_candidate_before_anyone_bought_it(every_word):
    listed = products(brand=["x", "y", "y", "x"])
    new = listed.assign(known_date=pd.Timestamp(AS_OF) - pd.Timedelta(days=3))
    rows = [("me", "beer", 3)]
    assert rare(rows, listed).products.tolist() == ["beer"]
    known = pd.concat([listed.head(3), new.tail(1)])
    assert rare(rows, known).products.tolist() == ["beer", "tea"]
    assert rare(rows, known).best(np.array(["me"]), 5, True)["product_id"].tolist() == ["tea"]


def test_catalogue_products_and_accounts_without_history_have_no_rare_rows(every_word):
    found = rare([("me", "beer", 3), ("me", "milk", 3)])
    assert found.products.tolist() == ["beer"]
    assert found.best(np.array(["nobody"]), 5, False).empty


def test_products_that_nothing_is_written_about_are_like_none():
    assert telling([[], []]).nnz == 0
    listed = products(product_type=None)
    rows = rare([("me", "beer", 3), ("other", "tea", 1)], listed).best(np.array(["me"]), 5, True)
    assert rows.empty
