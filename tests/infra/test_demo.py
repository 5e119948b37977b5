"""The demo goes on where it stood, and its page is plain HTML."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from infra import supervision
from infra.demo.demo import Step, StepFailed, play_the_past, progress_so_far, take
from infra.demo.report import Part, html, kinds, models, received
from jobs import lake
from jobs.ops.leaderboard import TABLE as LEADERBOARD
from jobs.settings import settings
from jobs.table import built_table, table

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def counting(name: str, calls: list[str], every_time: bool = False) -> Step:
    return Step(name, f"do {name}", lambda: calls.append(name), every_time)


def test_a_step_that_is_done_is_not_done_again(state: Path) -> None:
    calls: list[str] = []
    for _ in range(2):
        take(counting("history", calls), "history")
    assert calls == ["history"]
    assert progress_so_far()["history"]["what"] == "do history"


def test_services_are_looked_at_every_time(state: Path) -> None:
    calls: list[str] = []
    for _ in range(2):
        take(counting("services", calls, every_time=True), "services")
    assert calls == ["services", "services"]


def test_a_step_that_failed_is_tried_again_and_keeps_its_beginning(state: Path) -> None:
    def fail() -> None:
        raise StepFailed("the till is on fire")

    with pytest.raises(StepFailed):
        take(Step("day", "one more day", fail), "day")
    began = progress_so_far()["day"]["began"]
    assert "seconds" not in progress_so_far()["day"]
    take(Step("day", "one more day", lambda: None), "day")
    assert progress_so_far()["day"]["began"] == began
    assert "seconds" in progress_so_far()["day"]


def test_nothing_is_done_before_the_first_run(state: Path) -> None:
    assert progress_so_far() == {}


def test_the_demos_clock_holds_for_every_later_start_and_other_settings_stay(state: Path) -> None:
    assert settings().clock == "wall"
    settings().file.write_text("# mine\nSPARK_CORES=1\nCOMPANY_CLOCK = wall\n")
    play_the_past()
    assert settings().clock == "data"
    assert settings().file.read_text() == "# mine\nSPARK_CORES=1\nCOMPANY_CLOCK=data\n"


def test_services_that_run_by_another_clock_are_started_again_once(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(supervision, "supervisor", lambda here: "runs")
    monkeypatch.setattr(supervision, "stop", lambda here: stopped.append(here.clock))
    for _ in range(2):
        play_the_past()
    assert stopped == ["wall"]  # before the new clock is written: a kill in between is made up for


def test_the_page_has_no_script_and_shows_markup_as_text() -> None:
    shown = html([Part("Refused <b>", ("why",), [("<script>alert(1)</script>",), (None,), ("",)])])
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "Refused &lt;b&gt;" in shown


def judged(model: str, metric: str, value: float, **told: object) -> dict[str, object]:
    """A row of the leaderboard, on the test split of the forecasts."""
    numbers = ("value_low", "value_high", "difference", "difference_low", "difference_high")
    words = ("params", "datasets", "code_version")
    row: dict[str, object] = dict.fromkeys(numbers, value) | dict.fromkeys(words, "")
    row |= {"bench_run_id": "new", "judged_at": NOON, "family": "forecasts", "split": "test"}
    row |= {"task": "week", "cut_date": NOON.date(), "model": model, "configuration": model}
    row |= {"metric": metric, "value": value, "subjects": 15, "baseline": "naive"}
    return row | {"is_chosen": False, "seconds": 1.0, "device": "cpu"} | told


def test_models_stand_best_first_with_their_baseline_and_only_of_the_newest_bench(
    state: Path,
) -> None:
    rows = [
        judged("naive", "mase", 0.9),
        judged("naive", "coverage", 0.94),
        judged("arima", "mase", 0.8, is_chosen=True),
        judged("older", "mase", 0.1, bench_run_id="old", judged_at=NOON - dt.timedelta(days=7)),
        judged("arima", "mase", 0.7, split="valid"),
    ]
    lake.append(LEADERBOARD, rows)
    [part] = models(settings())
    shown = [(*row[:3], row[-1]) for row in part.rows]
    assert shown == [
        ("arima (chosen)", "0.7000", "0.8000", ""),
        ("naive (baseline)", "", "0.9000", "94%"),
    ]
    assert "forecasts, lower is better" in part.title


def test_kinds_of_customers_are_counted_as_of_the_newest_day(state: Path) -> None:
    schema = lake.arrow_schema(built_table("scores.account_segments").full_schema)
    common = {"model_name": "kmeans", "model_version": "1", "feature_version": 1}

    def row(account_id: str, name: str | None, day: int) -> dict[str, object]:
        at = dt.date(2017, 11, day)
        told = {"account_id": account_id, "segment_name": name, "segment_name_zh": name}
        return common | told | {"as_of_date": at, "valid_until": at}

    place = lake.location("scores.account_segments")
    write_deltalake(place, schema.empty_table())
    assert "may wait for a person" in kinds(settings()).note
    rows = [
        row("a", "Loyal", 20),
        row("a", "New", 27),
        row("b", "Loyal", 27),
        row("c", "Loyal", 27),
    ]
    rows.append(row("d", None, 27))
    write_deltalake(place, pa.Table.from_pylist(rows, schema), mode="append")
    part = kinds(settings())
    shown = [(name, customers) for name, _, customers, *_ in part.rows]
    assert shown == [("Loyal", "2"), ("New", "1"), ("near none", "1")]
    assert not part.note


def test_a_bench_that_has_not_run_is_left_out(state: Path) -> None:
    lake.append(LEADERBOARD, [])
    assert models(settings()) == []


def test_customers_are_counted_once_a_field_and_only_where_the_crm_took_it(state: Path) -> None:
    item = {"connection": "tryton", "action": "update", "field": "grade"}
    items = [
        item | {"plan_id": plan, "account_id": account, **told}
        for plan, account, told in (
            ("1", "a", {}),
            ("2", "a", {}),
            ("2", "b", {}),
            ("2", "b", {"field": "trend", "action": "clear"}),
            ("2", "c", {"field": "trend", "action": "blocked", "reason": "changed by a person"}),
            ("2", "d", {}),
        )
    ]
    of_plan = {"connection": "tryton", "crm_instance": "x", "record_id": "1", "revision": "1"}
    events = [
        of_plan | {"plan_id": p, "account_id": a, "event": event, "sequence": n, "at": NOON}
        for n, (p, a, event) in enumerate(
            [
                ("1", "a", "written"),
                ("2", "a", "written"),
                ("2", "b", "written"),
                ("2", "d", "data"),
            ]
        )
    ]
    lake.append(table("ops.crm_plan_items"), items)
    lake.append(table("ops.crm_deliveries"), events)
    part = received(settings())
    assert part.title == "What 2 customers received"
    assert part.rows == [("grade", "2", "0"), ("trend", "0", "1")]


def test_an_empty_page_is_a_page() -> None:
    assert html([]).startswith("<!doctype html>")
