"""Churn, soft churn and offer in the lake: judged, trained, let through, asked, landed."""

import datetime as dt
import json
import shutil
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs import lake, landing
from jobs.training import bench, predict, promote, tracking, train
from jobs.training.family import family
from jobs.training.propensity import models
from jobs.training.propensity.decisions import decision
from jobs.training.propensity.task import NothingToAsk
from jobs.training.rules import Rules, rules
from tests.training.propensity import lake_of_shoppers, shoppers

QUICK = ("single_feature", "logistic")
NEWEST = dt.date(2016, 10, 9)


@pytest.fixture
def shop(state, registry, empty_store, monkeypatch):
    """A lake with the shoppers' tables, and quick models."""
    shutil.copy(empty_store, state / "mlflow.db")
    for name in ("churn", "soft_churn", "offer"):
        tracking.client().create_experiment(name, artifact_location=str(state / "artifacts"))
    lake_of_shoppers.write()
    monkeypatch.setattr(models, "MODELS", {name: models.MODELS[name] for name in QUICK})
    # ever more of these shoppers stop, so that no window is calibrated by the one before it
    monkeypatch.setattr(promote, "rules", lambda name: _without_limits(rules(name)))


def _without_limits(by: Rules) -> Rules:
    return replace(by, gate={k: v for k, v in by.gate.items() if k != "within"})


def answers(manifest: landing.Manifest) -> pd.DataFrame:
    [file] = manifest.files
    return pq.read_table(manifest.folder / file.name).to_pandas()


def promoted(name: str) -> pd.DataFrame:
    """What the champion says that has gone from the bench through the gate."""
    bench.bench(name)
    train.train(name)
    decision = promote.promote(name)
    told = lake.read("ops.gate_checks").to_pandas().set_index("condition")
    assert {"same_past", "same_answers", "single_column_auc", "shuffled_labels"} <= set(told.index)
    assert decision == "promoted", told[told["outcome"] == "refused"]["reason"].tolist()
    found = answers(predict.predict(name))
    assert (found["score_name"] == name).all()
    by_grade = found.groupby("grade")["score"].mean()
    assert list(by_grade.sort_values().index) == sorted(by_grade.index)  # A is the least likely
    return found


def test_churn_goes_from_the_bench_to_landed_scores_with_grades_and_reasons(shop):
    found = promoted("churn")
    rows = lake.read("ops.leaderboard").to_pandas()
    assert set(rows["model"]) == set(QUICK)
    test = rows[(rows["split"] == "test") & (rows["metric"] == "auc")].set_index("model")["value"]
    assert test["logistic"] > 0.6
    assert found["campaign_id"].isna().all()
    assert found["score"].between(0, 1).all()
    why = [json.loads(one) for one in found["reasons"]]
    assert max(map(len, why)) <= 5
    assert all(set(one) == {"code", "en", "zh"} for each in why for one in each)
    assert sum(map(len, why)) > len(why)


def test_soft_churn_is_landed_with_grades_and_with_reasons_of_its_own(shop, monkeypatch):
    # of so few it is not sure that it beats the baseline
    by = _without_limits(rules("soft_churn"))
    by = replace(by, gate={**by.gate, "beats_baseline": "mean"})
    monkeypatch.setattr(promote, "rules", lambda name: by)
    found = promoted("soft_churn")
    codes = {one["code"] for each in found["reasons"] for one in json.loads(each)}
    assert codes & {"unevenness_high", "unevenness_low", "spend_lately_high", "spend_lately_low"}
    assert found["account_id"].is_unique


def test_an_offer_is_asked_of_the_next_campaign_and_of_no_one_without_one(shop):
    eve = dt.date(2016, 8, 14)  # the seventh campaign begins the day after
    bench.bench("offer", cut=dt.date(2016, 7, 17))
    train.train("offer", eve)
    version = tracking.newest_version("offer")
    tracking.crown("offer", version.version)
    found = answers(predict.predict("offer", eve))
    assert (found["campaign_id"] == "c6").all()
    assert (found["score_name"] == "offer_response").all()
    asked = shoppers.campaigns(shoppers.lines(lake_of_shoppers.ACCOUNTS))["recipients"]
    assert set(found["account_id"]) == set(asked.loc[asked["campaign_id"] == "c6", "account_id"])
    with pytest.raises(NothingToAsk, match="no campaign with recipients starts"):
        predict.predict("offer", NEWEST)


def test_an_offer_is_graded_between_two_campaigns_by_who_was_asked_last(shop):
    of = family("offer")
    data = of.data(NEWEST)
    with pytest.raises(NothingToAsk):
        of.task(data).asked(NEWEST)
    [configuration] = [c for c in of.configurations() if c.model == "logistic"]
    graded = of.scores(of.fit(data, configuration, NEWEST), data, NEWEST)
    plans = shoppers.campaigns(shoppers.lines(lake_of_shoppers.ACCOUNTS))["recipients"]
    assert set(graded.index) == set(plans.loc[plans["campaign_id"] == "c6", "account_id"])


def test_a_saved_scorer_says_what_it_said(shop, tmp_path):
    of = family("churn")
    data = of.data(None)
    [configuration] = [c for c in of.configurations() if c.model == "logistic"]
    fitted = of.fit(data, configuration, data.newest)
    fitted.save(tmp_path)
    loaded = of.model("logistic").load(tmp_path)
    before, after = (of.predict(model, data, data.newest, None) for model in (fitted, loaded))
    pd.testing.assert_frame_equal(before, after)


def test_a_model_that_cannot_say_why_is_judged_and_never_chosen():
    of = family("churn")
    assert not of.may_answer("sequence")
    assert of.may_answer("gbm")


def test_of_soft_churn_one_model_is_judged_beside_the_baseline():
    of = family("soft_churn")
    assert [one.model for one in of.configurations()] == ["single_feature", "logistic"]
    assert of.baseline.params.columns == ("spend_dropped_share",)


def test_outcomes_are_chances_beside_what_happened_at_a_window_that_has_ended(shop):
    of = family("churn")
    data = of.data(None)
    [configuration] = [c for c in of.configurations() if c.model == "logistic"]
    found = of.outcomes(data, configuration, of.cut(data))
    assert set(found["happened"]) == {0, 1}
    late = data.frames["days"][data.frames["days"]["business_date"] > pd.Timestamp(of.cut(data))]
    came = found["account_id"].isin(late["account_id"].astype(str))
    assert (came == (found["happened"] == 0)).all()
    assert (found["is_acted_on"] == (found["chance"] >= decision("churn").threshold)).all()
