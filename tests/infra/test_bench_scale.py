"""What lists cost is measured aside: nothing of a bench stays where the lake's own fits look."""

import datetime as dt
from pathlib import Path

import pandas as pd

from infra.bench import scale
from jobs.training.family import Data
from jobs.training.recommenders.purchase_files import ALWAYS, dated
from tests.training.company import interactions


def company() -> Data:
    bought = interactions().drop(columns=["known_date", "superseded_date"])
    bought["business_date"] = pd.to_datetime(bought["business_date"])
    products = bought[["product_id", "product_type"]].drop_duplicates()
    frames = {
        "interactions": dated(bought, bought["business_date"]),
        "accounts": pd.DataFrame({"account_id": sorted(bought["account_id"].unique())}),
        "products": dated(products, ALWAYS),
    }
    return Data(frames, (), dt.date(2017, 11, 26))


def test_lists_of_real_accounts_leave_nothing_in_the_state(monkeypatch, state: Path) -> None:
    monkeypatch.setattr(scale, "households", company)
    found = scale.real("ranker")  # the one that keeps what it fitted on past days
    assert set(found) == {"fit_s", "recommend_s", "peak_mib"}
    assert list(state.rglob("*.parquet")) == []
