"""Segments as a family of the lake: judged, trained, let through or waiting, asked, landed."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
from deltalake import write_deltalake

from jobs import lake
from jobs.training import bench, predict, promote, tracking, train
from jobs.training.family import NothingToJudge, family
from jobs.training.rules import Rules, rules
from jobs.training.segments import files, stability
from jobs.training.segments.held import Held
from jobs.training.segments.segmenter import Segmenter
from jobs.training.segments.stability import Stability
from jobs.training.segments.standard import Standard
from tests.training.segments.shoppers import FOREVER, SUNDAY, shoppers

NEWEST = SUNDAY + dt.timedelta(weeks=8)
LATER = NEWEST - dt.timedelta(weeks=1)


def write(days: pd.DataFrame) -> None:
    """The tables of which the family reads."""
    dates = {name: days[name].dt.date for name in ("business_date", "known_date")}
    known = days.assign(
        **dates, superseded_date=FOREVER.date(), account_id=days["account_id"].astype(str)
    )
    of_days = known.rename(
        columns={"discount_usd": "loyalty_discount_usd", "coupon_usd": "coupon_discount_usd"}
    )
    for name, rows in (
        ("account_days", of_days.drop(columns="products")),
        ("interactions", known.assign(product_id="p")),
    ):
        place = lake.location(f"features.{name}")
        write_deltalake(place, rows, mode="overwrite", schema_mode="overwrite")


@pytest.fixture
def shop(
    state: Path, registry: str, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> pd.DataFrame:
    """A lake of synthetic shoppers, two quick ways, and few bootstraps: they show the same."""
    shutil.copy(empty_store, state / "mlflow.db")
    place = str(state / "artifacts")
    tracking.client().create_experiment("segments", artifact_location=place)
    monkeypatch.setattr(stability, "BOOTSTRAPS", 5)
    monkeypatch.setattr(files, "WAYS", {name: files.WAYS[name] for name in ("kmeans", "ward")})
    days = shoppers(each=20)
    write(days)
    return days


def learnt(day: dt.date | None = None) -> str:
    train.train("segments", day)
    return promote.promote("segments")


def decisions() -> list[dict[str, Any]]:
    asked = "select * from t order by decided_at"
    found: list[dict[str, Any]] = lake.read("ops.promotions", sql=asked).to_pylist()
    return found


def checks() -> pd.DataFrame:
    """Of the newest decision, by condition."""
    asked = f"select * from t where decision_id = '{decisions()[-1]['decision_id']}'"
    return lake.read("ops.gate_checks", sql=asked).to_pandas().set_index("condition")


def landed() -> pd.DataFrame:
    [file] = (batch := predict.predict("segments")).files
    found: pd.DataFrame = pq.read_table(batch.folder / file.name).to_pandas()
    return found.set_index("account_id")


def the_champion() -> Held:
    version = tracking.champion("segments")
    assert version is not None
    found: Held = tracking.loaded(family("segments"), version)
    return found


def test_segments_go_from_the_bench_to_landed_answers(shop: pd.DataFrame) -> None:
    bench.bench("segments")
    board = lake.read("ops.leaderboard").to_pandas()
    assert {"steadiness", "ari", "silhouette", "segments", "moved_share"} == set(board["metric"])
    assert learnt() == "promoted", decisions()[-1]["reason"]
    told = checks()
    assert {"same_past", "same_answers", "rebuilt_features", "steady"} <= set(told.index)
    assert told.loc["shuffled_labels", "reason"] == "segments learn from no label"
    assert told.loc["moved_by_refit", "outcome"] == "does not apply"
    found = landed()
    assert len(found) == shop["account_id"].nunique()
    kinds = found.index.to_series().str.rpartition(" ")[0]
    rich = found[kinds == "high_value"]
    assert (rich["segment_code"] == "high_value").mean() > 0.9
    assert rich["segment_name"].mode()[0] == "High value"
    assert rich["segment_name_zh"].mode()[0] == "高价值客户"
    assert (found["week_before_id"] == found["segment_id"]).mean() > 0.8
    assert set(found["as_of_date"]) == {shop["business_date"].max().date()}


def test_a_new_version_goes_on_from_the_champion(shop: pd.DataFrame) -> None:
    bench.bench("segments")
    assert learnt(LATER) == "promoted"
    before = the_champion().segments
    assert learnt() == "promoted", decisions()[-1]["reason"]
    after = the_champion().segments
    assert after.as_of > before.as_of
    assert dict(zip(after.ids, after.codes, strict=True)) == dict(
        zip(before.ids, before.codes, strict=True)
    )
    told = checks()
    for condition in ("moved_by_refit", "same_groups", "names_hold", "steady"):
        assert told.loc[condition, "outcome"] == "passed"
    version = tracking.champion("segments")
    assert version is not None
    assert version.tags["goes_on_from"] == "1"
    run = tracking.client().get_run(version.run_id)
    assert run.data.metrics["moved_share"] <= 0.1
    pictures = tracking.client().list_artifacts(version.run_id, "plots")
    assert [one.path for one in pictures] == ["plots/movement.png"]


def test_the_same_is_learnt_once(shop: pd.DataFrame) -> None:
    bench.bench("segments")
    assert train.train("segments") == train.train("segments") == "1"
    promote.promote("segments")
    # the champion does not go on from itself
    assert train.train("segments") == "1"
    assert promote.promote("segments") == "unchanged"


def make_so_many(count: int, patch: pytest.MonkeyPatch) -> None:
    """Let the number of segments be chosen."""

    def chosen(model: str, valid: pd.DataFrame, _: int | None) -> tuple[Segmenter, Stability]:
        way = files.way(model, count)
        return way, stability.stability(way, Standard.of(valid).points(valid))

    patch.setattr(files, "chosen", chosen)


@pytest.fixture
def waiting(shop: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A champion of five segments, and a version after it of four."""
    monkeypatch.setattr(stability, "ARI_MEAN", 0.0)
    monkeypatch.setattr(stability, "ARI_MIN", 0.0)
    make_so_many(5, monkeypatch)
    bench.bench("segments")
    assert learnt(LATER) == "promoted"
    make_so_many(4, monkeypatch)
    assert learnt() == "refused"
    return shop


def test_a_refit_that_loses_a_segment_waits_and_the_one_before_goes_on_answering(
    waiting: pd.DataFrame,
) -> None:
    before = set(the_champion().segments.codes)
    told = checks()
    assert told.loc["same_groups", "outcome"] == "refused"
    assert told.loc["same_groups", "reason"].startswith("segments: no more: ")
    assert told.loc["moved_by_refit", "value"] > told.loc["moved_by_refit", "limit_high"] == 0.1
    assert "are put elsewhere than by champion version 1" in decisions()[-1]["reason"]
    assert set(landed()["model_version"]) == {"1"}
    assert set(landed()["segment_code"]) <= before


def test_a_person_takes_over_what_waits_with_name_and_reason(waiting: pd.DataFrame) -> None:
    assert promote.promote("segments", promote.Accepted("ann", "fewer, as agreed")) == "promoted"
    row = decisions()[-1]
    assert (row["decision"], row["accepted_by"]) == ("promoted", "ann")
    assert row["reason"].startswith("accepted by ann (fewer, as agreed): ")
    assert checks().loc["same_groups", "outcome"] == "accepted"
    assert len(the_champion().segments.ids) == 4
    assert set(landed()["model_version"]) == {"2"}
    assert promote.rollback("segments", "reps want seven") == "1"
    assert set(landed()["model_version"]) == {"1"}
    assert decisions()[-1]["accepted_by"] is None


def test_what_is_a_fault_of_the_model_nobody_can_accept(
    waiting: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = rules("segments").gate | {"within": {"silhouette": [0.999, 1]}}
    strict = Rules("segments", "steadiness", "higher", gate)
    monkeypatch.setattr(promote, "rules", lambda name: strict)
    with pytest.raises(promote.CannotPromote, match="within_silhouette refuses it"):
        promote.promote("segments", promote.Accepted("ann", "please"))
    assert decisions()[-1]["decision"] == "refused"
    assert decisions()[-1]["accepted_by"] is None


def test_to_accept_takes_a_name_and_a_reason() -> None:
    for told in ({"accept_because": "why"}, {"by": "ann"}):
        with pytest.raises(typer.BadParameter, match="go together"):
            promote.main("segments", **{"rollback_because": None, "accept_because": None} | told)
    with pytest.raises(typer.BadParameter, match="give one of them"):
        promote.main("segments", "why", "why", "ann")


def test_a_cut_that_nobody_can_be_judged_at_is_told(shop: pd.DataFrame) -> None:
    of = family("segments")
    data = of.data(None)
    for cut in (data.newest, dt.date(2016, 1, 1)):
        with pytest.raises(NothingToJudge, match=f"segments, cut {cut}"):
            of.windows(data, cut)


def test_a_day_that_nobody_ordered_before_is_told(shop: pd.DataFrame) -> None:
    of, long_ago = family("segments"), dt.date(2016, 1, 1)
    data = of.data(None)
    with pytest.raises(NothingToJudge, match="in the 52 weeks to 2016-01-01"):
        of.fit(data, of.baseline, long_ago)


def test_what_a_version_keeps_holds_no_account(shop: pd.DataFrame, tmp_path: Path) -> None:
    of = family("segments")
    data = of.data(None)
    made = of.fit(data, of.baseline, data.newest)
    (folder := tmp_path / "version").mkdir()
    made.save(folder)
    assert not any(b"high_value 01" in file.read_bytes() for file in folder.iterdir())
    again = of.model("kmeans").load(folder)
    assert again.figures == made.figures
    before, after = (of.predict(one, data, data.newest, None) for one in (made, again))
    pd.testing.assert_frame_equal(before, after)
