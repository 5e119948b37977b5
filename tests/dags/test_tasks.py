import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import AssetAlias, RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dags import tasks
from dags.tasks import (
    DEFAULTS,
    asset,
    business_dates,
    is_for_delivery,
    is_only_backfill,
    no_retry_after,
    no_retry_where_refused,
    outbox_of,
    version_meant_for_crm,
)
from jobs import lake
from jobs.crm.adapter import CrmError, ErrorClass
from jobs.delivery.entries import SCORES
from jobs.delivery.ledger import Busy, DeliveryError
from jobs.delivery.mapping import MappingError
from jobs.ops import builds
from jobs.settings import SettingsError, settings
from jobs.spark.build import WrongColumns
from jobs.training import bench as training
from jobs.training.family import NothingToJudge

MORNING = dt.datetime(2026, 3, 2, 11, tzinfo=dt.UTC)


def test_a_run_without_dates_lands_the_day_before_it() -> None:
    assert business_dates(None, None, MORNING) == (dt.date(2026, 3, 1), dt.date(2026, 3, 1))


def test_the_day_before_is_a_day_of_the_shops_not_of_utc() -> None:
    # 22:00 on 1 March in New York
    night = dt.datetime(2026, 3, 2, 3, tzinfo=dt.UTC)
    assert business_dates(None, None, night) == (dt.date(2026, 2, 28), dt.date(2026, 2, 28))


def test_given_dates_are_taken_as_they_are() -> None:
    told = business_dates("2017-01-01", "2017-11-26", MORNING)
    assert told == (dt.date(2017, 1, 1), dt.date(2017, 11, 26))


@pytest.mark.parametrize(
    ("start", "end"), [("2017-01-01", None), (None, "2017-01-01"), ("2017-01-02", "2017-01-01")]
)
def test_half_a_range_or_a_backward_one_fails_at_once(start: str | None, end: str | None) -> None:
    with pytest.raises(AirflowFailException, match="give both"):
        business_dates(start, end, MORNING)


@pytest.mark.parametrize(
    ("params", "run_type", "expected"),
    [
        ({"start": None, "deliver": None}, "scheduled", True),
        ({}, "manual", True),
        ({"start": "2017-01-01", "deliver": None}, "manual", False),
        ({"start": None, "deliver": None}, "backfill", False),
        # what a person says goes before
        ({"start": "2017-11-27", "deliver": True}, "manual", True),
        ({"start": None, "deliver": True}, "backfill", True),
        ({"start": None, "deliver": False}, "scheduled", False),
    ],
)
def test_a_backfill_reaches_the_crm_only_when_told(
    params: dict[str, object], run_type: str, expected: bool
) -> None:
    assert is_for_delivery(params, run_type) is expected


def test_settings_that_cannot_be_used_are_not_tried_again() -> None:
    policy = DEFAULTS["retry_policy"]
    assert policy.evaluate(SettingsError("no token"), 1, 3).action is RetryAction.FAIL


def test_a_lost_connection_is_tried_again_later_and_later() -> None:
    policy = DEFAULTS["retry_policy"]
    assert policy.evaluate(ConnectionError("gone"), 1, 3).action is RetryAction.DEFAULT
    assert DEFAULTS["retries"] == 4
    assert DEFAULTS["retry_exponential_backoff"] > 1


def test_a_refusal_fails_at_once_and_says_why() -> None:
    with pytest.raises(AirflowFailException, match="too many rows"), no_retry_after(ValueError):
        raise ValueError("too many rows")


def test_another_error_passes_as_it_is() -> None:
    with pytest.raises(ConnectionError), no_retry_after(ValueError):
        raise ConnectionError("gone")


@pytest.mark.parametrize("kind", ["permission", "data"])
def test_a_crm_that_refuses_us_is_not_asked_again(kind: ErrorClass) -> None:
    with pytest.raises(AirflowFailException, match="wrong password"), no_retry_where_refused():
        raise CrmError(kind, "wrong password")


@pytest.mark.parametrize("kind", ["transient", "unknown", "conflict"])
def test_a_crm_that_is_away_is_asked_again(kind: ErrorClass) -> None:
    with pytest.raises(CrmError, match="cannot be reached"), no_retry_where_refused():
        raise CrmError(kind, "cannot be reached")


def written(version: int, deliver: bool) -> SimpleNamespace:
    """The event of a version of the outbox."""
    at = MORNING + dt.timedelta(hours=version)
    return SimpleNamespace(extra={"version": version, "deliver": deliver}, timestamp=at)


def outbox(*deliver: bool) -> dict[str, list[SimpleNamespace]]:
    """What a delivery is told of the versions it runs for."""
    return {SCORES: [written(n, told) for n, told in enumerate(deliver)]}


def test_a_delivery_passes_over_what_only_backfills_wrote() -> None:
    assert is_only_backfill(outbox(False, False)) is True
    assert is_only_backfill(outbox(False, True)) is False


def test_a_delivery_by_the_clock_or_by_hand_is_no_backfill() -> None:
    assert is_only_backfill(None) is False
    assert is_only_backfill({}) is False


def test_the_newest_version_that_was_meant_for_the_crm_is_delivered() -> None:
    newest_first = [written(5, False), written(4, True), written(3, True)]
    assert version_meant_for_crm(SCORES, newest_first) == 4
    assert version_meant_for_crm(SCORES, reversed(newest_first)) == 4


def test_tasks_are_delivered_from_the_actions_and_a_mapping_with_a_fault_stops_no_dag(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outbox_of("tryton") == outbox_of("odoo") == outbox_of("unknown") == SCORES
    assert outbox_of("tryton_tasks") == "scores.next_actions"
    (state / "broken.yaml").write_text("customers: [")
    (state / "other.yaml").write_text("- customers")
    monkeypatch.setenv("CRM_CONNECTIONS", str(state))
    settings.cache_clear()
    assert outbox_of("broken") == outbox_of("other") == SCORES


@pytest.mark.parametrize("events", [[], [written(5, False)]])
def test_where_no_version_was_meant_for_the_crm_nothing_is_delivered(
    events: list[SimpleNamespace],
) -> None:
    with pytest.raises(AirflowSkipException, match="no run wrote scores"):
        version_meant_for_crm(SCORES, events)


def test_a_family_of_which_there_is_nothing_to_judge_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(family: str, leave_out: list[str]) -> str:
        raise NothingToJudge(f"{family}: no window has ended")

    monkeypatch.setattr(training, "bench", nothing)
    with pytest.raises(AirflowSkipException, match="offer: no window has ended"):
        tasks.bench.function("offer", params={"leave_out": []})


PLAN = SimpleNamespace(plan_id="a", state="waiting", records=3, note=None)


def delivered(
    monkeypatch: pytest.MonkeyPatch, step: str, done: Any, run_type: str = "manual"
) -> Any:
    """Take a step of a delivery whose work is replaced; returns what it was asked for."""
    asked: list[Any] = []

    def work(connection: str, **told: Any) -> Any:
        assert connection == "odoo"
        asked.append(told)
        if isinstance(done, Exception):
            raise done
        return done

    monkeypatch.setattr(f"jobs.delivery.{step}.{step}", work)
    events = {asset(SCORES): [written(4, True), written(5, False)]}
    run = SimpleNamespace(run_type=run_type, triggering_user_name="ann")
    ti = SimpleNamespace(xcom_pull=lambda task_ids: {"plan": "made by this run"})
    tasks.deliver.function("odoo", step, inlet_events=events, dag_run=run, ti=ti)
    return asked[0]


@pytest.mark.parametrize(
    ("run_type", "asked"),
    [
        ("manual", {}),
        ("scheduled", {"version": 4}),
        ("asset_triggered", {"version": 4}),
        ("backfill", {"version": 4}),
    ],
)
def test_only_a_run_by_hand_delivers_what_a_backfill_wrote(
    monkeypatch: pytest.MonkeyPatch, run_type: str, asked: dict[str, int]
) -> None:
    assert delivered(monkeypatch, "plan", PLAN, run_type) == asked | {"requester": "ann"}


def test_a_run_sends_the_plan_that_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(plan=PLAN, left=0)
    assert delivered(monkeypatch, "apply", done) == {"plan": "made by this run"}


@pytest.mark.parametrize(
    "error", [DeliveryError("too old"), MappingError("no field"), lake.NoSuchTable("no outbox")]
)
def test_a_delivery_that_must_not_be_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with pytest.raises(AirflowFailException, match=str(error)):
        delivered(monkeypatch, "apply", error)


def test_a_delivery_that_waits_for_another_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Busy):
        delivered(monkeypatch, "apply", Busy("another is at work"))


def test_customers_that_were_put_off_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    partly = SimpleNamespace(plan=PLAN, left=2)
    with pytest.raises(AirflowException, match="put 2 of 3 records off") as told:
        delivered(monkeypatch, "apply", partly)
    assert not isinstance(told.value, AirflowFailException)


def built(monkeypatch: pytest.MonkeyPatch, done: Any, attempt: int) -> list[dict[str, Any]]:
    """Build a table whose work is replaced; returns the events that were sent."""

    def work(which: Any) -> Any:
        if isinstance(done, Exception):
            raise done
        return done

    monkeypatch.setattr("jobs.spark.build.build", work)
    name, sent = "silver.products", []
    events = SimpleNamespace(add=lambda of, extra: sent.append(extra))
    tasks.build.function(
        name,
        outlet_events={AssetAlias(name): events},
        params={},
        dag_run=SimpleNamespace(run_type="scheduled", start_date=MORNING),
        ti=SimpleNamespace(try_number=attempt),
    )
    return sent


def outcome(told: str, version: int) -> SimpleNamespace:
    numbers = {"table_version": version, "slices_written": 1, "rows_written": 10}
    return SimpleNamespace(outcome=told, why="changed", **numbers)


def test_a_table_that_is_not_as_its_schema_says_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AirflowFailException, match="other columns than SCHEMA"):
        built(monkeypatch, WrongColumns("make gives other columns than SCHEMA"), attempt=1)


@pytest.mark.parametrize(("hours", "sent"), [(1, [4]), (-1, [])])
def test_an_attempt_killed_before_its_event_was_sent_is_made_up_for(
    state: Path, monkeypatch: pytest.MonkeyPatch, hours: int, sent: list[int]
) -> None:
    """Only what this run wrote: the version of the day before has its event."""
    at = MORNING + dt.timedelta(hours=hours)
    words = {"table_name": "silver.products", "run_id": "a", "kind": "changed", "why": "changed"}
    numbers = {"table_version": 4, "slices_written": 1, "rows_written": 10}
    row = words | numbers | {"outcome": "written", "started_at": at, "finished_at": at}
    lake.append(builds.TABLE, [row])
    told = built(monkeypatch, outcome("unchanged", 4), attempt=2)
    assert [event["version"] for event in told] == sent
    assert built(monkeypatch, outcome("unchanged", 4), attempt=1) == []
    (event,) = built(monkeypatch, outcome("written", 5), attempt=1)
    assert event == {"version": 5, "slices": 1, "rows": 10, "deliver": True}
