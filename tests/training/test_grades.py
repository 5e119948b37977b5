"""Grades mean the same from champion to champion: edges are kept, and flips have a budget."""

import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs import lake
from jobs.training import bench, grades, predict, promote, tracking, train
from jobs.training.family import FAMILIES, Configuration, Graded
from jobs.training.grades import Flips, fifths, flips, graded
from tests.training import staying

EDGES = (0.8, 0.6, 0.4, 0.2)


def test_a_grade_begins_at_its_edge_and_no_score_is_the_last():
    scores = pd.Series({"a": 0.8, "b": 0.79, "c": 0.2, "d": 0.1, "e": None})
    assert graded(scores, EDGES).to_dict() == {"a": "A", "b": "B", "c": "D", "d": "E", "e": "E"}


def test_fifths_give_each_grade_a_fifth():
    scores = pd.Series(range(100), dtype=float)
    assert graded(scores, fifths(scores)).value_counts().to_dict() == {
        "A": 20,
        "B": 20,
        "C": 20,
        "D": 20,
        "E": 20,
    }


def test_flips_count_the_accounts_that_both_score():
    before = pd.Series({"a": 0.9, "b": 0.9, "c": 0.5, "d": 0.1, "only before": 0.1})
    after = pd.Series({"a": 0.85, "b": 0.7, "c": 0.1, "d": 0.1, "only after": 0.9})
    # of four: b by one step, c by two
    assert flips(before, after, EDGES) == Flips(4, any=0.5, two_steps=0.25)
    with pytest.raises(ValueError, match="no account has a score of both"):
        flips(before, pd.Series({"z": 1.0}), EDGES)


def logistic(strength: float) -> list[Configuration]:
    return [Configuration("logistic", staying.Logistic.Params(strength))]


@pytest.fixture
def family(state, empty_store, registry, monkeypatch):
    monkeypatch.setitem(FAMILIES, "staying", "tests.training.staying")
    monkeypatch.setattr(bench, "rules", lambda name: staying.RULES)
    monkeypatch.setattr(promote, "rules", lambda name: staying.RULES)
    shutil.copy(empty_store, state / "mlflow.db")
    tracking.client().create_experiment("staying", artifact_location=str(state / "artifacts"))
    monkeypatch.setattr(staying.Staying, "asked", logistic(1.0))
    staying.write(staying.accounts())
    return staying.FAMILY


def challenged() -> str:
    bench.bench("staying")
    train.train("staying")
    return promote.promote("staying")


def reason() -> str:
    told = lake.read("ops.promotions", sql="select reason from t order by decided_at desc limit 1")
    return str(told["reason"][0].as_py())


def test_a_family_with_scores_has_grades(family):
    assert isinstance(family, Graded)


def test_edges_are_stored_with_the_version_and_answers_carry_their_grade(family):
    assert challenged() == "promoted"
    edges = grades.kept(tracking.champion("staying"))
    assert edges is not None
    manifest = predict.predict("staying")
    rows = pq.read_table(manifest.folder / manifest.files[0].name).to_pandas()
    told = graded(rows["score"], edges)
    assert rows["grade"].tolist() == told.tolist()
    assert set(rows["grade"]) == {"A", "B", "C", "D", "E"}


def test_a_refit_keeps_the_champions_edges(family):
    challenged()
    before = grades.kept(tracking.champion("staying"))
    rows = staying.accounts()
    later = staying.accounts(1).query("as_of_date == as_of_date.max()")
    later = later.assign(as_of_date=staying.SUNDAYS[-1] + staying.WEEKS)
    later["known_date"] = later["as_of_date"] + staying.WEEKS
    staying.write(pd.concat([rows, later]))
    assert challenged() == "promoted"
    champion = tracking.champion("staying")
    assert str(champion.version) == "2"
    assert grades.kept(champion) == before
    checks = lake.read("ops.gate_checks").to_pandas()
    [flipped] = checks.query("model_version == '2' and condition == 'grade_flips'").to_dict(
        "records"
    )
    assert flipped["outcome"] == "passed"
    assert 0 < flipped["value"] <= 0.1
    assert flipped["subjects"] == 400


def test_a_challenger_that_moves_too_many_grades_is_refused(family, monkeypatch):
    # a heavy penalty draws all scores to the mean: a poor champion, whose edges lie close together
    monkeypatch.setattr(staying.Staying, "asked", logistic(1e-5))
    assert challenged() == "promoted"
    monkeypatch.setattr(staying.Staying, "asked", logistic(1.0))
    assert challenged() == "refused"
    assert "have another grade than champion version 1, at most 10% may" in reason()
    assert str(tracking.champion("staying").version) == "1"


def test_a_planted_future_column_is_refused(family):
    rows = staying.accounts()
    staying.write(rows.assign(orders_next_4_weeks=(1 - rows["label"]) * 3 + rows["orders"] % 3))
    assert challenged() == "refused"
    assert reason().startswith("column orders_next_4_weeks alone tells the label with AUC 1.000")
    assert tracking.champion("staying") is None
