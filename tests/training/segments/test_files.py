"""The bench of segments on anyone's file of sales lines."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from jobs.training import tracking
from jobs.training.board import Scored
from jobs.training.family import NothingToJudge
from jobs.training.segments import files, kinds, stability
from jobs.training.segments.features import features
from jobs.training.segments.files import Asked, Found
from tests.training.segments.shoppers import KINDS, SUNDAY, lines, shoppers

ORIGINS = (SUNDAY, SUNDAY + dt.timedelta(weeks=4))


@pytest.fixture(scope="module", autouse=True)
def _store(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One MLflow store for all, and few bootstraps: they are quick, and show the same."""
    folder = tmp_path_factory.mktemp("segments")
    shutil.copy(empty_store, folder)
    with pytest.MonkeyPatch.context() as few:
        few.setattr(stability, "BOOTSTRAPS", 5)
        tracking.client.cache_clear()
        tracking.mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        tracking.client().create_experiment("segments", f"{folder}/artifacts")
        yield
    tracking.mlflow.set_tracking_uri(None)
    tracking.client.cache_clear()


def benched(
    folder: Path,
    rows: pd.DataFrame,
    origins: tuple[dt.date, ...] = ORIGINS,
    leave_out: tuple[str, ...] = (),
) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "lines.parquet"
    rows.to_parquet(path, index=False)
    files.bench(Asked(path, origins, folder / "out", leave_out))
    return folder / "out"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return benched(tmp_path_factory.mktemp("whole"), lines(shoppers(each=20)))


def test_every_account_has_a_segment_at_every_origin(whole: Path) -> None:
    found = pd.read_parquet(whole / "segments.parquet")
    assert list(found) == files.SEGMENTS.names
    assert set(found["model"]) == set(files.WAYS)
    of_kmeans = found[found["model"] == "kmeans"]
    assert of_kmeans.groupby("origin").size().to_dict() == dict.fromkeys(ORIGINS, 20 * len(KINDS))
    assert of_kmeans["segment_id"].notna().all()
    champions = found[found["champion"]].groupby("origin")["model"].nunique()
    assert champions.to_dict() == dict.fromkeys(ORIGINS, 1)


def test_ids_and_names_go_through_the_origins(whole: Path) -> None:
    found = pd.read_parquet(whole / "segments.parquet").query("model == 'kmeans'")
    codes = found.groupby("segment_id")["segment_code"].nunique()
    assert codes.eq(1).all()
    kind = found["account_id"].str.rpartition(" ")[0]
    rich = (
        found[kind == "high_value"].groupby("origin")["segment_id"].agg(lambda ids: ids.mode()[0])
    )
    assert rich.nunique() == 1


def test_a_number_of_segments_stays_while_it_is_steady() -> None:
    found = features(shoppers(each=20), SUNDAY)
    best, seen = files.chosen("kmeans", found, None)
    steady, _ = files.chosen("kmeans", found, 6)
    assert best.params.groups == seen.count == 5
    assert steady.params.groups == 6
    lost, _ = files.chosen("kmeans", found, 30)  # more than are wanted
    assert lost.params.groups == 5


def test_movement_adds_up_to_the_accounts(whole: Path) -> None:
    moves = pd.read_parquet(whole / "movement.parquet").query("model == 'kmeans'")
    assert moves.groupby("origin")["accounts"].sum().to_dict() == dict.fromkeys(
        ORIGINS, 20 * len(KINDS)
    )
    assert (moves["week"].dt.date == moves["origin"]).all()
    assert all((whole / f"movement-{origin}.svg").exists() for origin in ORIGINS)


def test_kinds_are_named_counted_and_shown(whole: Path, capsys: pytest.CaptureFixture) -> None:
    found = pd.read_parquet(whole / "kinds.parquet")
    assert list(found) == [name for name, _ in kinds.COLUMNS]
    of_accounts = pd.read_parquet(whole / "segments.parquet").dropna(subset="segment_id")
    keys = ["model", "origin", "segment_id", "segment_code"]
    counted = of_accounts.groupby(keys).size().to_dict()
    assert found.set_index(keys)["accounts"].to_dict() == counted
    high = found[(found["model"] == "kmeans") & (found["segment_code"] == "high_value")]
    assert set(high["segment_name_zh"]) == {"高价值客户"}
    others = found.loc[found["model"] == "kmeans", "spend_per_week_usd"]
    assert high["spend_per_week_usd"].max() == others.max()
    kinds.show(whole)
    shown = capsys.readouterr().out
    assert f"as of {ORIGINS[-1]}, medians" in shown
    champions = found[found["champion"] & (found["origin"] == ORIGINS[-1])]
    assert all(name in shown for name in champions["segment_name"])


def test_the_leaderboard_and_the_refits_tell_what_was_measured(whole: Path) -> None:
    board = pd.read_parquet(whole / "leaderboard.parquet")
    kmeans = board[board["model"] == "kmeans"]
    both = {"ari_mean", "ari_min", "silhouette", "segments"}
    assert set(kmeans[kmeans["window"] == "valid"]["metric"]) == both
    assert set(kmeans[kmeans["window"] == "test"]["metric"]) == {*both, "kept_share"}
    assert set(board["origin"]) == {f"{origin}" for origin in ORIGINS}
    refits = pd.read_parquet(whole / "refits.parquet")
    assert len(refits) == len(files.WAYS) * len(ORIGINS)
    assert (refits["waits"] == (refits["reasons"].str.len() > 0)).all()


def test_every_model_is_a_run_in_mlflow_below_the_bench(whole: Path) -> None:
    client = tracking.client()
    place = client.get_experiment_by_name("segments")
    assert place is not None
    runs = client.search_runs([place.experiment_id])
    parents = [run for run in runs if run.info.run_name == "bench lines.parquet"]
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId")]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.info.run_name for run in below} == set(files.WAYS)
    assert parents[-1].data.tags[f"champion_{SUNDAY}"] in files.WAYS
    assert f"test.{SUNDAY}.ari_mean" in below[0].data.metrics


def test_what_stands_after_an_origin_changes_nothing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lines(shoppers(each=20))
    monkeypatch.setattr(files, "WAYS", {"kmeans": files.WAYS["kmeans"]})
    cut = benched(
        tmp_path, rows[rows["bought_at"] < pd.Timestamp(SUNDAY) + pd.Timedelta("1D")], (SUNDAY,)
    )
    columns = ["account_id", "segment_id", "segment_code", "distance", "silhouette"]
    one, other = (
        pd.read_parquet(out / "segments.parquet")
        .query("model == 'kmeans' and origin == @SUNDAY")[columns]
        .reset_index(drop=True)
        for out in (whole, cut)
    )
    pd.testing.assert_frame_equal(one, other)


def test_an_origin_without_a_past_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingToJudge, match="the first order is of 2016-10"):
        benched(tmp_path, lines(shoppers(each=2)), (dt.date(2016, 10, 20),))


def test_long_after_the_file_nobody_is_put_into_a_segment(tmp_path: Path) -> None:
    rows = lines(shoppers(each=2))
    newest = rows["bought_at"].max().date()
    with pytest.raises(NothingToJudge, match=f"so all look dormant; take {newest}"):
        benched(tmp_path, rows, (newest + dt.timedelta(days=28),))


def test_only_what_is_steady_becomes_champion(caplog: pytest.LogCaptureFixture) -> None:
    def of(model: str, steady: float, *able: dt.date) -> Found:
        cost = (False, 1.0, 1.0)
        scored = Scored(model, f"{SUNDAY}", "valid", "ari_mean", pd.Series([steady]), *cost)
        return Found([scored], able=set(able))

    lucky = of("hdbscan", 0.99)  # agrees with itself, and is no good: two segments, say
    found = {"kmeans": of("kmeans", 0.85, SUNDAY), "ward": of("ward", 0.9, SUNDAY)}
    assert files.champion({**found, "hdbscan": lucky}, SUNDAY) == "ward"
    assert files.champion({"kmeans": of("kmeans", 0.7), "hdbscan": lucky}, SUNDAY) == "kmeans"
    assert "no model's segments are steady" in caplog.text


def test_where_nothing_is_steady_the_baseline_waits(tmp_path: Path) -> None:
    one = shoppers(each=4, kinds={"loyal": KINDS["loyal"]}).query("account_id == 'loyal 03'")
    out = benched(tmp_path, lines(one), (SUNDAY,), ("ward", "hdbscan"))
    found = pd.read_parquet(out / "segments.parquet")
    assert set(pd.read_parquet(out / "refits.parquet")["model"]) == {"kmeans", "dbscan"}
    assert found.query("champion")["model"].tolist() == ["kmeans"]
    refits = pd.read_parquet(out / "refits.parquet")
    assert refits["waits"].all()
    assert "1 segments: 4 to 8 are wanted" in refits["reasons"][0]
