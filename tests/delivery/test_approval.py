"""A plan out of its limits is sent only when a person said so, under the real scheduler.

Whatever else looks like a yes is refused, and sends nothing.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock
from tenacity import RetryError, retry, retry_if_result, stop_after_delay, wait_fixed

from infra import airflow_home, services
from jobs import airflow_api, lake
from jobs.delivery import approval
from jobs.delivery.apply import apply
from jobs.delivery.approval import NotApproved, respond
from jobs.delivery.ledger import Ledger, Plan
from jobs.settings import ROOT, Settings, settings
from tests import leaks
from tests.conftest import free_ports
from tests.connections import SHIPPED
from tests.delivery import outbox
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = [pytest.mark.services, pytest.mark.proof]

STARTED = ("airflow-api", "airflow-scheduler", "airflow-dag-processor")
SECONDS = 240.0  # for the scheduler to come to something, on a busy machine
ENDED = ("success", "failed", "skipped", "upstream_failed")


@dataclass(frozen=True)
class Airflow:
    """Airflow's API, as its user."""

    api: httpx.Client
    settings: Settings

    def trigger(self) -> str:
        """Start a delivery by hand; returns the run's id."""
        answer = self.api.post("/dags/crm_delivery/dagRuns", json={"logical_date": None})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def state(self, run: str, task: str) -> str | None:
        path = f"/dags/crm_delivery/dagRuns/{run}/taskInstances/{task}"
        told: dict[str, Any] = self.api.get(path).json()
        return told["state"]

    def until(self, run: str, task: str, *wanted: str) -> str:
        """Wait until a task is in one of these states."""

        @retry(
            retry=retry_if_result(lambda state: state not in wanted),
            wait=wait_fixed(0.5),
            stop=stop_after_delay(SECONDS),
        )
        def look() -> str | None:
            return self.state(run, task)

        try:
            return str(look())
        except RetryError:
            raise AssertionError(f"{task} of {run} is {self.state(run, task)}") from None

    def asked(self) -> tuple[str, Plan]:
        """A run that waits for a person, and its plan."""
        run = self.trigger()
        self.until(run, "delivery.approve", "awaiting_input")
        return run, Ledger("tryton").plan(None)

    def answer(self, plan: Plan, option: str = approval.APPROVE) -> None:
        respond(plan, option, airflow_api.USER, self.settings.secret(airflow_api.SECRET))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    made = home / "connections"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def airflow(
    tryton_server: Settings, home: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    """Airflow beside the CRM, with the lake of all tests of this file."""
    patch = pytest.MonkeyPatch()
    told = {
        "SALES_STATE": str(home),
        "SALES_PORT_BASE": str(free_ports(5)),
        "CRM_CONNECTIONS": str(folder),
        "COMPANY_CLOCK": "data",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "SALES_SECRET_CRM_PIPELINE": tryton_server.secret("crm_pipeline"),
    }
    for name, value in told.items():
        patch.setenv(name, value)
    settings.cache_clear()
    here = settings()
    airflow_home.prepare(here)
    started = [s for s in services.services(here) if s.name in STARTED]
    processes = [
        subprocess.Popen(
            service.argv,
            env={**os.environ, **service.environment()},
            cwd=service.folder,
            stdout=(home / f"{service.name}.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        for service in started
    ]
    try:
        yield ready(here)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)
        patch.undo()
        settings.cache_clear()


@retry(wait=wait_fixed(1), stop=stop_after_delay(SECONDS), reraise=True)
def ready(here: Settings) -> Airflow:
    """Airflow, once its processes are up and know the DAG."""
    airflow_home.make_pools(here)
    api = airflow_api.client(here)
    assert api.get("/dags/crm_delivery").status_code == 200
    return Airflow(api, here)


@pytest.fixture
def asking(
    airflow: Airflow, crm: Crm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Crm]]:
    """Makes an outbox that needs a person, with a connection's settings; the CRM to look at."""
    monkeypatch.setenv("SALES_STATE", str(airflow.settings.state))
    monkeypatch.setenv("SALES_PORT_BASE", str(airflow.settings.port_base))
    monkeypatch.setenv("CRM_CONNECTIONS", str(folder))
    settings.cache_clear()

    def made(extra: str = "", grade: str = "B") -> Crm:
        text = (SHIPPED / "tryton.yaml").read_text()
        server = f"{{url: {crm.settings.crm_url}, user: pipeline, secret: crm_pipeline}}"
        text = text.replace("{user: pipeline, secret: crm_pipeline}", server)
        (folder / "tryton.yaml").write_text(f"{text}\n{extra}\n")
        outbox.write([outbox.row(account, grade=grade) for account in ACCOUNTS])
        return crm

    yield made
    lake.remove(lake.location("ops.crm_plans"))
    lake.remove(lake.location("ops.crm_state"))
    lake.remove(lake.location("ops.crm_deliveries"))


def refused_to_send(crm: Crm, plan: Plan, before: dict[str, str], match: str) -> None:
    with pytest.raises(NotApproved, match=match):
        apply("tryton", plan.plan_id, crm.adapter)
    assert crm.revisions() == before, "nothing was written"


def test_a_plan_waits_is_approved_in_airflow_and_sent(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    crm = asking()
    before = crm.revisions()
    run, plan = airflow.asked()
    assert (plan.state, plan.requester) == ("waiting", "admin")
    refused_to_send(crm, plan, before, "needs a person .*customers changed: 12 of 12")
    airflow.answer(plan)
    assert airflow.until(run, "delivery.verify", *ENDED) == "success"
    assert Ledger("tryton").plan(None).state == "applied"
    assert crm.shows("101", "score_grade") == "B"
    [said] = lake.read("ops.crm_controls").to_pylist()
    assert (said["verb"], said["person"], said["plan_id"]) == ("approve", "admin", plan.plan_id)
    assert run in said["evidence"]


def test_a_no_ends_the_plan(airflow: Airflow, asking: Callable[..., Crm]) -> None:
    crm = asking()
    before = crm.revisions()
    run, plan = airflow.asked()
    airflow.answer(plan, approval.REFUSE)
    assert airflow.until(run, "delivery.apply", *ENDED) == "upstream_failed"
    assert Ledger("tryton").plan(None).state == "refused"
    assert crm.revisions() == before


def test_a_task_marked_successful_by_hand_is_no_yes(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    crm = asking()
    before = crm.revisions()
    run, plan = airflow.asked()
    path = f"/dags/crm_delivery/dagRuns/{run}/taskInstances/delivery.approve"
    marked = airflow.api.patch(path, json={"new_state": "success"})
    assert marked.status_code == 200, marked.text
    assert airflow.until(run, "delivery.apply", *ENDED) == "failed"
    refused_to_send(crm, plan, before, "needs a person")


def test_a_forged_xcom_is_no_yes(airflow: Airflow, asking: Callable[..., Crm]) -> None:
    crm = asking()
    before = crm.revisions()
    run, plan = airflow.asked()
    path = f"/dags/crm_delivery/dagRuns/{run}/taskInstances/delivery.approve"
    forged = {"chosen_options": [approval.APPROVE], "responded_by_user": {"name": "admin"}}
    told = {"key": "return_value", "value": forged}
    assert airflow.api.post(f"{path}/xcomEntries", json=told).status_code == 201
    refused_to_send(crm, plan, before, "needs a person")


def test_a_cleared_task_takes_its_yes_back(airflow: Airflow, asking: Callable[..., Crm]) -> None:
    crm = asking()
    before = crm.revisions()
    run, plan = airflow.asked()
    # as if another delivery were at work: the answer stands, and nothing is sent yet
    with FileLock(airflow.settings.locks / "crm-tryton.lock"):
        airflow.answer(plan)
        airflow.until(run, "delivery.approve", "success")
        clear = {
            "task_ids": ["delivery.approve"],
            "dag_run_id": run,
            "dry_run": False,
            "only_failed": False,
        }
        cleared = airflow.api.post("/dags/crm_delivery/clearTaskInstances", json=clear)
        assert cleared.status_code == 200, cleared.text
        airflow.until(run, "delivery.approve", "awaiting_input")
    refused_to_send(crm, plan, before, "needs a person")


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        ("four_eyes: true", "approved by admin, who asked for it: .* four eyes"),
        ("limits: {changed_share: 0.4}", "altered|needs a person"),
    ],
)
def test_a_yes_of_who_may_not_or_to_another_plan_is_none(
    airflow: Airflow, asking: Callable[..., Crm], extra: str, match: str
) -> None:
    crm = asking(extra)
    before = crm.revisions()
    run, plan = airflow.asked()
    if "four_eyes" in extra:
        airflow.answer(plan)
        assert airflow.until(run, "delivery.apply", *ENDED) == "failed"
        refused_to_send(crm, plan, before, match)
    else:
        other = replace(plan, plan_number=plan.plan_number + 1).named
        assert approval.answer(other) is None


def test_who_is_no_approver_cannot_answer(airflow: Airflow, asking: Callable[..., Crm]) -> None:
    crm = asking()
    text = (airflow.settings.connections / "tryton.yaml").read_text()
    (airflow.settings.connections / "tryton.yaml").write_text(
        text.replace("approvers: [admin]", "approvers: [boss]")
    )
    before = crm.revisions()
    run, plan = airflow.asked()
    with pytest.raises(airflow_api.AirflowUnreachable, match="403"):
        airflow.answer(plan)
    refused_to_send(crm, plan, before, "needs a person")
    assert airflow.state(run, "delivery.approve") == "awaiting_input"


def test_without_an_answer_in_time_a_plan_expires(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    crm = asking("limits: {answer_hours: 0.002}")
    before = crm.revisions()
    run = airflow.trigger()
    assert airflow.until(run, "delivery.apply", *ENDED) == "upstream_failed"
    newest = Ledger("tryton").plan(None)
    assert (newest.state, newest.note) == ("expired", "nobody answered in time")
    assert crm.revisions() == before


def test_a_newer_plan_takes_the_place_of_one_that_waits(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    crm = asking()
    first_run, first = airflow.asked()
    asking(grade="A")
    before = crm.revisions()
    second_run, second = airflow.asked()
    assert second.plan_number == first.plan_number + 1
    # nobody is asked about the first any longer, and its run keeps no other from beginning
    assert airflow.until(first_run, "delivery.apply", *ENDED) == "skipped"
    with pytest.raises(NotApproved, match="no run of crm_delivery asks for plan"):
        airflow.answer(first)
    assert crm.revisions() == before
    airflow.answer(second)
    assert airflow.until(second_run, "delivery.verify", *ENDED) == "success"
    assert crm.shows("101", "score_grade") == "A"


def test_however_often_it_is_asked_for_a_plan_waits_once(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    asking()
    runs = [airflow.asked() for _ in range(5)]
    assert len({plan.plan_id for _, plan in runs}) == 1
    waiting = [run for run, _ in runs if airflow.state(run, "delivery.approve") == "awaiting_input"]
    assert waiting == [runs[-1][0]]
    airflow.answer(runs[-1][1])
    assert airflow.until(waiting[0], "delivery.verify", *ENDED) == "success"


def test_the_command_line_cannot_go_around_it(airflow: Airflow, asking: Callable[..., Crm]) -> None:
    crm = asking()
    before = crm.revisions()
    for words in (["plan"], ["apply"], ["retry"]):
        ran = subprocess.run(
            [sys.executable, "-m", "jobs.delivery", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ.copy(),
        )
        assert ran.returncode == (0 if words == ["plan"] else 1), ran.stderr
    assert "needs a person" in ran.stderr
    assert crm.revisions() == before


def test_nothing_of_a_delivery_shows_the_secret_or_a_customers_address(
    airflow: Airflow, asking: Callable[..., Crm]
) -> None:
    crm = asking(grade="C")
    personal = ["household-10", "Household 10"]
    secret = crm.settings.secret("crm_pipeline")
    with leaks.on_command_lines([secret, *personal]) as shown:
        run, plan = airflow.asked()
        airflow.answer(plan)
        assert airflow.until(run, "delivery.verify", *ENDED) == "success"
    assert not shown
    home = airflow.settings.state
    # Airflow's database with its XComs and rendered templates, logs, tables, the plan's page
    assert leaks.in_files(home, [plan.plan_id]), "they were looked at"
    assert not leaks.in_files(home, [secret, *personal], but=["secrets"])
