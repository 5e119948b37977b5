"""The bench on anyone's file: sealed or not, long or short, ids of any kind."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.training import tracking
from jobs.training.family import TooManyFailed
from jobs.training.forecasts import files, models
from jobs.training.forecasts.series_file import BadSeries, read

QUICK = {"seasonal_naive": "SeasonalNaive", "mean": "Mean", "ets": "Ets"}
N, HORIZON = 24, 3


pytestmark = pytest.mark.usefixtures("one_store")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three models are enough to see what the bench does."""
    monkeypatch.setattr(models, "MODELS", QUICK)


def series(points: int = 32, ids: tuple[object, ...] = ("DELI", "MEAT", "WINE")) -> pd.DataFrame:
    """Weeks that begin on a Wednesday, each series a week after the one before."""
    rng = np.random.default_rng(6)
    parts = []
    for place, unique_id in enumerate(ids):
        days = pd.date_range("2017-01-04", periods=points, freq="7D") + pd.Timedelta(weeks=place)
        y = 10.0**place * (10 + rng.normal(0, 1, points))
        parts.append(pd.DataFrame({"unique_id": unique_id, "ds": days, "y": y}))
    return pd.concat(parts, ignore_index=True)


def with_offers() -> pd.DataFrame:
    """Three steps in ten have one, and sell twice as much."""
    rows = series(60)
    offers = np.random.default_rng(4).random(len(rows)) > 0.7
    return rows.assign(offers=offers.astype(float), y=rows["y"] * (1 + offers))


def benched(rows: pd.DataFrame, folder: Path, *origins: int, name: str = "series.parquet") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False)
    files.bench(path, "W", 1, HORIZON, origins or (N,), folder / "out")
    return folder / "out"


def forecasts(out: Path) -> pd.DataFrame:
    return pd.read_parquet(out / "forecasts.parquet")


def test_a_bench_that_was_stopped_goes_on_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.concat([series(), series(9, ("NEW",))], ignore_index=True)  # one is too short
    whole, judge, judged = benched(rows, tmp_path / "whole"), files.judge, []

    def stopped(name: str, *told: Any) -> None:
        judged.append(name)
        if len(judged) == 2:
            raise KeyboardInterrupt
        judge(name, *told)

    monkeypatch.setattr(files, "judge", stopped)
    with pytest.raises(KeyboardInterrupt):
        benched(rows, tmp_path / "again")
    out = benched(rows, tmp_path / "again")
    assert judged == ["seasonal_naive", "mean", "mean", "ets"]
    for name in ("forecasts", "errors"):
        pd.testing.assert_frame_equal(
            *(pd.read_parquet(folder / f"{name}.parquet") for folder in (out, whole))
        )
    one, other = (pd.read_parquet(folder / "leaderboard.parquet") for folder in (out, whole))
    costs = ["seconds", "peak_mb"]
    pd.testing.assert_frame_equal(one.drop(columns=costs), other.drop(columns=costs))
    other_rows = rows.assign(y=rows["y"] * 2)
    benched(other_rows, tmp_path / "again")
    assert judged[4:] == ["seasonal_naive", "mean", "ets"]


def test_every_model_answers_for_every_series_in_its_own_weeks(tmp_path: Path) -> None:
    found = forecasts(benched(series(), tmp_path, N, N + 4))
    assert list(found) == ["model", "unique_id", "ds", "origin", "yhat", "lo80", "hi80"]
    assert len(found) == len(QUICK) * 3 * HORIZON * 2
    assert (found["lo80"] <= found["yhat"]).all()
    assert (found["yhat"] <= found["hi80"]).all()
    one = found[
        (found["unique_id"] == "MEAT") & (found["model"] == "mean") & (found["origin"] == N)
    ]
    assert list(one["ds"]) == list(pd.date_range("2017-06-28", periods=HORIZON, freq="7D"))


def test_a_model_can_be_left_out(tmp_path: Path) -> None:
    path, out = _file(series(), tmp_path), tmp_path / "out"
    files.bench(path, "W", 1, HORIZON, [N], out, ("ets",))
    assert set(forecasts(out)["model"]) == {"seasonal_naive", "mean"}


def test_every_model_is_a_run_in_mlflow_below_the_bench(tmp_path: Path) -> None:
    benched(series(28), tmp_path)
    client = tracking.client()
    place = client.get_experiment_by_name("forecasts")
    assert place is not None
    runs = client.search_runs([place.experiment_id], max_results=len(QUICK) + 1)
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert [r.info.run_name for r in runs] == [
        "ets",
        "mean",
        "seasonal_naive",
        "bench series.parquet",
    ]
    assert {r.data.tags.get("mlflow.parentRunId") for r in runs[:-1]} == {runs[-1].info.run_id}
    assert "valid.24.mase" in runs[0].data.metrics
    assert runs[-1].data.params["horizon"] == str(HORIZON)


def test_what_stands_after_an_origin_changes_none_of_its_forecasts(tmp_path: Path) -> None:
    rows = series()
    after = rows.groupby("unique_id").cumcount() >= N
    told = {
        "whole": rows,
        "sealed": rows.assign(y=rows["y"].mask(after)),
        "cut": rows[~after],
        "other": rows.assign(y=rows["y"].mask(after, 1e6)),
    }
    found = {name: benched(one, tmp_path / name) for name, one in told.items()}
    for name in ("sealed", "cut", "other"):
        pd.testing.assert_frame_equal(forecasts(found["whole"]), forecasts(found[name]))
    boards = {name: pd.read_parquet(out / "leaderboard.parquet") for name, out in found.items()}
    assert set(boards["whole"]["window"]) == {"valid", "test"}
    assert set(boards["sealed"]["window"]) == {"valid"}
    of_whole = boards["whole"][boards["whole"]["window"] == "valid"]
    measured = ["seconds", "peak_mb"]
    pd.testing.assert_frame_equal(
        of_whole.drop(columns=measured).reset_index(drop=True),
        boards["sealed"].drop(columns=measured),
    )


def test_a_later_origin_changes_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    alone = forecasts(benched(series(), tmp_path / "alone", N))
    both = forecasts(benched(series(), tmp_path / "both", N + 4, N))
    both = both[both["origin"] == N].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, both)


def test_there_is_one_champion_of_all_origins_chosen_on_the_earliest_one(tmp_path: Path) -> None:
    out = benched(series(), tmp_path, N, N + 4)
    board = pd.read_parquet(out / "leaderboard.parquet")
    [champion] = board.loc[board["champion"], "model"].unique()
    mase = board[(board["metric"] == "mase") & (board["window"] == "valid")]
    first = mase[mase["origin"] == N].set_index("model")["value"]
    assert champion == first.idxmin()
    assert set(board.loc[board["champion"], "origin"]) == {N, N + 4}
    assert set(board["metric"]) == {"mase", "rmsse", "wape", "pinball", "coverage", "width"}


def test_a_series_that_is_too_short_is_skipped_with_an_error_row(tmp_path: Path) -> None:
    rows = pd.concat([series(), series(N - 1, ("NEW",))])
    out = benched(rows, tmp_path)
    assert "NEW" not in set(forecasts(out)["unique_id"])
    errors = pd.read_parquet(out / "errors.parquet")
    assert errors.to_dict("records") == [
        {
            "unique_id": "NEW",
            "origin": N,
            "model": None,
            "reason": f"short: {N - 1} points, {N} needed; skipped",
        }
    ]


def test_a_constant_series_gets_plain_quantiles_and_an_error_row(tmp_path: Path) -> None:
    out = benched(pd.concat([series(), series(ids=("FLAT",)).assign(y=5.0)]), tmp_path)
    found = forecasts(out)
    assert (found.loc[found["unique_id"] == "FLAT", ["yhat", "lo80", "hi80"]] == 5.0).all(axis=None)
    errors = pd.read_parquet(out / "errors.parquet")
    assert set(errors["model"]) == set(QUICK)
    assert set(errors["reason"]) == {"constant; plain quantiles of recent steps"}


@pytest.mark.parametrize("name", ["series.csv", "series.parquet"])
@pytest.mark.parametrize("ids", [(7, 12), ("007", "012"), ("7", "twelve"), ("NA", "DE")])
def test_ids_come_back_as_they_came(tmp_path: Path, name: str, ids: tuple[object, ...]) -> None:
    found = forecasts(benched(series(ids=ids), tmp_path, name=name))
    assert set(found["unique_id"]) == set(ids)


@pytest.mark.parametrize("name", ["series.csv", "series.parquet"])
def test_days_of_a_time_zone_are_those_of_the_place(tmp_path: Path, name: str) -> None:
    rows = series()  # from winter into summer: the offset from UTC changes
    there = rows.assign(ds=rows["ds"].dt.tz_localize("Europe/Berlin"))
    path = tmp_path / name
    if name.endswith("csv"):
        there.assign(ds=[day.isoformat() for day in there["ds"]]).to_csv(path, index=False)
    else:
        there.to_parquet(path, index=False)
    assert list(read(path, "W").rows["ds"]) == list(rows["ds"])


def test_rows_in_no_order_give_the_same(tmp_path: Path) -> None:
    rows = series()
    sorted_, shuffled = tmp_path / "sorted", tmp_path / "shuffled"
    pd.testing.assert_frame_equal(
        forecasts(benched(rows, sorted_)), forecasts(benched(rows.sample(frac=1.0), shuffled))
    )


def test_a_missing_week_inside_lies_on_the_line_and_null_values_too(tmp_path: Path) -> None:
    rows = series()
    gap = rows.drop(index=[3])
    found = read(_file(gap, tmp_path), "W")
    assert found.points["DELI"] == len(series(ids=("DELI",))) - 1
    out = forecasts(benched(rows.assign(y=rows["y"].mask(rows.index == 3)), tmp_path / "null"))
    assert out["yhat"].notna().all()


def _file(rows: pd.DataFrame, folder: Path) -> Path:
    rows.to_csv(folder / "series.csv", index=False)
    return folder / "series.csv"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda r: r.drop(columns="ds"), "no column ds among unique_id, y; rename yours"),
        (lambda r: r.assign(y="many"), "row 1 has y 'many', which is no finite number"),
        (lambda r: r.assign(y=r["y"].mask(r.index == 2, np.inf)), "row 3 has y inf, which is no"),
        (lambda r: r.assign(offer=-np.inf), "row 1 has offer -inf, which is no finite"),
        (lambda r: r.assign(ds="soon"), "row 1 has ds 'soon'; write dates"),
        (lambda r: r.assign(ds=20170104), "ds holds 20170104, a number; write dates"),
        (lambda r: pd.concat([r, r.head(1)]), "'DELI' has two rows for 2017-01-04"),
        (lambda r: r.assign(shop="north"), "has shop 'north', which is no finite number"),
        (lambda r: r.assign(place=1.0), "column place has a name that the bench uses itself"),
        (lambda r: r.assign(series_id=1.0), "column series_id has a name that the bench uses"),
        (lambda r: r.head(0), "has no rows"),
        (lambda r: r.assign(unique_id=r["unique_id"].mask(r.index == 1)), "row 2 has no unique_id"),
        (lambda r: r.assign(y=np.nan), "no series has 24 points, the longest has 0"),
        (
            lambda r: r.assign(y=r["y"].mask(r.groupby("unique_id").cumcount() == N - 1)),
            "no series has a value at point 24, the longest has 32 points",
        ),
    ],
)
def test_a_bad_file_is_told_by_thing_value_and_cure(
    tmp_path: Path, broken: object, told: str
) -> None:
    assert callable(broken)
    with pytest.raises(BadSeries, match=told):
        files.bench(_file(broken(series()), tmp_path), "W", 1, HORIZON, [N], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("latin.csv", "unique_id,ds,y\nK\xe4se,2017-01-04,1\n".encode("latin-1")),
        ("ragged.csv", b"unique_id,ds,y\na,2017-01-04,1\na,2017-01-11,1,2,3\n"),
        ("no.csv.gz", b"unique_id,ds,y\n"),
        ("no.parquet", b"PAR1 or so"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadSeries, match=f"{name}: cannot be read: .*; save it as Parquet, or as"):
        read(path, "W")


def test_a_file_that_is_not_there_and_a_wrong_option_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadSeries, match="no such file"):
        files.bench(tmp_path / "none.csv", "W", 1, HORIZON, [N], tmp_path)
    path = _file(series(), tmp_path)
    with pytest.raises(BadSeries, match="--freq 'M': take W for weeks or D for days"):
        files.bench(path, "M", 1, HORIZON, [N], tmp_path)
    with pytest.raises(BadSeries, match="--horizon 0: take 1 or more"):
        files.bench(path, "W", 1, 0, [N], tmp_path)


def test_origins_with_little_history_end_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = forecasts(benched(series(), tmp_path, 1, 5, 10))
    assert set(found["origin"]) == {1, 5, 10}
    assert found[["yhat", "lo80", "hi80"]].notna().all(axis=None)
    weeks = found.sort_values("ds").groupby(["model", "unique_id", "origin"])["ds"].diff().dropna()
    assert set(weeks.dt.days) == {7}
    rows = series()
    first = rows.groupby("unique_id").cumcount() == 0
    found = forecasts(benched(rows.assign(y=rows["y"].mask(first)), tmp_path / "null", 2))
    weeks = found.sort_values("ds").groupby(["model", "unique_id"])["ds"].diff().dropna()
    assert set(weeks.dt.days) == {7}  # at an origin of two points, of which one has a value
    assert "going on without a season" not in caplog.text  # none was asked for
    benched(series(), tmp_path / "first", 1)
    assert "no champion: no origin has past origins inside its" in caplog.text


def test_a_season_that_cannot_be_seen_twice_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        files.bench(_file(series(), tmp_path), "W", 52, HORIZON, [N], tmp_path / "out")
    assert "--season 52: the earliest origin has 24 points" in caplog.text
    assert len(pd.read_parquet(tmp_path / "out" / "leaderboard.parquet"))


def test_a_column_without_a_name_is_no_covariate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    series().to_csv(tmp_path / "series.csv")  # with the numbers of the rows
    assert not read(tmp_path / "series.csv", "W").covariates
    assert "1 column without a name, left out" in caplog.text


def test_a_covariate_counts_only_where_it_is_told_ahead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = series().assign(offers=1.0)
    rows.loc[(rows["unique_id"] == "MEAT") & (rows["ds"] > "2017-06-30"), "offers"] = np.nan
    told, found = read(_file(rows, tmp_path), "W"), files.Found()
    early, late = (files.at_origin(told, n, HORIZON, found) for n in (N - 4, N))
    assert early is not None
    assert late is not None
    assert early.knows_ahead
    assert not late.knows_ahead
    assert "offers not told ahead" in caplog.text


def test_covariates_after_an_origin_change_only_the_models_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MODELS", {"seasonal_naive": "SeasonalNaive", "level": "Level"})
    rows = with_offers()
    after = rows.groupby("unique_id").cumcount() >= 40
    whole, told, cut = (
        forecasts(benched(of, tmp_path / name, 40))
        for name, of in (
            ("whole", rows),
            ("null", rows.assign(y=rows["y"].mask(after))),
            ("cut", rows[~after]),
        )
    )
    pd.testing.assert_frame_equal(whole, told)
    assert set(whole["model"]) == {"seasonal_naive", "level", "level_plan"}
    plain = whole[whole["model"] != "level_plan"].reset_index(drop=True)
    pd.testing.assert_frame_equal(plain, cut)
    by_model = whole.set_index(["model", "unique_id", "ds"])["yhat"]
    assert not np.allclose(by_model["level"], by_model["level_plan"])
    board = pd.read_parquet(tmp_path / "whole" / "out" / "leaderboard.parquet")
    assert dict(zip(board["model"], board["uses_plan"], strict=True)) == {
        "seasonal_naive": False,
        "level": False,
        "level_plan": True,
    }
    errors = pd.read_parquet(tmp_path / "cut" / "out" / "errors.parquet")
    assert errors["model"].tolist() == ["level_plan"]
    assert errors["reason"].str.startswith("no covariate is told for all steps ahead").all()


def test_the_champion_is_one_that_answers_at_every_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MODELS", {"seasonal_naive": "SeasonalNaive", "level": "Level"})
    rows = with_offers()
    told_until = rows.groupby("unique_id").cumcount() < 44
    board = pd.read_parquet(
        benched(rows.assign(offers=rows["offers"].where(told_until)), tmp_path, 36, 48)
        / "leaderboard.parquet"
    )
    assert set(board.loc[board["champion"], "origin"]) == {36, 48}
    assert set(board.loc[board["champion"], "model"]) == {"level"}


def test_a_model_that_breaks_leaves_the_others_alone_and_most_of_them_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = models.model("ets")
    monkeypatch.setattr(broken, "method", lambda self: 1 / 0)
    found = benched(series(), tmp_path)
    assert set(forecasts(found)["model"]) == {"seasonal_naive", "mean", "ets"}
    reasons = pd.read_parquet(found / "errors.parquet")["reason"]
    assert reasons.str.startswith("failed: division by zero; plain quantiles").all()
    monkeypatch.setattr(models.model("mean"), "learn", lambda self, history: 1 / 0)
    others = series(ids=("X", "Y", "Z"))  # of the first ones the answers are there already
    with pytest.raises(TooManyFailed, match="failed at 6 of 9 answers, more than 50%"):
        benched(others, tmp_path)
    errors = pd.read_parquet(found / "errors.parquet")
    assert "failed: division by zero" in set(errors["reason"])
