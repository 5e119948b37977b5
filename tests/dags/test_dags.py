import datetime as dt
import subprocess
import sys

import pytest
from airflow.dag_processing.dagbag import DagBag

from dags.tasks import POOLS
from infra.airflow_home import pools as pools_made
from jobs.settings import ROOT, settings
from jobs.table import LAYERS, names, table

DELIVERIES = ("crm_delivery", "crm_delivery_tryton_tasks")
DAGS = (*DELIVERIES, "lake_weekly", "sales_daily", "training_weekly", "watch")
FILES = ("crm_delivery", "lake_weekly", "sales_daily", "training_weekly", "watch")

# each costs a task seconds, or must not cross the fork of a task
HEAVY = "deltalake great_expectations grpc matplotlib mlflow pandas prophet torch"


def test_every_dag_loads(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == list(DAGS)


@pytest.mark.parametrize("name", DAGS)
def test_a_dag_tells_what_it_does_and_whose_it_is(bag: DagBag, name: str) -> None:
    dag = bag.dags[name]
    assert "**Impact:**" in dag.doc_md
    assert dag.tags
    assert {task.owner for task in dag.tasks} == {"sales-lakehouse"}
    # a delivery that waits for a person must not keep a newer plan from taking its place
    assert dag.max_active_runs == (4 if name in DELIVERIES else 1)
    assert dag.catchup is False


@pytest.mark.parametrize("name", FILES)
def test_a_dag_file_imports_nothing_heavy(name: str) -> None:
    code = f"""
import sys, psutil
import dags.{name}
print([module for module in {HEAVY.split()} if module in sys.modules])
print(psutil.Process().children(recursive=True))  # such as a JVM
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ran.stdout.splitlines()[-2:] == ["[]", "[]"]


def test_the_day_builds_every_table_there_is(bag: DagBag) -> None:
    built = {t for t in bag.dags["sales_daily"].task_ids if t.partition(".")[0] in LAYERS}
    assert built == set(names(LAYERS))


def test_the_arrows_between_tables_are_their_inputs(bag: DagBag) -> None:
    for task in bag.dags["sales_daily"].tasks:
        if task.task_id.partition(".")[0] not in LAYERS:
            continue
        from_tables = {t for t in task.upstream_task_ids if t.partition(".")[0] in LAYERS}
        assert from_tables == {arrow.name for arrow in table(task.task_id).inputs}, task.task_id


def test_the_pages_wait_for_every_task(bag: DagBag) -> None:
    day = bag.dags["sales_daily"]
    before = day.get_task("tell.pages").get_flat_relative_ids(upstream=True)
    assert before == {*day.task_ids} - {"tell.pages"}


def test_what_was_sold_does_not_wait_for_the_crm(bag: DagBag) -> None:
    rules = {t.task_id: t.trigger_rule for t in bag.dags["sales_daily"].tasks}
    assert rules["silver.account_identities"] == "all_done"
    assert rules["silver.order_lines"] == "none_failed"


def test_every_landed_table_waits_for_the_units_that_land_it(bag: DagBag) -> None:
    day = bag.dags["sales_daily"]
    for name in names(["bronze"]):
        before = {unit.partition(".")[0] for unit in day.get_task(name).upstream_task_ids}
        # what people decided lands when they decide it
        expected = [set()] if name == "bronze.identity_decisions" else [{"land"}, {"predict"}]
        assert before in expected, name


@pytest.mark.parametrize("name", DAGS)
def test_a_task_lies_in_the_box_of_its_layer(bag: DagBag, name: str) -> None:
    landed_by_models = {
        "bronze.recommendations",
        "bronze.sales_forecasts",
        "bronze.account_scores",
        "bronze.account_segments",
    }
    for task in bag.dags[name].tasks:
        box = task.task_group.group_id
        assert task.task_id.startswith(f"{box}.") or task.task_id in landed_by_models


def test_a_table_task_shows_what_one_row_of_the_table_is(bag: DagBag) -> None:
    task = bag.dags["sales_daily"].get_task("silver.order_lines")
    assert task.doc_md.startswith("silver.order_lines: one row per")


def test_learning_and_delivery_wait_for_their_pools(bag: DagBag) -> None:
    pools = {t.task_id: t.pool for name in DAGS for t in bag.dags[name].tasks}
    assert pools["train.recommenders"] == pools["bench.forecasts"] == "gpu"
    assert pools["promote.forecasts"] == "gpu"  # its probes fit
    for name, pool in zip(DELIVERIES, ("crm_tryton", "crm_tryton_tasks"), strict=True):
        for task in ("delivery.plan", "delivery.apply"):
            assert bag.dags[name].get_task(task).pool == pool
    assert pools["silver.order_lines"] == "default_pool"
    assert {*POOLS.values(), "crm_tryton", "crm_tryton_tasks"} == set(pools_made(settings()))


def test_every_connection_that_is_delivered_to_has_a_dag_and_a_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRM_DELIVERIES", "salesforce, odoo")
    settings.cache_clear()
    try:
        found = DagBag(dag_folder=str(ROOT / "dags")).dags
        made = pools_made(settings())
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert {name for name in found if "delivery" in name} == {"crm_delivery", "crm_delivery_odoo"}
    for name, connection in (("crm_delivery", "salesforce"), ("crm_delivery_odoo", "odoo")):
        assert found[name].get_task("delivery.approve").connection == connection
        assert found[name].get_task("delivery.apply").pool == f"crm_{connection}"
        assert f"crm_{connection}" in made


def test_the_outbox_starts_a_delivery(bag: DagBag) -> None:
    outlets = bag.dags["sales_daily"].get_task("scores.crm_outbox").outlets
    assert [alias.name for alias in outlets] == ["scores.crm_outbox"]
    assert bag.dags["crm_delivery"].timetable.asset_condition.name == "scores.crm_outbox"
    tasks = bag.dags["crm_delivery_tryton_tasks"]
    assert tasks.timetable.asset_condition.name == "scores.next_actions"
    assert [each.name for each in tasks.get_task("delivery.plan").inlets] == ["scores.next_actions"]


def test_the_day_starts_by_hand_and_the_rest_by_the_clock(bag: DagBag) -> None:
    assert bag.dags["sales_daily"].schedule is None
    for name in ("training_weekly", "lake_weekly"):
        # a tick just gone would run over an empty lake
        assert bag.dags[name].timetable.run_immediately == dt.timedelta(0)
        assert bag.dags[name].start_date is None
