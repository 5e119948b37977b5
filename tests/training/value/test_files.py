"""The bench of value on anyone's file: sealed or not, killed or not, with too little or nothing."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs.training import tracking
from jobs.training.family import Configuration, TooManyFailed
from jobs.training.given import BadFile
from jobs.training.value import files, models, standing
from jobs.training.value.fading import Fading
from jobs.training.value.files import Asked
from jobs.training.value.rate import Rate
from tests.training.value.cohort import HORIZON, after, company

QUICK = {"last_period": "LastPeriod", "rate": "Rate", "fading": "Fading"}
COSTS = ["seconds", "peak_mb"]


pytestmark = pytest.mark.usefixtures("one_store")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three models are enough to see what the bench does."""
    monkeypatch.setattr(models, "MODELS", QUICK)


def lines() -> pd.DataFrame:
    """The made-up company's days, one line each."""
    days = company(60)
    return pd.DataFrame(
        {
            "account_id": days["account_id"].astype(str),
            "bought_at": days["business_date"] + pd.Timedelta(hours=10),
            "amount_usd": days["sales_usd"],
        }
    )


def benched(rows: pd.DataFrame, folder: Path, *origins: dt.date) -> Path:
    folder.mkdir(exist_ok=True)
    rows.to_parquet(folder / "lines.parquet", index=False)
    out = folder / "out"
    files.bench(Asked(folder / "lines.parquet", origins or (after(20),), HORIZON, out))
    return out


def read(out: Path, name: str) -> pd.DataFrame:
    found = pd.read_parquet(out / f"{name}.parquet")
    return found.drop(columns=[one for one in COSTS if one in found])


def test_every_model_has_a_value_of_every_account_at_every_origin(tmp_path: Path) -> None:
    rows = lines()
    found = read(benched(rows, tmp_path, after(24), after(20)), "values")
    assert list(found) == [
        *("model", "account_id", "origin", "value_usd", "lo80", "hi80", "champion")
    ]
    assert not found.duplicated(["model", "account_id", "origin"]).any()
    for origin, at in found.groupby("origin"):
        known = rows[rows["bought_at"] < pd.Timestamp(origin) + pd.Timedelta(days=1)]
        for _, one in at.groupby("model"):
            assert set(one["account_id"]) == set(known["account_id"])
    assert set(found["origin"]) == {after(20), after(24)}
    assert found.notna().all().all()


def test_every_account_has_its_fifths_and_is_more_or_less_still_there(tmp_path: Path) -> None:
    rows = lines()
    out = benched(rows, tmp_path, after(20))
    found = read(out, "customers")
    assert list(found) == [name for name, _ in standing.COLUMNS]
    values = read(out, "values")
    assert set(found["account_id"]) == set(values["account_id"])
    assert not found["account_id"].duplicated().any()
    assert (found["rfm"].str.fullmatch("[1-5]{3}")).all()
    assert found["alive"].between(0, 1).all()
    assert (found["purchases"] >= 0).all()
    # of those who buy alike often, who has been away for longer is less likely to be there
    often = found[found["frequency"] == 5].sort_values("recency_days")
    assert often["alive"].iloc[0] > often["alive"].iloc[-1]
    sealed = benched(
        rows[rows["bought_at"] < pd.Timestamp(after(20)) + pd.Timedelta(days=1)],
        tmp_path / "sealed",
        after(20),
    )
    pd.testing.assert_frame_equal(read(sealed, "customers"), found)


def test_the_champion_is_the_best_before_the_earliest_origin(tmp_path: Path) -> None:
    out = benched(lines(), tmp_path, after(20), after(24))
    board = read(out, "leaderboard")
    deciding = board[(board["metric"] == "mae") & (board["window"] == "valid")]
    first = deciding[deciding["origin"] == after(20).isoformat()].set_index("model")["value"]
    assert set(board.loc[board["champion"], "model"]) == {first.idxmin()}
    values = read(out, "values")
    assert set(values.loc[values["champion"], "model"]) == {first.idxmin()}
    assert set(board["metric"]) == {"mae", "wape", "bias", "coverage", "width"}
    assert set(board["window"]) == {"valid", "test"}


def test_the_leaderboard_says_what_the_values_missed(tmp_path: Path) -> None:
    rows, origin = lines(), after(20)
    out = benched(rows, tmp_path)
    day = rows["bought_at"].dt.normalize() - pd.Timestamp(origin)
    window = rows[day.between(pd.Timedelta(days=1), pd.Timedelta(days=HORIZON))]
    told = read(out, "values").set_index("account_id")
    rate = told[told["model"] == "rate"]
    sums = window.groupby("account_id")["amount_usd"].sum()
    spent = sums.reindex(rate.index).fillna(0.0)  # who is new in the window was not foretold
    assert len(sums.index.difference(rate.index))
    missed = spent - rate["value_usd"]
    board = read(out, "leaderboard").set_index(["model", "window", "metric"])["value"]
    assert board["rate", "test", "mae"] == pytest.approx(missed.abs().mean())
    assert board["rate", "test", "bias"] == pytest.approx(missed.mean())
    assert board["rate", "test", "wape"] == pytest.approx(missed.abs().sum() / spent.sum())
    tenths = read(out, "calibration")
    mine = tenths[(tenths["model"] == "rate") & (tenths["window"] == "test")]
    assert mine["accounts"].sum() == len(rate)
    assert (mine["actual_usd"] * mine["accounts"]).sum() == pytest.approx(spent.sum())


def test_a_sealed_file_has_the_same_values_and_no_test(tmp_path: Path) -> None:
    rows = lines()
    whole = benched(rows, tmp_path / "whole")
    until = rows[rows["bought_at"] < pd.Timestamp(after(20)) + pd.Timedelta(days=1)]
    later = rows.assign(amount_usd=rows["amount_usd"].where(rows.index.isin(until.index), 9_999.0))
    for name, told in (("sealed", until), ("later", later)):
        out = benched(told, tmp_path / name)
        pd.testing.assert_frame_equal(read(out, "values"), read(whole, "values"))
    sealed, board = (
        read(out, "leaderboard").query("window == 'valid'").reset_index(drop=True)
        for out in (tmp_path / "sealed" / "out", whole)
    )
    pd.testing.assert_frame_equal(sealed, board)
    assert set(read(tmp_path / "sealed" / "out", "leaderboard")["window"]) == {"valid"}


def test_a_window_that_the_file_tells_in_part_is_no_test(tmp_path: Path) -> None:
    rows = lines()
    last = rows["bought_at"].max().date()
    board = read(benched(rows, tmp_path, last - dt.timedelta(days=HORIZON - 1)), "leaderboard")
    assert set(board["window"]) == {"valid"}


def test_a_bench_that_was_stopped_goes_on_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = lines()
    whole, judge, judged = benched(rows, tmp_path / "whole"), files.judged, []

    def stopped(one: Configuration, *told: Any) -> Any:
        judged.append(one.model)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return judge(one, *told)

    monkeypatch.setattr(files, "judged", stopped)
    with pytest.raises(KeyboardInterrupt):
        benched(rows, tmp_path / "again")
    out = benched(rows, tmp_path / "again")
    assert judged == ["last_period", "rate", "rate", "fading"]
    for name in ("values", "leaderboard", "calibration", "errors"):
        pd.testing.assert_frame_equal(read(out, name), read(whole, name))


def test_runs_are_in_mlflow_without_an_id(tmp_path: Path) -> None:
    benched(lines().assign(amount_usd=7.0), tmp_path)
    client = tracking.client()
    place = client.get_experiment_by_name("value")
    assert place is not None
    runs = client.search_runs([place.experiment_id], max_results=4)
    assert [run.info.run_name for run in runs] == [*reversed(QUICK), "bench lines.parquet"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert f"test.{after(20)}.mae" in runs[0].data.metrics
    assert runs[0].data.params["half_life_weeks"] == "8.0"
    told = [*runs[0].data.metrics, *map(str, runs[-1].data.params.values())]
    assert not [one for one in told if "a00" in one]


def test_a_model_that_breaks_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rate, "foretell", lambda self, history: 1 / 0)
    out = benched(lines(), tmp_path)
    assert set(read(out, "values")["model"]) == {"last_period", "fading"}
    assert read(out, "errors").to_dict("records") == [
        {"model": "rate", "reason": "failed: division by zero"}
    ]
    monkeypatch.setattr(Fading, "foretell", lambda self, history: 1 / 0)
    with pytest.raises(TooManyFailed, match="2 of 3 models failed, more than 50%"):
        benched(lines().assign(amount_usd=3.0), tmp_path / "most")
    assert set(read(tmp_path / "most" / "out", "values")["model"]) == {"last_period"}


def test_too_little_history_makes_the_baseline_champion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = benched(lines(), tmp_path, after(3))
    assert "the champion is the baseline, last_period: take later --origins" in caplog.text
    values = read(out, "values")
    assert set(values.loc[values["champion"], "model"]) == {"last_period"}
    assert values["lo80"].isna().all()
    assert set(read(out, "leaderboard")["metric"]) == {"mae", "wape", "bias"}


def test_what_cannot_be_asked_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = lines()
    with pytest.raises(BadFile, match="--origins 2016-01-01: no account has an order by then"):
        benched(rows, tmp_path, dt.date(2016, 1, 1))
    path = tmp_path / "lines.parquet"
    with pytest.raises(BadFile, match="--horizon-days 0: take 1 or more"):
        files.bench(Asked(path, (after(20),), 0, tmp_path / "out"))
    with pytest.raises(BadFile, match="--origins: give days with commas between"):
        files.bench(Asked(path, (), HORIZON, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    benched(rows, tmp_path, after(31))
    assert "lies after the last day of the file" in caplog.text
    with pytest.raises(BadFile, match=r"--origins .*: the last day of .* so all look gone; take"):
        benched(rows, tmp_path, after(60))


def test_a_model_can_be_left_out(tmp_path: Path) -> None:
    lines().to_parquet(tmp_path / "lines.parquet")
    asked = Asked(tmp_path / "lines.parquet", (after(20),), HORIZON, tmp_path / "out", ("rate",))
    files.bench(asked)
    assert set(read(asked.out, "values")["model"]) == {"last_period", "fading"}
