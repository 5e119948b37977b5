"""Bench, train, promote and predict on a small company, with a real MLflow store and lake."""

import datetime as dt
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from mlflow.entities.model_registry import ModelVersion

from jobs import lake, landing
from jobs.table import FOREVER, as_known
from jobs.training import bench, metrics, predict, promote, tracking, train
from jobs.training.data import as_it_stood, believed, known, known_by, read
from jobs.training.family import FAMILIES, FamilyName
from jobs.training.recommenders import protocol
from tests.training.company import (
    described,
    interactions,
    listed,
    write_accounts,
    write_products,
)

CUT = dt.date(2017, 10, 29)


def test_the_bench_writes_every_configuration_split_task_and_metric_beside_the_baseline(store):
    run = bench.bench("recommenders")
    rows = lake.read("ops.leaderboard").to_pandas()
    assert len(rows) == 3 * 2 * 2 * rows["metric"].nunique()
    assert set(rows["cut_date"]) == {CUT}
    assert set(rows.loc[rows["is_chosen"], "model"]) == {"repeat"}
    naive = rows[rows["configuration"] == rows["baseline"]]
    assert (naive["difference"] == 0).all()
    assert json.loads(rows["datasets"][0])[0] == {"table": "features.interactions", "version": 0}
    logged = store.get_run(run)
    assert logged.info.status == "FINISHED"
    assert logged.inputs.dataset_inputs[0].dataset.name == "features.interactions"
    assert {"seconds", "peak_memory_mib"} <= set(logged.data.metrics)


def test_the_same_bench_is_judged_once(store):
    first = bench.bench("recommenders")
    assert bench.bench("recommenders") == first
    assert lake.version("ops.leaderboard") == 1


def test_a_killed_bench_goes_on_where_it_stood_and_ends_with_the_same_leaderboard(
    store, monkeypatch
):
    def leaderboard(run: str) -> pd.DataFrame:
        found = lake.read("ops.leaderboard", sql=f"select * from t where bench_run_id = '{run}'")
        told = found.to_pandas().drop(columns=["bench_run_id", "judged_at", "seconds"])
        return told.sort_values(["split", "task", "configuration", "metric"], ignore_index=True)

    class Killed(BaseException):
        pass

    judge, judged = protocol.Recommenders.judge, []

    def judge_until_killed(self, window, configuration):
        if len(judged) == 3:  # in the second configuration's test split
            raise Killed
        judged.append(configuration.model)
        return judge(self, window, configuration)

    def judge_and_count(self, window, configuration):
        judged.append(configuration.model)
        return judge(self, window, configuration)

    whole = bench.bench("recommenders")
    place = store.get_experiment_by_name("recommenders").experiment_id
    for run in store.search_runs([place]):
        store.set_tag(run.info.run_id, "fingerprint", "of another bench")

    monkeypatch.setattr(protocol.Recommenders, "judge", judge_until_killed)
    with pytest.raises(Killed):
        bench.bench("recommenders")
    # what kill -9 leaves: runs that go on, of a process that does not
    for run in store.search_runs([place], "attributes.status = 'FAILED'"):
        store.update_run(run.info.run_id, status="RUNNING")
        store.set_tag(run.info.run_id, "owner_started", "0")

    judged.clear()
    monkeypatch.setattr(protocol.Recommenders, "judge", judge_and_count)
    continued = bench.bench("recommenders")
    assert judged == ["repeat", "repeat", "popular", "popular"]
    pd.testing.assert_frame_equal(leaderboard(continued), leaderboard(whole))


def test_a_model_left_out_is_one_of_some_family(store):
    with pytest.raises(bench.CannotBench, match=r"^--leave-out rankr: no such model is judged; "):
        bench.bench("recommenders", leave_out=["rankr", "gbm"])


def test_no_account_is_named_in_what_a_bench_keeps(store, state):
    bench.bench("recommenders")
    [*kept] = (state / "artifacts").rglob(bench.RESULTS)
    assert len(kept) == 3
    assert not [path for path in kept if "account" in path.read_text()]


def test_a_year_from_bench_to_landed_recommendations(store):
    run = bench.bench("recommenders")
    assert train.train("recommenders") == "1"
    assert train.train("recommenders") == "1"  # the same again is not fitted again
    assert promote.promote("recommenders") == "promoted"
    assert promote.promote("recommenders") == "unchanged"
    manifest = predict.predict("recommenders", size=2)
    assert predict.predict("recommenders", size=2) == manifest
    rows = pq.read_table(manifest.folder / manifest.files[0].name).to_pandas()
    # account 30 never bought anything, and still gets what is popular
    assert rows.groupby("account_id").size().tolist() == [2] * 31
    assert set(rows.loc[rows["account_id"] == "account 30", "reason_code"]) == {"popular_now"}
    assert rows.loc[rows["account_id"] == "account 03", "product_id"].tolist()[0] == "product 03"
    assert rows["model_version"].unique().tolist() == ["1"]
    assert rows["as_of_date"].unique().tolist() == [dt.date(2017, 11, 26)]
    assert rows["valid_until"].unique().tolist() == [dt.date(2017, 12, 3)]
    # known when the day has ended in New York
    assert manifest.known_at == "2017-11-27T05:00:00+00:00"
    version = tracking.champion("recommenders")
    assert version.tags["bench_run_id"] == run
    assert version.tags["feature_version"] == "0"


def test_a_rollback_gives_the_alias_to_the_champion_before(store):
    bench.bench("recommenders")
    train.train("recommenders", dt.date(2017, 11, 6))
    promote.promote("recommenders")
    train.train("recommenders", dt.date(2017, 11, 13))
    assert promote.promote("recommenders") == "promoted"
    assert promote.rollback("recommenders", "odd lists") == "1"
    assert str(tracking.champion("recommenders").version) == "1"
    decisions = lake.read("ops.promotions", sql="select * from t order by decided_at").to_pylist()
    assert [d["decision"] for d in decisions] == ["promoted", "promoted", "rolled_back"]
    assert decisions[1]["previous_version"] == "1"
    assert decisions[2]["reason"] == "odd lists"


def test_rollbacks_go_further_back_and_never_forth(store):
    bench.bench("recommenders")
    for day in (6, 13, 20):
        train.train("recommenders", dt.date(2017, 11, day))
        assert promote.promote("recommenders") == "promoted"
    assert promote.rollback("recommenders", "odd lists") == "2"
    assert promote.rollback("recommenders", "still odd") == "1"
    with pytest.raises(promote.CannotPromote, match="no champion before"):
        promote.rollback("recommenders", "and still")
    assert str(tracking.champion("recommenders").version) == "1"


def test_nothing_to_go_back_to_is_said(store):
    with pytest.raises(promote.CannotPromote, match="no champion before"):
        promote.rollback("recommenders", "why not")
    with pytest.raises(promote.CannotPromote, match=r"jobs\.training\.train recommenders"):
        promote.promote("recommenders")
    with pytest.raises(predict.NoChampion, match="promote recommenders"):
        predict.predict("recommenders")
    with pytest.raises(train.NotJudged, match=r"jobs\.training\.bench recommenders"):
        train.train("recommenders")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict", "recommenders has no champion"),
        ("train", "no bench of recommenders"),
        ("promote", "no version of recommenders is registered"),
    ],
)
def test_a_command_that_cannot_do_its_work_ends_with_a_sentence(store, monkeypatch, command, said):
    monkeypatch.setattr(sys, "argv", [command, "recommenders"])
    monkeypatch.delitem(sys.modules, f"jobs.training.{command}")
    with pytest.raises(SystemExit, match=f"^error: {said}"):
        runpy.run_module(f"jobs.training.{command}", run_name="__main__")


def test_a_family_that_does_not_exist_is_answered_with_those_that_do(monkeypatch, capsys):
    assert get_args(FamilyName) == tuple(FAMILIES)
    monkeypatch.setattr(sys, "argv", ["promote", "propensity"])
    monkeypatch.delitem(sys.modules, "jobs.training.promote")
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("jobs.training.promote", run_name="__main__")
    said = capsys.readouterr().err
    assert all(f"'{name}'" in said for name in FAMILIES)


def test_no_tracking_server_is_one_sentence(state, monkeypatch):
    monkeypatch.setenv("SALES_PORT_BASE", "1024")
    mlflow.set_tracking_uri(None)
    tracking.client.cache_clear()
    monkeypatch.setattr(sys, "argv", ["promote", "recommenders"])
    monkeypatch.delitem(sys.modules, "jobs.training.promote")
    with pytest.raises(SystemExit, match=r"^error: MLflow does not answer .* run `make up`$"):
        runpy.run_module("jobs.training.promote", run_name="__main__")


def test_the_run_of_a_killed_process_ends_as_killed_and_is_continued(store, registry):
    code = (
        "import mlflow, os, signal; from jobs.training import tracking;"
        f"mlflow.set_tracking_uri('{registry}');\n"
        "with tracking.run('recommenders', 'bench', 'the same'):\n"
        "    with tracking.run('recommenders', 'other', 'another'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)"
    )
    dead = subprocess.run([sys.executable, "-c", code], cwd=Path.cwd(), env=dict(os.environ))
    assert dead.returncode == -signal.SIGKILL
    place = store.get_experiment_by_name("recommenders").experiment_id
    before = {r.data.tags["fingerprint"]: r.info.run_id for r in store.search_runs([place])}
    with tracking.run("recommenders", "bench", "the same") as run:
        assert run.id == before["the same"]
        assert store.get_run(before["another"]).info.status == "KILLED"
    assert store.get_run(run.id).info.status == "FINISHED"


def test_the_run_of_a_living_process_is_left_alone(store):
    with (
        tracking.run("recommenders", "bench", "a") as first,
        tracking.run("recommenders", "bench", "b"),
    ):
        assert store.get_run(first.id).info.status == "RUNNING"


def test_a_failed_run_says_so(store):
    with pytest.raises(ZeroDivisionError), tracking.run("recommenders", "bench", "a") as run:
        1 / 0  # noqa: B018
    assert store.get_run(run.id).info.status == "FAILED"


def test_a_runs_peak_memory_is_its_own(store):
    def peak(size_mib: int) -> float:
        with tracking.run("recommenders", "bench", f"{size_mib}") as run:
            held = np.ones(size_mib * 2**17)  # doubles
            time.sleep(3 * tracking.SAMPLE_SECONDS)
            del held
        return store.get_run(run.id).data.metrics["peak_memory_mib"]

    with tracking.PeakMemory() as before:
        pass
    assert peak(300) > before.mib + 290
    assert peak(1) < before.mib + 100


def test_a_train_run_logs_what_its_model_learnt_by(store, monkeypatch):
    fit = protocol.Recommenders.fit

    def fit_with_curve(self, *told):
        model = fit(self, *told)
        model.curves = {"loss": [3.0, 2.0, 1.5]}
        return model

    monkeypatch.setattr(protocol.Recommenders, "fit", fit_with_curve)
    bench.bench("recommenders")
    train.train("recommenders")
    run = tracking.newest_version("recommenders").run_id
    logged = {point.step: point.value for point in store.get_metric_history(run, "loss")}
    assert logged == {0: 3.0, 1: 2.0, 2: 1.5}


def test_a_paired_difference_is_tighter_than_the_values_it_compares():
    chance = np.random.default_rng(0)
    easy = pd.Series(chance.normal(size=500))
    harder = easy + 0.1
    found = metrics.difference(harder, easy)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)
    alone = metrics.estimate(easy)
    assert alone.low < easy.mean() < alone.high
    # 1.96 standard errors of 500 values with deviation 1
    assert alone.high - alone.low == pytest.approx(2 * 1.96 / 500**0.5, rel=0.15)


def test_subjects_without_a_value_are_left_out_and_none_at_all_is_said():
    assert metrics.estimate(pd.Series([1.0, None, 1.0])).value == 1.0
    with pytest.raises(ValueError, match="nothing to judge"):
        metrics.estimate(pd.Series([], dtype=float))


def test_landed_recommendations_are_one_batch_a_day(store):
    bench.bench("recommenders")
    train.train("recommenders", dt.date(2017, 11, 19))
    promote.promote("recommenders")
    predict.predict("recommenders", dt.date(2017, 11, 19))
    predict.predict("recommenders", dt.date(2017, 11, 20))
    assert list(landing.manifests("recommendations")) == [
        "models/recommenders-2017-11-19",
        "models/recommenders-2017-11-20",
    ]


@pytest.fixture
def champion(store):
    bench.bench("recommenders")
    train.train("recommenders")
    assert promote.promote("recommenders") == "promoted"


def test_what_each_rung_served_and_each_rule_took_stands_beside_the_batch(champion):
    for _ in range(2):  # answered again for the same day: the newest counts
        manifest = predict.predict("recommenders", size=2)
    rows = lake.read("ops.offers", sql="select * from t where kind = 'rung'").to_pylist()
    # account 30 never bought anything, and of no account a segment is known
    assert {row["code"]: (row["accounts"], row["offers"]) for row in rows} == {
        "champion": (30, 60),
        "all": (1, 2),
    }
    assert {row["batch_id"] for row in rows} == {manifest.batch_id}
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    taken = lake.read("ops.offers", sql="select code, offers from t where kind = 'rule'")
    assert {"in_assortment", "replenishment"} <= set(taken.column("code").to_pylist())


def test_two_families_of_the_same_code_and_tables_ask_two_questions() -> None:
    def version(name: str) -> ModelVersion:
        return ModelVersion(name, "1", 0)

    asked = {predict.question(version(name), [], None, None) for name in ("churn", "soft_churn")}
    assert len(asked) == 2


def test_another_rule_of_the_business_is_another_question(champion, monkeypatch):
    version = tracking.champion("recommenders")
    asked = predict.question(version, [], None, None)
    assert predict.question(version, [], None, None) == asked
    assert any("per_category" in rules for rules in predict.business_rules("recommenders"))
    monkeypatch.setattr(predict, "business_rules", lambda name: ["at most two"])
    assert predict.question(version, [], None, None) != asked


def test_a_champion_answers_for_no_day_before_the_last_that_it_learnt_from(champion):
    with pytest.raises(predict.SawLater, match="learnt up to 2017-11-26; its answers as of"):
        predict.predict("recommenders", dt.date(2017, 11, 25))
    assert not landing.manifests("recommendations")


def test_a_model_of_a_day_long_past_does_not_replace_a_newer_champion(champion):
    train.train("recommenders", dt.date(2017, 11, 5))
    assert promote.promote("recommenders") == "refused"
    told = lake.read("ops.promotions", sql="select reason from t where decision = 'refused'")
    assert "learnt up to 2017-11-05 only" in told["reason"][0].as_py()
    assert str(tracking.champion("recommenders").version) == "1"


def versions(manifest: landing.Manifest) -> set[int]:
    """Feature versions that landed answers tell of."""
    rows = pq.read_table(manifest.folder / manifest.files[0].name)
    return set(rows["feature_version"].to_pylist())


def test_the_same_question_is_answered_from_what_was_landed(champion, monkeypatch):
    def loaded(*told):
        raise AssertionError("a model was loaded")

    landed = [predict.predict("recommenders", size=2), predict.predict("recommenders", size=3)]
    data = protocol.Recommenders.data
    monkeypatch.setattr(tracking, "download", loaded)
    monkeypatch.setattr(protocol.Recommenders, "data", loaded)
    assert predict.predict("recommenders", size=3) == landed[1]
    # its answers were landed over by those to another question: asked again
    monkeypatch.setattr(protocol.Recommenders, "data", data)
    with pytest.raises(AssertionError, match="a model was loaded"):
        predict.predict("recommenders", size=2)


def test_the_same_answers_from_a_newer_feature_table_are_no_new_batch(champion):
    landed = predict.predict("recommenders")
    write_deltalake(lake.location("features.interactions"), interactions(), mode="overwrite")
    assert predict.predict("recommenders") == landed
    assert versions(landed) == {0}


def test_answers_that_cannot_be_read_any_more_are_landed_anew(champion):
    landed = predict.predict("recommenders")
    (landed.folder / landed.files[0].name).write_bytes(b"half a file")
    write_deltalake(lake.location("features.interactions"), interactions(), mode="overwrite")
    again = predict.predict("recommenders")
    assert again.sha256 != landed.sha256
    assert versions(again) == {1}


def test_other_answers_from_a_newer_feature_table_are_landed(champion):
    landed = predict.predict("recommenders")
    write_deltalake(lake.location("features.interactions"), interactions(1), mode="overwrite")
    again = predict.predict("recommenders")
    assert again.batch_id == landed.batch_id
    assert again.sha256 != landed.sha256
    assert versions(again) == {1}


def test_a_family_names_the_tables_that_it_reads(store):
    found = protocol.FAMILY.data(None).datasets
    assert tuple(dataset.table for dataset in found) == protocol.FAMILY.tables


EARLIER, KNOWN = dt.date(2017, 10, 31), dt.date(2017, 11, 3)


def corrected() -> pd.DataFrame:
    """The interactions, of which KNOWN brings another version for half the accounts."""
    before = interactions()
    is_hit = (before["account_id"] < "account 15") & (before["business_date"] < EARLIER)
    after = before[is_hit].assign(product_id="product 05", orders=9, known_date=KNOWN)
    ended = before.assign(superseded_date=before["superseded_date"].where(~is_hit, KNOWN))
    return pd.concat([ended, after.drop_duplicates(["account_id", "business_date"])])


def test_a_correction_changes_nothing_that_a_model_of_a_day_before_it_sees(store):
    bench.bench("recommenders")
    seen, answers = {}, {}
    for name, frame in {"before": interactions(), "after": corrected()}.items():
        write_deltalake(lake.location("features.interactions"), frame, mode="overwrite")
        moved = [] if name == "before" else [listed("product 00", KNOWN, is_in_first_list=False)]
        end = KNOWN if moved else FOREVER
        others = [listed(f"product {n:02}") for n in range(1, 6)]
        write_products(listed("product 00", department="OLD", superseded_date=end), *moved, *others)
        for date in (EARLIER, KNOWN):
            read = protocol.FAMILY.data(date)
            configuration = protocol.FAMILY.configurations()[1]
            model = protocol.FAMILY.fit(read, configuration, date)
            told = known_by(read.frames["interactions"], date)
            seen[name, date] = told.drop(columns="superseded_date").reset_index(drop=True)
            answers[name, date] = protocol.FAMILY.predict(model, read, date, 3)
    pd.testing.assert_frame_equal(seen["before", EARLIER], seen["after", EARLIER])
    pd.testing.assert_frame_equal(answers["before", EARLIER], answers["after", EARLIER])
    assert not answers["before", KNOWN].equals(answers["after", KNOWN])
    products = protocol.FAMILY.data(EARLIER).frames["products"]
    departments = {
        d: known(products, d).set_index("product_id")["department"] for d in (EARLIER, KNOWN)
    }
    assert (departments[EARLIER]["product 00"], departments[KNOWN]["product 00"]) == ("OLD", "x")


def test_a_model_of_a_day_sees_customers_as_they_were_known(store, monkeypatch):
    seen = []

    def fit(self, interactions, accounts, products, promotions, as_of):
        seen.append(accounts.set_index("account_id")["age_band"].astype(object))
        return self

    monkeypatch.setattr(protocol.FAMILY.model("repeat"), "fit", fit)
    write_accounts(
        described("account 00", age_band="35-44", superseded_date=KNOWN),
        described("account 00", KNOWN, age_band="45-54"),
        described("account 01", age_band="19-24"),
        described("account 02", KNOWN, age_band="65+"),
    )
    configuration = protocol.FAMILY.configuration("repeat")
    long_ago = dt.date(2016, 1, 1)  # before the first snapshot, which counts for it too
    for date in (long_ago, EARLIER, KNOWN):
        protocol.FAMILY.fit(protocol.FAMILY.data(None), configuration, date)
    before = {"account 00": "35-44", "account 01": "19-24"}
    after = before | {"account 00": "45-54", "account 02": "65+"}
    assert [one.to_dict() for one in seen] == [before, before, after]


def test_a_model_of_a_day_before_a_correction_is_trained_again_as_it_was(store, tmp_path):
    bench.bench("recommenders")
    train.train("recommenders", EARLIER)
    write_deltalake(lake.location("features.interactions"), corrected(), mode="overwrite")
    train.train("recommenders", EARLIER)
    orders = []
    for version in "12":
        folder = tmp_path / version
        folder.mkdir()
        saved = tracking.download(store.get_model_version("recommenders", version), folder)
        orders.append(protocol.FAMILY.model("repeat").load(saved).purchases.orders.toarray())
    np.testing.assert_array_equal(*orders)


def test_frames_and_tables_are_asked_the_same(state):
    frame = corrected()
    write_deltalake(lake.location("features.interactions"), frame)
    everything, _ = read("features.interactions")
    for date in (EARLIER, KNOWN - dt.timedelta(days=1), KNOWN, KNOWN + dt.timedelta(days=1)):
        asked = f"select * from t where {as_known('features.interactions', date)}"
        in_lake = lake.read("features.interactions", sql=asked)
        assert len(known(everything, date)) == in_lake.num_rows
        stood = as_it_stood(everything, date)
        assert len(believed(stood)) == in_lake.num_rows
