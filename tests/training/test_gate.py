"""Who may become champion, condition by condition, and what a kill leaves of a decision."""

import datetime as dt
import os
import signal
import subprocess
import sys
from typing import Any

import mlflow
import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs import lake, landing
from jobs.spark import cut
from jobs.table import KeepsNoHistory
from jobs.training import bench, gate, predict, promote, tracking, train
from jobs.training.family import Changes
from jobs.training.rules import rules

ROW: dict[str, Any] = {
    "configuration": "repeat-2",
    "baseline": "popular-1",
    "subjects": 300,
    "difference": 0.2,
    "difference_low": 0.19,
    "difference_high": 0.21,
    "champion": "als-3",
    "champion_difference": 0.01,
    "champion_difference_low": 0.002,
    "champion_difference_high": 0.02,
}
WORSE = {"difference": -0.07, "difference_low": -0.26, "difference_high": 0.11}


class Version:
    """What the gate looks at of a registered version."""

    version, name = "7", "recommenders"

    def __init__(self, **tags: str) -> None:
        self.tags = {"as_of": "2017-11-26", "configuration": "als-3", **tags}


def test_only_what_beats_the_baseline_beyond_noise_passes():
    by = rules("recommenders")
    assert gate.beats_baseline(ROW, by, True).outcome == "passed"
    within_noise = gate.beats_baseline(ROW | {"difference_low": -0.001}, by, True)
    assert within_noise.outcome == "refused"
    assert within_noise.reason.startswith("does not beat baseline popular-1: ndcg_at_10 +0.2000")
    assert (within_noise.value, within_noise.limit_low, within_noise.subjects) == (0.2, 0.0, 300)


def test_few_series_are_judged_by_the_mean():
    by = rules("forecasts")
    assert gate.beats_baseline(ROW | WORSE, by, "mean").outcome == "passed"
    assert gate.beats_baseline(ROW | WORSE, by, True).outcome == "refused"
    assert gate.beats_baseline(ROW | WORSE | {"difference": 0.0}, by, "mean").outcome == "refused"


@pytest.mark.parametrize(
    ("changed", "champion", "outcome"),
    [
        ({}, None, "does not apply"),
        ({}, "als-3", "passed"),
        ({"champion_difference_low": 0.0}, "als-3", "refused"),  # better, but within the noise
        ({}, "als-4", "refused"),  # this champion was not on the same bench
        ({"champion_difference_low": -1.0}, "repeat-2", "passed"),  # the champion's own refit
    ],
)
def test_the_champion_is_beaten_beyond_noise_on_the_same_rows(changed, champion, outcome):
    before = Version(configuration=champion) if champion else None
    assert (
        gate.beats_champion(ROW | changed, rules("recommenders"), True, before).outcome == outcome
    )


def test_lower_is_better_for_an_error():
    by = rules("forecasts")
    assert gate.is_better(-0.2, -0.1, by)
    assert not gate.is_better(-0.2, 0.1, by)
    assert not gate.is_better(0.1, 0.2, by)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.60, 0.74, "refused"), (0.60, 0.76, "passed"), (0.86, 0.95, "refused")],
)
def test_coverage_is_refused_where_its_whole_interval_is_past_the_limits(low, high, outcome):
    row = {"metric": "coverage", "value": (low + high) / 2, "value_low": low, "value_high": high}
    found = gate.within(row | {"subjects": 15}, (0.75, 0.85))
    assert (found.condition, found.outcome) == ("within_coverage", outcome)


def test_every_familys_gate_can_be_read_and_a_condition_that_is_unknown_is_said():
    limits = gate.Gate.of(rules("forecasts_daily").gate)
    assert limits.within["coverage"] == [0.72, 0.88]
    assert limits.leakage
    assert limits.leakage.gain_share == 0.6
    with pytest.raises(TypeError, match="beats_everyone"):
        gate.Gate.of({"beats_everyone": True})


def test_a_version_that_moves_more_than_its_share_or_other_segments_is_refused():
    limits = gate.Refit(moved=0.1)
    few = Changes(200, 0.1)
    assert {c.outcome for c in gate.refit(few, limits, Version())} == {"passed"}
    found = Changes(200, 0.105, ["loyal"], ["mixed"], ["at_risk"], ["3 segments: 4 are wanted"])
    checks = {c.condition: c for c in gate.refit(found, limits, Version())}
    assert {c.outcome for c in checks.values()} == {"refused"}
    moved = checks["moved_by_refit"]
    assert (moved.value, moved.limit_high, moved.subjects) == (0.105, 0.1, 200)
    assert moved.reason.startswith("10.5% of 200 accounts are put elsewhere than by champion ver")
    told = "segments: no more: loyal, not there before: mixed"
    assert (checks["same_groups"].reason, checks["same_groups"].value) == (told, 2)
    assert checks["names_hold"].reason.endswith("no longer fit: at_risk")
    assert checks["steady"].reason == "3 segments: 4 are wanted"
    assert set(checks) == set(gate.FOR_A_PERSON)


def test_a_first_version_moves_nobody_and_must_be_steady():
    checks = gate.refit(Changes(200, None, unsteady=["shaky"]), gate.Refit(0.1), None)
    assert {c.condition: c.outcome for c in checks} == {
        "steady": "refused",
        "names_hold": "passed",
        "moved_by_refit": "does not apply",
        "same_groups": "does not apply",
    }


def test_a_person_accepts_what_waits_for_one_and_nothing_else():
    waits = [gate.Check("steady", "refused", "shaky"), gate.Check("same_past", "passed", "same")]
    taken = gate.accepted(waits)
    assert [c.outcome for c in taken] == ["accepted", "passed"]
    assert gate.passes(taken)
    assert gate.in_words(taken) == "shaky; same"
    others = [*waits, gate.Check("same_past", "refused", "peeked")]
    assert gate.accepted(others) == others


# from here on: decisions, with a real store


def decisions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lake.read(
        "ops.promotions", sql="select * from t order by decided_at"
    ).to_pylist()
    return found


def fitted(day: int) -> str:
    return train.train("recommenders", dt.date(2017, 11, day))


@pytest.fixture
def judged(store):
    bench.bench("recommenders")
    return store


def test_a_decision_tells_every_condition_with_its_numbers(judged):
    fitted(6)
    promote.promote("recommenders")
    [decision] = decisions()
    checks = lake.read("ops.gate_checks").to_pandas().set_index("condition")
    assert set(checks["decision_id"]) == {decision["decision_id"]}
    told = checks.loc["beats_baseline"]
    assert told["outcome"] == "passed"
    assert told["value_low"] > told["limit_low"] == 0
    assert set(checks.index) == {
        *("learnt_no_less", "not_taken_back", "beats_baseline", "beats_champion"),
        *("same_past", "same_answers", "single_column_auc", "gain_share", "shuffled_labels"),
        *("rebuilt_features", "exposure"),
    }
    tags = tracking.champion("recommenders").tags
    assert tags["gate"] == "promoted"
    assert tags["gate.beats_baseline"].startswith("passed: beats baseline popular-")
    assert tags[promote.DONE] == decision["decision_id"]


def test_features_that_come_out_otherwise_from_cut_tables_are_refused(judged, monkeypatch):
    fitted(6)
    monkeypatch.setattr(cut, "compared", lambda name, date: cut.Compared(name, 900, 3))
    assert promote.promote("recommenders") == "refused"
    assert decisions()[0]["reason"].startswith(
        "features.interactions as known on 2017-10-29: 3 of 900 rows are others"
    )


def test_features_whose_inputs_keep_no_history_are_told_of(judged, monkeypatch):
    def cannot(name, date):
        raise KeepsNoHistory(f"{name} cannot be cut")

    fitted(6)
    monkeypatch.setattr(cut, "compared", cannot)
    assert promote.promote("recommenders") == "promoted"
    checks = lake.read("ops.gate_checks").to_pandas().set_index("condition")
    assert checks.loc["rebuilt_features", "outcome"] == "does not apply"


def test_a_refused_version_says_which_condition_and_is_refused_once(judged):
    fitted(6)
    promote.promote("recommenders")
    fitted(5)
    assert promote.promote("recommenders") == "refused"
    assert promote.promote("recommenders") == "refused"
    assert [d["decision"] for d in decisions()] == ["promoted", "refused"]
    assert decisions()[1]["reason"].startswith("learnt up to 2017-11-05 only, champion version 1")
    tags = judged.get_model_version("recommenders", "2").tags
    assert tags["gate"] == "refused"
    assert tags["gate.learnt_no_less"].startswith("refused: learnt up to 2017-11-05 only")


def test_what_was_rolled_back_is_not_promoted_again(judged):
    for day in (6, 13):
        fitted(day)
        promote.promote("recommenders")
    promote.rollback("recommenders", "odd lists")
    assert promote.promote("recommenders") == "refused"
    assert "version 2 was rolled back on" in decisions()[-1]["reason"]
    assert "(odd lists): train another one" in decisions()[-1]["reason"]
    fitted(20)
    assert promote.promote("recommenders") == "promoted"


def landed() -> pd.DataFrame:
    """The newest landed answers."""
    manifest = list(landing.manifests("recommendations").values())[-1]
    return pq.read_table(manifest.folder / manifest.files[0].name).to_pandas()


@pytest.fixture
def answered(judged):
    """Two champions, each of which has answered for its own day, with three products a list."""
    for day in (6, 13):
        fitted(day)
        promote.promote("recommenders")
        predict.predict("recommenders", dt.date(2017, 11, day), 3)
    return judged


def test_a_rollback_lands_the_newest_days_answers_again_as_they_were_asked(answered):
    assert set(landed()["model_version"]) == {"2"}
    promote.rollback("recommenders", "odd lists")
    again = landed()
    assert set(again["model_version"]) == {"1"}
    assert set(again["as_of_date"]) == {dt.date(2017, 11, 13)}
    assert set(again["rank"]) == {1, 2, 3}


class Killed(BaseException):
    pass


def kill(*told: object) -> None:
    raise Killed


@pytest.mark.parametrize("place", ["crown", "tag_version"])
def test_a_promotion_that_was_killed_is_carried_out_by_the_next(judged, monkeypatch, place):
    fitted(6)
    with monkeypatch.context() as dying:
        dying.setattr(tracking, place, kill)
        with pytest.raises(Killed):
            promote.promote("recommenders")
    assert tracking.champion("recommenders") is None
    assert promote.promote("recommenders") == "unchanged"
    assert str(tracking.champion("recommenders").version) == "1"
    assert len(decisions()) == 1


def test_conditions_without_a_decision_are_replaced_by_the_next(judged, monkeypatch):
    fitted(6)
    with monkeypatch.context() as dying:
        dying.setattr(lake, "append", kill)
        with pytest.raises(Killed):
            promote.promote("recommenders")
    assert promote.promote("recommenders") == "promoted"
    [decision] = decisions()
    assert set(lake.read("ops.gate_checks")["decision_id"].to_pylist()) == {decision["decision_id"]}


@pytest.mark.parametrize("place", ["crown", "export"])
def test_a_rollback_that_was_killed_is_ended_and_goes_no_further(answered, monkeypatch, place):
    with monkeypatch.context() as dying:
        dying.setattr(tracking if place == "crown" else promote, place, kill)
        with pytest.raises(Killed):
            promote.rollback("recommenders", "odd lists")
    assert promote.rollback("recommenders", "odd lists") == "1"
    assert str(tracking.champion("recommenders").version) == "1"
    assert set(landed()["model_version"]) == {"1"}
    assert [d["decision"] for d in decisions()] == ["promoted", "promoted", "rolled_back"]


def test_decisions_of_a_registry_that_is_gone_say_nothing_of_the_new_one(answered, state):
    promote.rollback("recommenders", "odd lists")
    # the store is lost, the lake is not: versions count from 1 again
    mlflow.MlflowClient().delete_registered_model("recommenders")
    for run in answered.search_runs([e.experiment_id for e in answered.search_experiments()]):
        answered.delete_run(run.info.run_id)
    bench.bench("recommenders")
    for day in (6, 13):
        fitted(day)
        assert promote.promote("recommenders") == "promoted"


def test_a_champion_before_that_is_registered_no_more_is_said(answered):
    answered.delete_model_version("recommenders", "1")
    with pytest.raises(promote.CannotPromote, match="version 1, the champion before, is regist"):
        promote.rollback("recommenders", "odd lists")


def test_an_alias_that_was_moved_by_hand_goes_back_to_what_was_decided(answered):
    tracking.crown("recommenders", "1")
    assert promote.promote("recommenders") == "unchanged"
    assert str(tracking.champion("recommenders").version) == "2"


def test_a_promotion_killed_for_good_before_the_alias_moved_is_repaired(judged, registry):
    fitted(6)
    code = (
        "import mlflow, os, signal; from jobs.training import promote, tracking;"
        f"mlflow.set_tracking_uri('{registry}');"
        "from jobs.training.recommenders.protocol import FAMILY, Terms;"
        "FAMILY.terms = Terms(min_buyers=3);"
        "from jobs.spark import cut; cut.compared = lambda *told: cut.Compared(told[0], 1, 0);"
        "tracking.crown = lambda *told: os.kill(os.getpid(), signal.SIGKILL);"
        "promote.promote('recommenders')"
    )
    dead = subprocess.run([sys.executable, "-c", code], env=dict(os.environ))
    assert dead.returncode == -signal.SIGKILL
    assert [d["decision"] for d in decisions()] == ["promoted"]
    assert tracking.champion("recommenders") is None
    assert promote.promote("recommenders") == "unchanged"
    assert str(tracking.champion("recommenders").version) == "1"
