"""The leaderboard's file: what a row says, and who is champion."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from jobs.training import board
from jobs.training.board import Scored


def scored(model: str, place: str | int, window: str, values: list[float]) -> Scored:
    return Scored(model, place, window, "ndcg@10", pd.Series(values), False, 1.5, 100.0)


def both(any_valid: list[float], any_test: list[float], model: str) -> list[Scored]:
    return [scored(model, "any", "valid", any_valid), scored(model, "any", "test", any_test)]


def test_the_champion_is_chosen_on_the_valid_window_whatever_the_test_says():
    found = both([0.1, 0.2], [0.9, 0.9], "popular") + both([0.3, 0.4], [0.0, 0.0], "ease")
    assert board.best(found, "any", "ndcg@10", higher_is_better=True) == "ease"
    assert board.best(found, "any", "ndcg@10", higher_is_better=False) == "popular"
    assert board.best(found, "new", "ndcg@10", higher_is_better=True) is None


def test_a_row_has_the_mean_its_interval_and_the_paired_difference_to_the_baseline(tmp_path):
    found = both([0.1, 0.2], [0.1, 0.3, 0.2], "popular")
    found += both([0.3, 0.4], [0.4, 0.6, 0.5], "ease")
    table = board.table(found, "task", "popular", {"any": "ease"})
    rows = pd.read_parquet(board.write(table, tmp_path)).set_index(["model", "window"])
    row = rows.loc[("ease", "test")]
    assert row["value"] == pytest.approx(0.5)
    assert (row["lo"], row["hi"]) == (pytest.approx(0.4), pytest.approx(0.6))
    # .3 in all accounts: paired, there is no doubt
    assert row[["diff_to_baseline", "diff_lo", "diff_hi"]].tolist() == pytest.approx([0.3] * 3)
    assert rows["champion"].tolist() == [False, False, True, True]
    assert [p.name for p in tmp_path.iterdir()] == ["leaderboard.parquet"]


def drawing() -> Figure:
    figure = Figure()
    figure.subplots().plot([0, 1])
    return figure


def test_files_of_two_benches_are_never_taken_for_one(tmp_path):
    table = board.table(both([0.1], [0.1], "popular"), "task", "popular", {})
    folder = board.Folder(tmp_path, "lists")
    folder.write(table, {"lists.parquet": table}, {})
    assert (tmp_path / board.FILE).exists()
    (tmp_path / "errors.parquet").mkdir()  # what cannot be written cuts the second one off
    with pytest.raises(IsADirectoryError):
        folder.write(table, {"lists.parquet": table, "errors.parquet": table}, {})
    assert not (tmp_path / board.FILE).exists()


def test_another_bench_is_told_what_it_replaces_and_leaves_nothing_of_it(tmp_path, caplog):
    table = board.table(both([0.1], [0.1], "popular"), "task", "popular", {})
    (tmp_path / "mine.parquet").write_text("not a bench's")
    (tmp_path / "mine.svg").write_text("nor this")
    with board.at_work_in(tmp_path, "churn", ()) as folder:
        tables = {"scores.parquet": table, "gains.parquet": table}
        folder.write(table, tables, {"gain-1.svg": drawing()})
    assert (tmp_path / "gain-1.svg").exists()
    assert "will be replaced" not in caplog.text
    with board.at_work_in(tmp_path, "value", ()) as folder:
        folder.write(table, {"values.parquet": table}, {"gain-2.svg": drawing()})
    assert "the files there of churn will be replaced by those of value" in caplog.text
    found = {path.name for path in tmp_path.iterdir() if path.suffix in (".parquet", ".svg")}
    mine = {"mine.parquet", "mine.svg"}
    assert found == mine | {"values.parquet", "leaderboard.parquet", "gain-2.svg"}


def test_an_origin_is_a_number_and_a_sealed_run_has_valid_rows_only():
    found = [scored("theta", 36, "valid", [1.0]), scored("mean", 36, "valid", [2.0])]
    table = board.table(found, "origin", "mean", {36: "theta"}).to_pylist()
    assert [(r["model"], r["origin"], r["champion"]) for r in table] == [
        ("theta", 36, True),
        ("mean", 36, False),
    ]


def test_a_model_that_is_left_out_is_one_that_may_be() -> None:
    models = {"popular": 1, "ease": 2, "als": 3}
    assert board.to_judge(models, "popular", ()) == ["popular", "ease", "als"]
    assert board.to_judge(models, "popular", ("ease",)) == ["popular", "als"]
    with pytest.raises(board.BadModel, match=r"^--leave-out eas: no .* popular, ease, als$"):
        board.to_judge(models, "popular", ("als", "eas"))
    with pytest.raises(board.BadModel, match=r"^--leave-out popular: the .* keep it$"):
        board.to_judge(models, "popular", ("popular",))


def test_what_has_no_value_has_no_row_and_one_number_of_all_has_no_interval():
    nobody = both([np.nan, np.nan], [np.nan, np.nan], "popular")
    one = [Scored("popular", "any", "test", "pr_auc", pd.Series([0.5]), False, 0.0, 0.0)]
    mine = [Scored("ease", "any", "test", "pr_auc", pd.Series([0.7]), False, 0.0, 0.0)]
    rows = board.table([*nobody, *one, *mine], "task", "popular", {}).to_pandas()
    assert set(rows["metric"]) == {"pr_auc"}
    row = rows[rows["model"] == "ease"].iloc[0]
    assert (row["value"], row["diff_to_baseline"]) == (0.7, pytest.approx(0.2))
    assert row[["lo", "hi", "diff_lo", "diff_hi"]].isna().all()


def test_a_file_that_is_read_is_never_where_answers_are_written(tmp_path):
    mine = tmp_path / "out" / ".." / "out" / "values.parquet"
    with (
        pytest.raises(board.BadFolder, match=r"out: values.parquet, which is read, lies there"),
        board.locked(tmp_path / "out", [tmp_path / "other.csv", mine]),
    ):
        pass


def test_a_damaged_list_of_what_a_folder_holds_stops_no_bench(tmp_path):
    (tmp_path / board.HOLDS).write_text("{")
    table = board.table(both([0.1], [0.1], "popular"), "task", "popular", {})
    board.Folder(tmp_path, "lists").write(table, {"lists.parquet": table}, {})
    assert (tmp_path / board.FILE).exists()


@pytest.fixture
def _no_mlflow(monkeypatch):
    monkeypatch.setattr(board.tracking, "keep_here_if_down", lambda folder: None)


@pytest.mark.usefixtures("_no_mlflow")
def test_a_folder_is_for_one_bench_at_a_time(tmp_path):
    out = tmp_path / "new" / "judged"
    with (
        board.at_work_in(out, "churn", ()),
        pytest.raises(board.BadFolder, match=r"judged: another bench is at work there; wait"),
        board.at_work_in(out, "churn", ()),
    ):
        pass
    # a bench that broke leaves the folder to the next one
    with pytest.raises(RuntimeError), board.at_work_in(out, "churn", ()):
        raise RuntimeError
    with board.at_work_in(out, "churn", ()):
        pass


@pytest.mark.usefixtures("_no_mlflow")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for out, why in (("file", "File exists"), ("file/judged", "Not a directory")):
        with (
            pytest.raises(board.BadFolder, match=f"{out}: cannot be written .{why}.; take another"),
            board.at_work_in(tmp_path / out, "churn", ()),
        ):
            pass
