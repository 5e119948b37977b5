import datetime as dt

import pandas as pd
import pytest

from jobs import lake as tables
from jobs.spark.build import build
from jobs.table import built_table
from jobs.training import predict
from jobs.training.family import family

DAY = dt.date(2017, 3, 5)
WEEK_AGO = DAY - dt.timedelta(days=7)


def then(account_id, segment_id):
    return row(account_id, segment_id, as_of_date=WEEK_AGO)


def row(account_id, segment_id, before=None, **told):
    return {
        "account_id": account_id,
        "segment_id": segment_id,
        "segment_code": None if segment_id is None else f"code {segment_id}",
        "previous_segment_id": before,
        "previous_segment_code": None if before is None else f"code {before}",
        "as_of_date": DAY,
        **told,
    }


def now(account_id, segment_id, before=None, by=None):
    return row(account_id, segment_id, before, moved_by=by, previous_as_of_date=WEEK_AGO)


@pytest.fixture
def moves(rows, made):
    def build(*segments):
        found = made("scores.segment_moves", rows("scores.account_segments", *segments))
        assert all((r.as_of_date, r.previous_as_of_date) == (DAY, WEEK_AGO) for r in found)
        return {
            (r.from_segment_code, r.to_segment_code): (r.accounts, r.moved_by_refit) for r in found
        }

    return build


def test_everybody_of_either_day_is_counted_once(moves):
    found = moves(
        *[then(each, 1) for each in ("stays", "goes", "is moved", "is gone", "falls out")],
        then("enters", None),
        then("nowhere", None),
        now("stays", 1, 1),
        now("goes", 2, 1, "customer"),
        now("is moved", 2, 1, "refit"),
        now("falls out", None, 1, "customer"),
        now("enters", 2, None, "refit"),
        now("comes", 2),
        now("nowhere", None),
    )
    assert found == {
        ("code 1", "code 1"): (1, 0),
        ("code 1", "code 2"): (2, 1),
        ("code 1", "none"): (2, 0),
        ("none", "code 2"): (2, 1),
    }


def test_a_day_without_a_week_before_moves_nobody(moves):
    assert moves(then("900", 1)) == {}
    assert moves() == {}


GOOD = {"accounts": 3, "moved_by_refit": 2}


def test_rules_hold_for_good_rows_and_for_none(broken):
    assert broken("scores.segment_moves", GOOD, {**GOOD, "to_segment_code": "y"}) == set()
    assert broken("scores.segment_moves") == set()


def test_what_is_no_movement_is_not_written(broken):
    bad = {"accounts": 0, "moved_by_refit": 1}
    assert broken("scores.segment_moves", bad) == {"nobody_moved", "more_by_refit_than_moved"}


def land(folder, day, version, **segments):
    """A champion's answers as `predict` lands them: where each is, and was as of a week before."""
    ids = pd.DataFrame(segments, ["segment_id", "week_before_id"], dtype="Int64").T
    answers = ids.assign(
        segment_code="code " + ids["segment_id"].astype("string"),
        segment_name="x",
        segment_name_zh="x",
        distance=1.0,
        silhouette=0.5,
        model_name="kmeans",
        model_version=version,
        feature_version=3,
        as_of_date=day,
        valid_until=day + dt.timedelta(days=7),
    )
    rows = answers.rename_axis("account_id").reset_index()
    predict._landed(family("segments"), day, rows, f"segments@{version}", folder)


def build_all():
    for name in ("bronze.account_segments", "scores.account_segments", "scores.segment_moves"):
        assert build(built_table(name)).outcome == "written"


def moved():
    asked = "select from_segment_code || ' > ' || to_segment_code as way, accounts from t"
    return {
        row["way"]: row["accounts"]
        for row in tables.read("scores.segment_moves", sql=asked).to_pylist()
    }


def test_what_is_landed_is_moved_and_a_week_that_is_told_again_repairs_the_next(lake, tmp_path):
    land(tmp_path, WEEK_AGO, "1", a=(1, None), b=(1, 1), c=(None, None))
    land(tmp_path, DAY, "2", a=(1, 1), b=(2, 2), c=(2, None), d=(2, None))
    build_all()
    assert moved() == {"code 1 > code 1": 1, "code 1 > code 2": 1, "none > code 2": 2}
    told = tables.read("scores.account_segments", sql="select * from t where account_id = 'b'")
    assert [row["moved_by"] for row in told.sort_by("as_of_date").to_pylist()] == [None, "refit"]
    land(tmp_path, WEEK_AGO, "3", a=(2, None), e=(1, None))
    build_all()
    assert moved() == {"code 2 > code 1": 1, "none > code 2": 3, "code 1 > none": 1}
