"""The bench of churn and offers on files: what it writes, and what it must not look at."""

import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest

from jobs.training import tracking
from jobs.training.board import BadModel
from jobs.training.given import BadFile
from jobs.training.propensity import files, models, reasons
from jobs.training.propensity.task import NothingToAsk
from jobs.training.propensity.wanted import Wanted
from tests.training.propensity import shoppers
from tests.training.propensity.shoppers import ORIGIN

FAST = ("single_feature", "logistic", "gbm")


pytestmark = pytest.mark.usefixtures("one_store")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Of the models the quick ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "MODELS", {name: models.MODELS[name] for name in FAST})
        yield


EARLY = dt.date(2016, 1, 10)
ORIGINS = (EARLY, ORIGIN - dt.timedelta(days=7), ORIGIN)


@pytest.fixture(scope="module")
def churn(one_store, quick, tmp_path_factory) -> tuple[Wanted, pd.DataFrame]:
    """A bench of churn, and its leaderboard."""
    asked = wanted(tmp_path_factory.mktemp("churn"), "churn", origins=ORIGINS)
    return asked, files.bench(asked).to_pandas()


def wanted(tmp_path, task, frames=None, origins=(ORIGIN,)) -> Wanted:
    bought = shoppers.lines()
    frames = {"transactions": bought, **shoppers.campaigns(bought), **(frames or {})}
    paths = shoppers.written(tmp_path / "given", frames)
    return Wanted(paths.pop("transactions"), task, origins, tmp_path / "out", **paths)


def read(asked: Wanted, name: str = "scores") -> pd.DataFrame:
    return pd.read_parquet(asked.out / f"{name}.parquet")


def known_by(origin: dt.date) -> dict[str, pd.DataFrame]:
    """What the files could say on the evening of an origin; campaigns are planned ahead."""
    bought = shoppers.lines()
    end = pd.Timestamp(origin) + pd.Timedelta(days=1)
    frames = shoppers.campaigns(bought)
    used = frames["redemptions"]
    frames["redemptions"] = used[used["redeemed_on"] < end]
    return {**frames, "transactions": bought[bought["bought_at"] < end]}


OFFER_ORIGIN = dt.date(2016, 7, 17)  # the evening before the sixth campaign starts


def test_what_comes_after_an_origin_changes_no_chance_of_churn(tmp_path, churn):
    whole, table = churn
    sealed = wanted(tmp_path, "churn", known_by(ORIGIN), origins=(ORIGIN,))
    alone = files.bench(sealed).to_pandas()
    found = read(whole)
    found = found[found["origin"] == ORIGIN].drop(columns="champion").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, read(sealed).drop(columns="champion"))
    assert set(table["window"]) == {"valid", "test"}
    assert set(alone["window"]) == {"valid"}


def test_what_comes_after_an_origin_changes_no_chance_of_an_answer(tmp_path):
    whole = wanted(tmp_path / "whole", "offer", origins=(OFFER_ORIGIN,))
    sealed = wanted(tmp_path / "sealed", "offer", known_by(OFFER_ORIGIN), (OFFER_ORIGIN,))
    table, alone = files.bench(whole).to_pandas(), files.bench(sealed).to_pandas()
    pd.testing.assert_frame_equal(read(whole), read(sealed))
    assert set(alone["window"]) == {"valid"}
    told = table.set_index(["model", "window", "metric"])["value"]
    assert told["gbm", "test", "auc"] > 0.7
    assert told["logistic", "test", "calibration_error"] < 0.15
    assert read(whole, "gains").groupby("model")["gain"].last().eq(1).all()


@pytest.mark.parametrize("task", ["soft_churn", "department"])
def test_what_comes_after_an_origin_changes_no_chance_of_other_questions(tmp_path, task):
    bought = shoppers.in_departments(shoppers.lines())
    then = bought[bought["bought_at"] < pd.Timestamp(ORIGIN) + pd.Timedelta(days=1)]
    ahead = bought[bought["bought_at"] >= then["bought_at"].max()]
    seen = bought["account_id"].map(ahead.groupby("account_id")["amount_usd"].sum())
    whole = wanted(tmp_path / "whole", task, {"transactions": bought.assign(next_usd=seen)})
    sealed = wanted(tmp_path / "sealed", task, {"transactions": then})
    table, alone = files.bench(whole).to_pandas(), files.bench(sealed).to_pandas()
    pd.testing.assert_frame_equal(read(whole), read(sealed))
    pd.testing.assert_frame_equal(read(whole, "reasons"), read(sealed, "reasons"))
    assert set(table["window"]) == {"valid", "test"}
    assert set(alone["window"]) == {"valid"}
    found, why = read(whole), read(whole, "reasons")
    who = ["account_id", "subject"] if task == "department" else ["account_id"]
    assert list(found) == ["task", *who, "origin", "p", "model", "champion"]
    assert list(why) == [*who, "origin", "rank", "code", "en", "zh", "push"]
    assert not found.duplicated([*who, "origin", "model"]).any()
    assert not why.duplicated([*who, "origin", "rank"]).any()
    best = found[found["champion"]]
    assert len(why[[*who, "origin"]].drop_duplicates().merge(best)) > 0.9 * len(best)
    assert set(found.get("subject", ["fresh"])) <= {"fresh", "tools", "toys"}


def test_every_eligible_account_has_a_chance_of_every_model(churn):
    asked, table = churn
    found = read(asked)
    assert list(found) == ["task", "account_id", "origin", "p", "model", "champion"]
    counts = found.groupby(["origin", "model"])["account_id"].nunique().unstack()
    assert (counts.nunique(axis=1) == 1).all()
    assert set(counts) == set(FAST)
    assert found["p"].between(0, 1).all()
    assert found.groupby("model")["champion"].first().sum() == 1
    assert set(table[table["champion"]]["model"]) == set(found[found["champion"]]["model"])
    assert set(table["origin"]) == {one.isoformat() for one in ORIGINS[1:]}


def test_the_champion_says_why(churn):
    asked, _ = churn
    found, why = read(asked), read(asked, "reasons")
    best = found[found["champion"]]
    assert list(why) == ["account_id", "origin", "rank", "code", "en", "zh", "push"]
    told = why[["account_id", "origin"]].drop_duplicates()
    assert len(told) > 0.9 * len(best)
    assert len(told.merge(best, on=["account_id", "origin"])) == len(told)
    assert why["rank"].between(1, 5).all()
    assert set(why["code"].str.rpartition("_")[2]) <= {"high", "low"}


def test_gain_and_lift_are_told_and_drawn_where_it_is_known_what_happened(churn):
    asked, table = churn
    judged = set(table.loc[table["window"] == "test", "origin"])
    told = read(asked, "gains")
    names = ["task", "model", "origin", "share", "gain", "lift", "asked"]
    assert list(told) == names
    assert set(told["task"]) == {"churn"}
    assert set(told["origin"]) == judged
    scores = read(asked)
    for origin, of_origin in told.groupby("origin"):
        asked_then = scores[scores["origin"] == dt.date.fromisoformat(origin)]
        assert set(of_origin["asked"]) == {asked_then["account_id"].nunique()}
    drawn = {file.name for file in asked.out.glob("*.svg")}
    assert drawn == {f"gain-churn-{origin}.svg" for origin in judged}
    mlflow = tracking.client()
    runs = mlflow.search_runs([each.experiment_id for each in mlflow.search_experiments()])
    logged = {a.path for run in runs for a in mlflow.list_artifacts(run.info.run_id, "plots")}
    assert {f"plots/gain-churn-{origin}.png" for origin in judged} <= logged


def test_an_origin_out_of_reach_is_told_and_the_others_stand(tmp_path, churn):
    asked, _ = churn
    assert set(read(asked)["origin"]) == set(ORIGINS[1:])
    assert set(read(asked, "errors")["origin"]) == {EARLY.isoformat()}
    with pytest.raises(NothingToAsk, match="2016-01-10"):
        files.bench(replace(asked, origins=(EARLY,), out=tmp_path / "out"))


def test_one_that_was_killed_goes_on_where_it_stood(tmp_path, monkeypatch, churn):
    alone, _ = churn
    asked, real = replace(alone, out=tmp_path / "out"), files.judge

    def killed(of, configuration, origins):
        if configuration.model == "gbm":
            raise KeyboardInterrupt
        return real(of, configuration, origins)

    monkeypatch.setattr(files, "judge", killed)
    with pytest.raises(KeyboardInterrupt):
        files.bench(asked)
    again = []
    monkeypatch.setattr(files, "judge", lambda of, c, at: again.append(c.model) or real(of, c, at))
    files.bench(asked)
    assert again == ["gbm"]
    for name in ("scores", "reasons", "gains"):
        pd.testing.assert_frame_equal(read(asked, name), read(alone, name))


def test_a_model_can_be_left_out(tmp_path, churn):
    alone, _ = churn
    asked = replace(alone, out=tmp_path / "out", leave_out=("gbm",))
    files.bench(asked)
    assert set(read(asked)["model"]) == {"single_feature", "logistic"}
    with pytest.raises(BadModel, match="gmb"):
        files.bench(replace(asked, leave_out=("gmb",)))


def test_where_everybody_comes_back_what_was_said_stands(tmp_path, churn):
    alone, _ = churn
    bought = shoppers.lines()
    back = bought.drop_duplicates("account_id").assign(
        bought_at=pd.Timestamp(ORIGIN) + pd.Timedelta(days=3)
    )
    asked = wanted(tmp_path, "churn", {"transactions": pd.concat([bought, back])})
    table = files.bench(asked).to_pandas()
    rows = read(alone)
    rows = rows[rows["origin"] == ORIGIN].drop(columns="champion").reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, read(asked).drop(columns="champion"))
    told = table[table["window"] == "test"].set_index("metric")
    assert "log_loss" in told.index
    assert "auc" not in told.index


def test_reasons_that_cannot_be_told_stop_a_bench_before_it_judges(tmp_path, monkeypatch, churn):
    alone, _ = churn
    asked = replace(alone, out=tmp_path / "out")
    monkeypatch.setattr(reasons.Reasons, "theme_of", lambda self, feature: None)
    monkeypatch.setattr(files, "judge", broken)
    with pytest.raises(reasons.BadReasons):
        files.bench(asked)
    assert not asked.out.exists()


def test_of_models_only_the_champion_is_asked_why(tmp_path, monkeypatch, churn):
    alone, _ = churn
    found, real = [], reasons.directions
    monkeypatch.setattr(
        reasons, "directions", lambda by, *told: found.append(type(by).name) or real(by, *told)
    )
    asked = replace(alone, out=tmp_path / "out")
    files.bench(asked)
    scores = read(asked)
    [best] = scores.loc[scores["champion"], "model"].unique()
    assert set(found) == {best}


def broken(*_):
    raise ValueError("broken")


def test_a_model_that_breaks_leaves_the_others_alone_and_other_names_are_read(
    tmp_path, monkeypatch
):
    others = {"bought_at": "transaction_timestamp", "amount_usd": "sales_value"}
    bought = shoppers.lines().rename(columns={"account_id": "household_id", **others})
    bought["household_id"] = bought["household_id"].str[1:].astype(int)
    asked = wanted(tmp_path, "churn", {"transactions": bought})
    monkeypatch.setattr(models.MODELS["gbm"], "fit", broken)
    files.bench(asked)
    found = read(asked)
    assert set(found["model"]) == {"single_feature", "logistic"}
    assert set(found["account_id"]) <= set(map(str, range(160)))
    [error] = read(asked, "errors").to_dict("records")
    assert error["reason"] == "failed: broken"


def test_a_file_in_which_nobody_paid_is_told(tmp_path):
    free = shoppers.lines(20).assign(amount_usd=0.0)
    with pytest.raises(BadFile, match="no line has amount_usd above 0"):
        files.bench(wanted(tmp_path, "churn", {"transactions": free}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account_id": "who"}, "column account_id is missing; it has who"),
        ({"bought_at": "when_it_was"}, "column bought_at is missing"),
    ],
)
def test_a_file_that_lacks_a_column_is_told(tmp_path, change, said):
    asked = wanted(tmp_path, "churn", {"transactions": shoppers.lines(20).rename(columns=change)})
    with pytest.raises(BadFile, match=said):
        files.bench(asked)


def test_offers_need_their_files(tmp_path):
    asked = replace(wanted(tmp_path, "offer"), redemptions=None)
    with pytest.raises(BadFile, match="needs --campaigns, --recipients and --redemptions"):
        files.bench(asked)
