"""Who is judged, on what, and by which numbers."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from jobs.table import FOREVER
from jobs.training import metrics
from jobs.training.data import known_by
from jobs.training.family import Configuration, Data, Dataset
from jobs.training.recommenders import protocol
from jobs.training.recommenders.purchases import catalogue

CUT = dt.date(2017, 10, 29)
NO_PRODUCTS = pd.DataFrame(columns=["known_date", "superseded_date"], dtype="datetime64[s]")


def interactions(
    rows: list[tuple[str, str, str]], known: str | None = None, until: str | None = None
) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "product_id", "business_date"])
    frame["business_date"] = pd.to_datetime(frame["business_date"])
    frame["known_date"] = pd.Timestamp(known) if known else frame["business_date"]
    frame["superseded_date"] = pd.Timestamp(until or FOREVER).as_unit("s")
    return frame.assign(orders=1)


def data(frame: pd.DataFrame) -> Data:
    accounts = pd.DataFrame({"account_id": frame["account_id"].unique()})
    frames = {"interactions": frame, "products": NO_PRODUCTS}
    newest = frame["business_date"].max().date()
    return Data(frames | {"accounts": accounts}, (Dataset("features.interactions", 3),), newest)


def crowd(product_id: str, buyers: int) -> list[tuple[str, str, str]]:
    return [(f"account {n:02}", product_id, "2017-05-01") for n in range(buyers)]


def test_a_product_needs_twenty_buyers_to_be_in_the_catalogue():
    # tea is bought often, but by 19 accounts only
    frame = interactions(crowd("milk", 20) + crowd("tea", 19) + crowd("tea", 19))
    assert catalogue(frame, 20).tolist() == ["milk"]
    assert catalogue(frame.head(0), 20).tolist() == []


def test_new_is_what_was_not_bought_before_the_cut_and_repeats_count_in_any():
    bought = crowd("milk", 20) + [(f"other {n}", "tea", "2017-05-01") for n in range(20)]
    later = [
        ("account 00", "milk", "2017-11-01"),
        ("account 00", "tea", "2017-11-26"),  # the last day of the four weeks
        ("account 01", "tea", "2017-11-27"),  # a day too late
        ("stranger", "milk", "2017-11-02"),  # no history: not judged
        ("account 02", "rarity", "2017-11-02"),  # not in the catalogue
    ]
    window = protocol.window(data(interactions(bought + later)), CUT)
    pairs = {
        task: sorted(zip(*truth.T.to_numpy(), strict=True)) for task, truth in window.truth.items()
    }
    assert pairs == {
        "any": [("account 00", "milk"), ("account 00", "tea")],
        "new": [("account 00", "tea")],
    }


def test_a_line_known_after_the_cut_is_not_learnt_from():
    late = interactions([("account 00", "tea", "2017-05-01")], known="2017-12-01")
    later = interactions([("account 01", "milk", "2017-11-01")])
    frame = pd.concat([interactions(crowd("milk", 20) + crowd("tea", 19)), late, later])
    window = protocol.window(data(frame), CUT)
    assert window.catalogue.tolist() == ["milk"]


def test_what_was_corrected_after_the_cut_is_learnt_from_as_it_was():
    later = [("account 00", "milk", "2017-11-01")]
    as_it_was = interactions([("account 00", "tea", "2017-05-01")], until="2017-11-20")
    as_it_is = interactions([("account 00", "rye", "2017-05-01")], known="2017-11-20")
    others = interactions(crowd("milk", 20) + crowd("tea", 20)[1:] + crowd("rye", 20)[1:] + later)
    window = protocol.window(data(pd.concat([others, as_it_was, as_it_is])), CUT)
    assert window.catalogue.tolist() == ["milk", "tea"]
    # by the 20th of November the correction is known
    frame = known_by(pd.concat([others, as_it_was, as_it_is]), dt.date(2017, 11, 20))
    assert catalogue(frame, 20).tolist() == ["milk", "rye"]


def test_what_is_believed_no_more_is_no_truth():
    bought = interactions(crowd("milk", 20))
    corrected = interactions([("account 00", "milk", "2017-11-01")], until="2017-11-20")
    kept = interactions([("account 01", "milk", "2017-11-01")])
    window = protocol.window(data(pd.concat([bought, corrected, kept])), CUT)
    assert window.truth["any"]["account_id"].tolist() == ["account 01"]


def test_an_empty_window_says_what_is_missing():
    with pytest.raises(ValueError, match="nothing to judge at cut 2017-10-29"):
        protocol.window(data(interactions(crowd("milk", 20))), CUT)


def test_the_default_cut_leaves_four_complete_weeks():
    # a Tuesday: its own week is not complete
    frame = interactions([("x", "milk", "2017-11-28")])
    assert protocol.FAMILY.cut(data(frame)) == CUT
    assert protocol.FAMILY.cut(data(interactions([("x", "milk", "2017-11-26")]))) == CUT
    assert protocol.FAMILY.cut(data(interactions([("x", "milk", "2017-11-25")]))) < CUT


def test_ndcg_is_the_number_worked_by_hand():
    # bought at ranks 1 and 3 of 3, four bought in all: (1 + 1/2) / (1 + 1/log2(3) + 1/2)
    hits = np.array([[True, False, True], [False, False, False]])
    found = metrics.ndcg(hits, np.array([4, 1]))
    np.testing.assert_allclose(found, [1.5 / (1.5 + 1 / np.log2(3)), 0])


def test_recall_divides_by_all_that_was_bought():
    hits = np.array([[True, False, True], [False, False, False]])
    np.testing.assert_allclose(metrics.recall(hits, np.array([4, 0])), [0.5, 0])


def test_an_accounts_list_is_judged_against_its_own_purchases():
    lists = pd.DataFrame(
        {"account_id": ["x", "x", "y"], "rank": [1, 2, 1], "product_id": ["tea", "milk", "tea"]}
    )
    truth = pd.DataFrame({"account_id": ["x", "y", "z"], "product_id": ["milk", "tea", "tea"]})
    found = protocol.judged(lists, truth)
    # x: hit at rank 2 = 1/log2(3); y: hit at rank 1; z: bought, but got no list
    np.testing.assert_allclose(found["ndcg_at_10"], [1 / np.log2(3), 1, 0])
    assert found["recall_at_20"].tolist() == [1, 1, 0]
    assert found["ndcg_at_10"].index.tolist() == ["x", "y", "z"]


def test_a_model_of_past_days_is_told_what_products_were_called_then():
    days = ["1900-01-01", "2017-10-01", "2017-11-05", FOREVER]
    listed = pd.DataFrame(
        {
            "product_id": "milk",
            "brand": ["old", "new", "later"],
            "known_date": pd.to_datetime(days[:3]).as_unit("s"),
            "superseded_date": [pd.Timestamp(day).as_unit("s") for day in days[1:]],
        }
    )
    bought = data(interactions(crowd("milk", 20)))
    frames = {**bought.frames, "products": listed}
    told = {}

    class Asks:
        name = "asks"

        def __init__(self, params: object) -> None: ...

        def fit(self, interactions, accounts, products, promotions, as_of):
            told[self.whole] = products["brand"].tolist()
            return self

    for whole in (False, True):
        kind = type("Asks", (Asks,), {"whole": whole, "uses_plan": False})
        of = protocol.Recommenders()
        of.model = lambda name, kind=kind: kind
        of.fit(Data(frames, bought.datasets, CUT), Configuration("asks", None), CUT)
    assert told == {False: ["new"], True: ["old", "new"]}
