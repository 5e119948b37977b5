"""The demo goes on where it stood, and its page is plain HTML."""

from pathlib import Path

import pytest

from infra.demo.demo import Step, StepFailed, progress_so_far, take
from infra.demo.report import Part, html


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


def test_the_page_has_no_script_and_shows_markup_as_text() -> None:
    shown = html([Part("Refused <b>", ("why",), [("<script>alert(1)</script>",), (None,), ("",)])])
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "Refused &lt;b&gt;" in shown


def test_an_empty_page_is_a_page() -> None:
    assert html([]).startswith("<!doctype html>")
