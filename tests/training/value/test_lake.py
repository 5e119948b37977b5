"""Value as a family of the lake: judged, trained, let through, asked, landed with reasons."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs import lake
from jobs.training import account_days, bench, parts, predict, promote, tracking, train
from jobs.training.family import family
from jobs.training.propensity import reasons
from jobs.training.propensity.classifier import BASE
from jobs.training.value import gbm, models
from jobs.training.value.history import History
from tests.training.propensity import lake_of_shoppers

QUICK = ("last_period", "fading", "gbm")


@pytest.fixture
def shop(state, registry, empty_store, monkeypatch):
    """A lake of synthetic shoppers, and quick models."""
    shutil.copy(empty_store, state / "mlflow.db")
    tracking.client().create_experiment("value", artifact_location=str(state / "artifacts"))
    lake_of_shoppers.write()
    monkeypatch.setattr(models, "MODELS", {name: models.MODELS[name] for name in QUICK})


@pytest.mark.usefixtures("lake")
def test_value_goes_from_the_bench_to_landed_scores_with_intervals_and_grades(
    shop, state, monkeypatch, caplog
):
    bench.bench("value")
    rows = lake.read("ops.leaderboard").to_pandas()
    assert {"mae", "coverage"} <= set(rows["metric"])
    train.train("value")
    decision = promote.promote("value")
    told = lake.read("ops.gate_checks").to_pandas().set_index("condition")
    assert decision == "promoted", told[told["outcome"] == "refused"]["reason"].tolist()
    assert {"same_past", "same_answers", "shuffled_labels"} <= set(told.index)
    [file] = (landed := predict.predict("value")).files
    found = pq.read_table(landed.folder / file.name).to_pandas()
    assert (found["score_name"] == "value").all()
    assert (found["low"] <= found["score"]).all()
    assert (found["score"] <= found["high"]).all()
    by_grade = found.groupby("grade")["score"].mean()
    assert list(by_grade.sort_values(ascending=False).index) == sorted(by_grade.index)
    # of many accounts Spark is asked: it lands the same
    monkeypatch.setattr(parts, "MOST_AT_ONCE", 0)
    for remembered in (state / "landing/account_scores/.answered").iterdir():
        remembered.unlink()
    with caplog.at_level("INFO", parts.__name__):
        [file] = (again := predict.predict("value")).files
    assert "accounts in 1 parts" in caplog.text
    rows = pq.read_table(again.folder / file.name).to_pandas()
    pd.testing.assert_frame_equal(rows, found, rtol=1e-9)


@pytest.fixture
def fitted(shop):
    of = family("value")
    data = of.data(None)
    [configuration] = [c for c in of.configurations() if c.model == "gbm"]
    return of, data, of.fit(data, configuration, data.newest)


def test_terms_sum_to_the_value_and_follow_what_was_learnt(fitted):
    of, data, model = fitted
    seen = model._seen(History.of(data.frames["days"], data.newest))
    terms = model.terms(gbm._rows(seen))
    told = of.scores(model, data, data.newest).to_numpy()
    assert np.maximum(terms.sum(axis=1), 0).to_numpy() == pytest.approx(told, abs=1e-6)
    assert BASE in terms
    themes = reasons.themes([c for c in terms if c != BASE], reasons.read("value", gbm.HOME))
    assert themes.notna().all()


def test_a_saved_model_says_the_same_for_the_same_reasons(fitted, tmp_path):
    of, data, model = fitted
    model.save(tmp_path)
    loaded = of.model("gbm").load(tmp_path)
    before, after = (of.predict(one, data, data.newest, None) for one in (model, loaded))
    pd.testing.assert_frame_equal(before, after)
    why = [json.loads(one) for one in before["reasons"]]
    assert sum(map(len, why)) > len(why)


def test_account_days_of_the_lake_are_one_row_a_day_with_its_products(shop):
    days, datasets = account_days.days(None)
    assert [one.table for one in datasets] == list(account_days.TABLES)
    assert not days.duplicated(["account_id", "business_date"]).any()
    assert (days["products"] >= 1).all()
