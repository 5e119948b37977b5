"""Answers that Spark's tasks give part by part are those of one process."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from deltalake import write_deltalake

from jobs import lake as tables
from jobs.table import FOREVER
from jobs.training import account_days, parts, predict
from jobs.training.family import family
from jobs.training.propensity.task import NothingToAsk
from jobs.training.value.history import TYPICAL

ACCOUNTS, PART = TYPICAL + 1_000, 2_500  # more than stand for all; of a part: three parts
FIRST, NEWEST = dt.date(2017, 1, 2), dt.date(2017, 8, 27)


@pytest.fixture
def shop(lake, monkeypatch):
    """Account days of made up accounts, one of them there long before the others."""
    monkeypatch.setattr(parts, "PART", PART)
    chance = np.random.default_rng(0)
    ids = np.repeat(np.arange(ACCOUNTS), chance.integers(1, 16, ACCOUNTS))
    days = pd.DataFrame(
        {
            "account_id": [f"a{n:05}" for n in ids],
            "business_date": pd.Timestamp(FIRST)
            + pd.to_timedelta(chance.integers(40, (NEWEST - FIRST).days + 1, len(ids)), unit="D"),
            "orders": 1,
            "sales_usd": chance.gamma(2, 15, len(ids)).round(2),
        }
    ).drop_duplicates(["account_id", "business_date"], ignore_index=True)
    days.loc[0, "business_date"] = pd.Timestamp(FIRST)
    days = days.assign(business_date=days["business_date"].dt.date)
    days = days.assign(known_date=days["business_date"], superseded_date=FOREVER)
    told = days.assign(loyalty_discount_usd=0.0, coupon_discount_usd=0.0)
    write_deltalake(tables.location(account_days.TABLES[0]), told)
    products = days.drop(columns="orders").assign(product_id="p1")
    write_deltalake(tables.location(account_days.TABLES[1]), products)


@pytest.fixture(params=[("soft_churn", "logistic"), ("value", "gbm")])
def saved(request, shop, tmp_path):
    name, model = request.param
    of = family(name)
    data = of.data(None)
    [configuration] = [c for c in of.configurations() if c.model == model]
    of.fit(data, configuration, data.newest).save(tmp_path)
    return of, model, tmp_path


def test_they_are_those_of_one_process(saved):
    of, model, folder = saved
    for as_of in (None, NEWEST - dt.timedelta(days=30)):
        whole, found = (
            ask(of, model, folder, as_of, None) for ask in (predict.answers, parts.answers)
        )
        assert (found.until, found.datasets) == (whole.until, whole.datasets)
        assert len(whole.rows) > PART
        # sums of days that come in another order may differ in their last digits
        pd.testing.assert_frame_equal(found.rows, whole.rows, check_dtype=False, rtol=1e-9)


def test_nobody_to_ask_about_is_said(shop, tmp_path):
    of = family("churn")
    data = of.data(None)
    of.fit(data, of.baseline, data.newest).save(tmp_path)
    long_after = NEWEST + dt.timedelta(days=400)
    with pytest.raises(NothingToAsk, match="nobody to ask about"):
        parts.answers(of, of.baseline.model, tmp_path, long_after, None)


def test_they_are_asked_for_only_where_accounts_are_many(shop, monkeypatch):
    assert not parts.are_needed("churn")
    monkeypatch.setattr(parts, "MOST_AT_ONCE", ACCOUNTS - 1)
    assert parts.are_needed("churn")
    assert not parts.are_needed("offer")  # it ranks the accounts of a campaign among each other
