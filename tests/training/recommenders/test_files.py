"""The bench of recommenders on files: what it writes, and what it must not look at."""

import datetime as dt
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jobs.settings import settings
from jobs.training import tracking
from jobs.training.family import TooManyFailed
from jobs.training.given import BadFile
from jobs.training.recommenders import files, protocol
from jobs.training.recommenders.purchase_files import Asked, read
from jobs.training.recommenders.recommender import TASKS

UNTIL = dt.date(2017, 6, 25)
FAST = ("popular", "repeat", "ranker", "ranker_plan")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """No MLflow answers at this state's port; of the models the quick ones, and both rankers."""
    monkeypatch.setenv("SALES_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SALES_PORT_BASE", "42300")
    monkeypatch.setattr(files, "MODELS", {name: files.MODELS[name] for name in FAST})
    settings.cache_clear()
    tracking.client.cache_clear()
    yield
    settings.cache_clear()
    tracking.client.cache_clear()
    tracking.mlflow.set_tracking_uri(None)


def purchases(days_after: int = 28, seed: int = 0) -> pd.DataFrame:
    """Thirty accounts that each buy some of their six products every few days, for half a year."""
    chance = np.random.default_rng(seed)
    first = pd.Timestamp(UNTIL) - pd.Timedelta(days=180)
    rows = []
    for account in range(30):
        liked = chance.permutation(20)[:6]
        for day in range(account % 4, 181 + days_after, 4):
            at = first + pd.Timedelta(days=day, hours=9, minutes=account)
            # one product more now and then, so that there is something new to foretell
            bought = {*chance.choice(liked, 2), chance.integers(20)}
            rows += [(f"a{account:02}", f"p{product:02}", at) for product in bought]
    return pd.DataFrame(rows, columns=["account_id", "product_id", "bought_at"])


def promotions() -> pd.DataFrame:
    starts = pd.date_range("2017-01-02", "2017-07-17", freq="7D")
    return pd.DataFrame(
        {
            "product_id": [f"p{week % 20:02}" for week in range(len(starts))],
            "starts_on": starts,
            "ends_on": starts + pd.Timedelta(days=6),
            "share of shops, %": 50.0,
        }
    )


def asked(folder: Path, bought: pd.DataFrame, name: str = "bought", **more) -> Asked:
    path = folder / f"{name}.parquet"
    bought.to_parquet(path)
    promotions().to_parquet(folder / "promotions.parquet")
    wanted = {"min_buyers": 2, "k": 5, "promotions": folder / "promotions.parquet"} | more
    return Asked(path, UNTIL, folder / f"out of {name}", **wanted)


def test_what_happened_after_the_last_day_serves_the_test_rows_only(tmp_path):
    bought = purchases()
    whole, sealed = (
        asked(tmp_path, bought, "whole"),
        asked(tmp_path, bought[bought["bought_at"] < pd.Timestamp("2017-06-26")], "sealed"),
    )
    judged = {name: files.bench(one).to_pandas() for name, one in (("w", whole), ("s", sealed))}
    lists = [pd.read_parquet(one.out / files.LISTS) for one in (whole, sealed)]
    pd.testing.assert_frame_equal(*lists)
    assert set(judged["w"]["window"]) == {"valid", "test"}
    assert set(judged["s"]["window"]) == {"valid"}
    valid = judged["w"].query("window == 'valid'").drop(columns=["seconds", "peak_mb"])
    pd.testing.assert_frame_equal(
        valid.reset_index(drop=True), judged["s"].drop(columns=["seconds", "peak_mb"])
    )


@pytest.mark.parametrize("model", sorted(set(protocol.MODELS) - set(FAST)))
def test_no_other_model_sees_what_happened_after_the_last_day(model, tmp_path):
    # an account and a product that were not there before it
    later = [("late", "p03", "2017-07-01"), ("a00", "late", "2017-07-01")]
    after = pd.DataFrame(later, columns=["account_id", "product_id", "bought_at"])
    bought = pd.concat([purchases(), after.astype({"bought_at": "datetime64[ns]"})])
    about = tmp_path / "products.csv"
    rows = [f"p{n:02},kind {n % 4}" for n in range(20)]
    about.write_text("\n".join(["product_id,kind", *rows, "late,kind 0"]))
    answers = []
    for name, rows in (("whole", bought), ("sealed", bought[bought["bought_at"] < "2017-06-26"])):
        one = asked(tmp_path, rows, name, products=about)
        of, place = protocol.Recommenders(one.terms, one.out), files.places(one, read(one))[-1]
        fitted = of.fit(place.data, of.for_task(model, "any"), place.cut)
        answers.append(pd.concat([files.lists(fitted, place, task, one) for task in TASKS]))
    pd.testing.assert_frame_equal(*answers)


def test_every_account_has_a_list_without_gaps_and_scores_do_not_rise(tmp_path):
    bought = purchases(days_after=0)
    # bought once only: not in the catalogue, yet the account gets a list
    rarity = pd.DataFrame([("rare", "rarity", pd.Timestamp(UNTIL))], columns=bought.columns)
    wanted = asked(tmp_path, pd.concat([bought, rarity]))
    files.bench(wanted)
    lists = pd.read_parquet(wanted.out / files.LISTS)
    assert set(lists["model"]) == set(FAST)
    assert set(lists["account_id"]) == set(bought["account_id"]) | {"rare"}
    assert "rarity" not in set(lists["product_id"])
    for _, one in lists.groupby(["model", "task", "account_id"]):
        assert one["rank"].tolist() == list(range(1, len(one) + 1))
        assert (one["score"].diff().dropna() <= 0).all()
    owned = set(zip(bought["account_id"], bought["product_id"], strict=True))
    new = lists[lists["task"] == "new"]
    assert owned.isdisjoint(zip(new["account_id"], new["product_id"], strict=True))
    assert (lists[lists["task"] == "any"].groupby(["model", "account_id"]).size() == 5).all()


def test_there_is_one_champion_per_task_and_both_rankers_are_rows(tmp_path):
    found = files.bench(asked(tmp_path, purchases())).to_pandas()
    champions = found[found["champion"]].groupby("task")["model"].nunique()
    assert champions.to_dict() == {"any": 1, "new": 1}
    assert found.groupby("model")["uses_plan"].first()[["ranker", "ranker_plan"]].tolist() == [
        False,
        True,
    ]
    assert {"ndcg@10", "recall@20", "mrr@10", "hit@10", "novelty@10", "coverage@10"} == set(
        found["metric"]
    )
    # what is left to chance: an account likes 6 of 20 products
    any_ = found.query("window == 'test' and task == 'any' and metric == 'ndcg@10'")
    any_ = any_.set_index("model")["value"]
    assert any_["repeat"] > any_["popular"] + 0.1
    assert any_["ranker"] > any_["popular"] + 0.1


def test_a_model_can_be_left_out(tmp_path):
    wanted = asked(tmp_path, purchases(), leave_out=("ranker", "ranker_plan"))
    assert set(files.bench(wanted).to_pandas()["model"]) == {"popular", "repeat"}


def test_short_history_is_used_as_far_as_it_goes(tmp_path, caplog):
    bought = purchases()
    short = bought[bought["bought_at"] >= pd.Timestamp("2017-06-01")]
    found = files.bench(asked(tmp_path, short)).to_pandas()
    assert set(found["window"]) == {"valid", "test"}
    assert "is short: the valid window has 12 days, not 28" in caplog.text
    one_day = bought[bought["bought_at"].dt.date == UNTIL]
    wanted = asked(tmp_path, one_day, "one day")
    assert files.bench(wanted).num_rows == 0
    assert len(pd.read_parquet(wanted.out / files.LISTS)) > 0
    assert "any: nothing could be judged on the valid window, so the champion is the" in caplog.text


def test_an_empty_catalogue_gives_empty_files_and_says_why(tmp_path, caplog):
    wanted = asked(tmp_path, purchases(), min_buyers=31)
    assert files.bench(wanted).num_rows == 0
    assert pd.read_parquet(wanted.out / files.LISTS).empty
    assert "no product had 31 buyers by 2017-06-25, so all lists are empty" in caplog.text


def test_rows_that_say_nothing_are_left_out_and_counted(tmp_path, caplog):
    bought = purchases(days_after=0).astype({"bought_at": str})
    bought.loc[0, "bought_at"] = "yesterday"
    bought.loc[1, "account_id"] = None
    bought.loc[2, "bought_at"] = "infinity"  # a moment to DuckDB
    path = tmp_path / "bought.csv"
    bought.to_csv(path, index=False)
    data = read(Asked(path, UNTIL, tmp_path))
    assert "3 of" in caplog.text
    assert data.frames["interactions"]["orders"].sum() == len(bought) - 3


def test_columns_may_be_called_anything(tmp_path):
    names = ["unit.price", 'size "net"', "select"]
    bought = purchases(days_after=0).assign(**dict.fromkeys(names, 1))
    products = pd.DataFrame({"product_id": ["p00"]}).assign(**dict.fromkeys(names, 2))
    products.to_csv(tmp_path / "products.csv", index=False)
    frames = read(asked(tmp_path, bought, products=tmp_path / "products.csv")).frames
    assert frames["products"][names].to_numpy().tolist() == [[2, 2, 2]]
    assert frames["interactions"]["orders"].sum() == len(bought)


def test_a_number_that_is_an_id_keeps_its_zeros(tmp_path):
    path = tmp_path / "bought.csv"
    path.write_text("account_id,product_id,bought_at\n007,0100,2017-06-01 10:00:00\n")
    found = read(Asked(path, UNTIL, tmp_path)).frames["interactions"]
    assert found[["account_id", "product_id"]].to_numpy(str).tolist() == [["007", "0100"]]


def test_a_file_that_cannot_be_used_says_what_is_wrong(tmp_path):
    with pytest.raises(BadFile, match=r"nowhere\.csv is not there"):
        read(Asked(tmp_path / "nowhere.csv", UNTIL, tmp_path))
    path = tmp_path / "bought.csv"
    path.write_text("account,product_id,bought_at\na,b,2017-06-01\n")
    with pytest.raises(BadFile, match="column account_id is missing; it has account, product_id"):
        read(Asked(path, UNTIL, tmp_path))
    path.write_text("account_id,product_id,bought_at\na,b,2018-06-01\n")
    with pytest.raises(BadFile, match="no purchase up to 2017-06-25: take a later --train-until"):
        read(Asked(path, UNTIL, tmp_path))
    path.write_text("account_id,product_id,bought_at\na,b,2017-03-01\n")
    with pytest.raises(BadFile, match=r"newest purchase .* is of 2017-03-01.*--train-until 2017-0"):
        read(Asked(path, UNTIL, tmp_path))
    path.write_text("account_id,product_id,bought_at\na,b,2018-06-01\n")
    far = {"train_until": dt.date(9999, 12, 1)}, {"horizon_days": 10**7}
    for more in far:
        with pytest.raises(BadFile, match="end beyond the year 9999: take fewer"):
            read(Asked(path, **{"train_until": UNTIL, "out": tmp_path, "horizon_days": 40} | more))
    path.write_text("account_id,product_id,bought_at\na,b,20170601\n")
    with pytest.raises(BadFile, match="no row with an account_id, a product_id and a readable"):
        read(Asked(path, UNTIL, tmp_path))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 or so")
    with pytest.raises(BadFile, match="neither Parquet nor CSV with a header"):
        read(Asked(tmp_path / "broken.parquet", UNTIL, tmp_path))


def test_promotions_that_say_no_number_are_warned_of(tmp_path, caplog):
    wanted = asked(tmp_path, purchases(days_after=0))
    read(wanted)
    assert "no column of numbers" not in caplog.text
    promotions().rename(columns={"share of shops, %": "shops"}).assign(shops="many").to_parquet(
        wanted.promotions
    )
    read(wanted)
    assert "no column of numbers among shops, product_id, starts_on, ends_on" in caplog.text


def test_parquet_is_known_by_its_ending_in_capitals_too(tmp_path):
    wanted = asked(tmp_path, purchases(days_after=0))
    for name in ("bought.PARQUET", "bought.pq"):
        path = wanted.interactions.rename(tmp_path / name)
        assert len(read(Asked(path, UNTIL, tmp_path)).frames["interactions"])
        path.rename(wanted.interactions)


def test_a_model_that_was_judged_is_not_judged_again(tmp_path, monkeypatch):
    wanted = asked(tmp_path, purchases())
    first = files.bench(wanted)

    def fails(*given: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr(files, "answer", fails)
    assert files.bench(wanted).equals(first)


def test_a_model_that_fails_is_left_out_and_the_others_stay(tmp_path, monkeypatch, caplog):
    answer = files.answer

    def breaks(of, model, *given):
        if model == "repeat":
            raise RuntimeError("no luck")
        return answer(of, model, *given)

    monkeypatch.setattr(files, "answer", breaks)
    wanted = asked(tmp_path, purchases())
    found = files.bench(wanted).to_pandas()
    assert set(found["model"]) == set(FAST) - {"repeat"}
    assert "repeat failed: no luck" in caplog.text
    errors = pd.read_parquet(wanted.out / "errors.parquet")
    assert errors.to_dict("records") == [{"model": "repeat", "reason": "failed: no luck"}]


def test_where_most_models_fail_the_bench_has_failed(tmp_path, monkeypatch):
    answer = files.answer

    def breaks(of, model, *given):
        if model != "popular":
            raise RuntimeError("no luck")
        return answer(of, model, *given)

    monkeypatch.setattr(files, "answer", breaks)
    wanted = asked(tmp_path, purchases())
    with pytest.raises(TooManyFailed, match=r"models failed, more than 50%; .*errors\.parquet"):
        files.bench(wanted)
    assert set(pd.read_parquet(wanted.out / "leaderboard.parquet")["model"]) == {"popular"}


def test_what_a_fit_costs_counts_for_each_task_that_it_serves(tmp_path, monkeypatch):
    wanted = asked(tmp_path, purchases())
    monkeypatch.setattr(files, "MODELS", {"repeat": files.MODELS["repeat"]})
    monkeypatch.setattr(files, "BASELINE", "repeat")
    of_fit = files.Recommenders.fit

    def slow(*given):
        time.sleep(0.3)
        return of_fit(*given)

    monkeypatch.setattr(files.Recommenders, "fit", slow)
    seconds = files.bench(wanted).to_pandas().groupby(["task", "window"])["seconds"].first()
    assert len(seconds) == 4
    assert (seconds >= 0.3).all()
