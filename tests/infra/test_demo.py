"""The demo goes on where it stood, and its page is plain HTML."""

from pathlib import Path

import pytest

from infra import supervision
from infra.demo.demo import Step, StepFailed, play_the_past, progress_so_far, take
from infra.demo.report import Part, html
from jobs.settings import settings


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
    assert stopped == ["data"]


def test_the_page_has_no_script_and_shows_markup_as_text() -> None:
    shown = html([Part("Refused <b>", ("why",), [("<script>alert(1)</script>",), (None,), ("",)])])
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "Refused &lt;b&gt;" in shown


def test_an_empty_page_is_a_page() -> None:
    assert html([]).startswith("<!doctype html>")
