"""Runs of real DAGs in this process: the units named are real, the others only marked as done."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session
from sqlalchemy import select

from jobs.lake import append
from jobs.ops import builds
from tests.dags.runs import DAY, drop, run

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("database")]


def events(name: str) -> list[dict[str, Any]]:
    with create_session() as session:
        sent = session.scalars(select(AssetEvent).order_by(AssetEvent.id)).all()
        return [event.extra for event in sent if event.asset.name == name]


def test_an_event_is_sent_for_a_written_version_and_none_for_an_unchanged_one(
    bag: DagBag, lake: Path
) -> None:
    drop(lake.parent, f"900,10000085207,8,{DAY}\n901,10000085207,8,{DAY}\n")
    units, before = ("land.till", "bronze.redemptions"), events("bronze.redemptions")
    assert run(bag, *units).state == "success"
    (sent,) = events("bronze.redemptions")[len(before) :]
    assert sent["rows"] == 2
    assert sent["slices"] == 1
    assert sent["deliver"] is False  # a day given by hand
    assert run(bag, *units).state == "success"
    assert events("bronze.redemptions") == [*before, sent]


def test_a_refused_table_fails_at_once_and_stops_what_is_made_from_it(
    bag: DagBag, lake: Path
) -> None:
    drop(lake.parent, f",10000085207,8,{DAY}\n" * 101)
    done = run(bag, "land.till", "bronze.redemptions", "silver.redemptions", "tell.pages")
    states = {ti.task_id: ti.state for ti in done.get_task_instances()}
    assert done.state == "failed"
    assert states["bronze.redemptions"] == "failed"
    assert states["silver.redemptions"] == "upstream_failed"
    assert states["silver.order_lines"] == "success"
    # the pages tell of it, and do not make the run a success
    assert states["tell.pages"] == "success"
    assert "refused" in (lake.parent / "pages/bronze.redemptions.html").read_text()


def test_a_family_without_a_champion_is_skipped_and_the_day_goes_on(
    bag: DagBag, registry: str
) -> None:
    done = run(bag, "predict.recommenders")
    states = {ti.task_id: ti.state for ti in done.get_task_instances()}
    assert states["predict.recommenders"] == "skipped"
    assert states["scores.crm_outbox"] == "success"
    assert done.state == "success"


def test_upkeep_goes_over_a_layer_and_finds_a_lost_file(bag: DagBag, state: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    words = dict.fromkeys(("table_name", "run_id", "kind", "why", "outcome"), "some")
    append(builds.TABLE, [words | {"started_at": now, "finished_at": now}])
    units = ("optimize.ops", "vacuum.ops", "check.ops")
    assert run(bag, *units, dag="lake_weekly").state == "success"
    for file in (state / "lake/ops/builds").rglob("*.parquet"):
        file.unlink()
    done = run(bag, "check.ops", dag="lake_weekly")
    states = {ti.task_id: ti.state for ti in done.get_task_instances()}
    assert states["check.ops"] == "failed"


@pytest.mark.parametrize(("start", "end"), [(DAY, None), (DAY, "2017-03-04")])
def test_dates_that_are_no_range_fail_the_run_before_anything_is_landed(
    bag: DagBag, state: Path, start: str, end: str | None
) -> None:
    done = run(bag, "land.till", start=start, end=end)
    tasks = {ti.task_id: ti for ti in done.get_task_instances()}
    assert done.state == "failed"
    assert (tasks["land.till"].state, tasks["land.till"].try_number) == ("failed", 1)
    assert tasks["bronze.order_lines"].state == "upstream_failed"
    assert not (state / "landing").exists()


def meant(version: int, deliver: bool) -> None:
    """An event of the outbox, as a run of sales_daily sends it."""
    with create_session() as session:
        name = AssetModel.name == "scores.crm_outbox"
        asset_id = session.scalars(select(AssetModel.id).where(name)).one()
        extra = {"version": version, "deliver": deliver}
        session.add(AssetEvent(asset_id=asset_id, extra=extra))


def test_a_delivery_by_the_clock_asks_for_the_version_that_was_meant_for_the_crm(
    bag: DagBag, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def plan(connection: str, **told: int) -> SimpleNamespace:
        asked.append(told)
        return SimpleNamespace(plan_id="a", state="waiting", records=0, note=None)

    monkeypatch.setattr("jobs.delivery.plan.plan", plan)
    assert run(bag, "delivery.plan", dag="crm_delivery").state == "success"
    monkeypatch.setattr("dags.tasks.is_by_hand", lambda run_type: False)
    passed_over = run(bag, "delivery.plan", dag="crm_delivery")
    states = {ti.task_id: ti.state for ti in passed_over.get_task_instances()}
    assert set(states.values()) == {"skipped"}
    meant(4, deliver=True)
    meant(5, deliver=False)
    assert run(bag, "delivery.plan", dag="crm_delivery").state == "success"
    assert [told.get("version") for told in asked] == [None, 4]
