"""Actions become tasks once, for whom they may be, and what people did with them comes back."""

import datetime as dt
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tenacity import wait_none
from typer.testing import CliRunner

from jobs import lake
from jobs.crm.adapter import Change, CrmError, Result, untold
from jobs.crm.jsonrpc import Session
from jobs.crm.tryton_tasks import TrytonTasks
from jobs.delivery import mapping as mappings
from jobs.delivery import sending
from jobs.delivery.__main__ import app
from jobs.delivery.apply import apply
from jobs.delivery.controls import Controls
from jobs.delivery.gathering import of_same_crm
from jobs.delivery.ledger import DeliveryError
from jobs.delivery.plan import plan
from jobs.delivery.revert import revert
from jobs.delivery.verify import verify
from jobs.settings import ROOT, settings
from tests.delivery import actions, outbox
from tests.delivery.actions import key, nothing, row
from tests.tryton_server import ACCOUNTS, REQUEST_SECONDS, Crm

pytestmark = pytest.mark.services

CONNECTION = "tryton_tasks"
# the arms of 101 to 104 are treated: see Experiment.arm
HOLDS_105 = "all: {salt: tasks-9, share: 0.2, starts: 2017-11-01, ends: 2017-12-31}\n"


class LosesAnswers(TrytonTasks):
    """A way to the CRM on which every answer to a write is lost."""

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        super().write(batch, started)
        return [Result(change.subject, "unknown", "answer_lost") for change in batch]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other without a pause."""
    monkeypatch.setattr(sending, "BETWEEN_ROUNDS", wait_none())


@pytest.fixture
def company(crm: Crm) -> Crm:
    """Customers with scores, two of whom are to be called."""
    outbox.write([outbox.row(account) for account in ACCOUNTS])
    actions.write([row("101"), row("102", priority=2), nothing("103")])
    return crm


def delivered() -> int:
    """Deliver what is to be done; returns how many tasks were made."""
    plan(CONNECTION)
    return apply(CONNECTION).sent


def kept() -> dict[str, tuple[str, str | None, bool]]:
    """State, outcome and whether it is closed, of each task in ops.crm_tasks."""
    rows = lake.read("ops.crm_tasks").to_pylist()
    return {r["task_key"]: (r["state"], r["outcome"], r["closed_date"] is not None) for r in rows}


def blocked() -> dict[str, str]:
    """Why no task was made, by customer, of the newest plan."""
    made = plan(CONNECTION)
    return {
        item.account_id: str(item.reason)
        for item in outbox.planned(made.plan_id)
        if item.action == "blocked"
    }


def test_an_action_becomes_one_task_and_what_people_did_comes_back(company: Crm) -> None:
    assert delivered() == 2
    assert not verify(CONNECTION).differing
    there = company.tasks()
    assert there.keys() == {key("101"), key("102")}
    task = there[key("101")]
    assert (task["party"], task["channel"], task["state"]) == ("101", "phone", "open")
    assert task["text"].startswith("Call and ask")
    assert task["reasons"] == "No order within four weeks is likely"

    company.say(key("101"), state="done", outcome="ordered")
    company.say(key("102"), state="dismissed")
    again = plan(CONNECTION)
    assert (again.records, again.blocked) == (0, 0)
    assert kept() == {
        key("101"): ("done", "ordered", True),
        key("102"): ("dismissed", None, True),
    }
    shown = CliRunner().invoke(app, ["tasks"])
    assert "call_leaving: 2 made, 0 open, 1 done, 1 dismissed, 0 gone" in shown.output
    assert "accepted 50% (9% to 91%)" in shown.output  # 1 of 2 by Wilson


def test_a_task_that_is_gone_is_never_made_again_but_the_next_period_s_is(company: Crm) -> None:
    delivered()
    company.lose(key("101"))
    lake.remove(lake.location("ops.crm_mirror"))  # so that everything is read
    assert blocked() == {"101": "made_before"}
    assert kept()[key("101")][0] == "gone"
    assert delivered() == 0

    later = actions.PERIOD + dt.timedelta(days=28)
    actions.write([row("101", period_start_date=later)])
    assert delivered() == 1
    assert key("101", period=later) in company.tasks()


def test_who_must_not_be_contacted_gets_no_task(company: Crm, connections: Path) -> None:
    path = connections / "tryton.yaml"
    said = 'restrictions: {phone: {field: marital_status, value: "never call"}}\n'
    path.write_text(path.read_text() + said)
    company.edit("101", no_marketing=True)
    company.edit("102", marital_status="never call")
    company.edit("106", marital_status="never call")
    company.delete("103")
    outbox.write([outbox.row(a, is_contactable=a != "104") for a in ACCOUNTS])
    over = outbox.AS_OF - dt.timedelta(days=1)
    actions.write(
        [
            *(row("101"), row("102"), row("103"), row("104")),
            row("105", valid_until=over),
            row("106", channel="email"),
            row("999"),
        ]
    )
    assert blocked() == {
        "101": "objected",
        "102": "no_contact_by_phone",
        "103": "customer_not_in_crm",
        "104": "objected",
        "105": "expired",
        "999": "objected",  # who is not in the outbox has not said that they may be addressed
    }
    apply(CONNECTION)
    assert company.tasks().keys() == {key("106")}


def test_who_is_held_out_gets_no_task(
    company: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "experiments.yaml"
    path.write_text("all: {salt: x, share: 0.999999, starts: 2017-11-01, ends: 2017-12-31}\n")
    monkeypatch.setenv("CRM_EXPERIMENTS", str(path))
    settings.cache_clear()
    assert blocked() == {"101": "held_out", "102": "held_out"}


def test_what_customers_say_after_the_plan_counts(
    company: Crm, connections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = connections / "tryton.yaml"
    said = 'restrictions: {phone: {field: marital_status, value: "never call"}}\n'
    path.write_text(path.read_text() + said)
    accounts = ("101", "102", "103", "104", "105")
    actions.write([row(account) for account in accounts])
    made = plan(CONNECTION)
    assert made.creates == 5
    company.edit("101", no_marketing=True)
    company.delete("102")
    company.edit("103", marital_status="never call")
    outbox.write([outbox.row(a, is_contactable=a != "104") for a in ACCOUNTS])
    experiment = tmp_path / "experiments.yaml"
    experiment.write_text(HOLDS_105)
    monkeypatch.setenv("CRM_EXPERIMENTS", str(experiment))
    settings.cache_clear()
    done = apply(CONNECTION)
    assert (done.sent, dict(done.outcomes)) == (0, {"conflict": 5})
    assert company.tasks() == {}
    sql = "select account_id, reason from t where event = 'conflict'"
    told = lake.read("ops.crm_deliveries", sql=sql).to_pylist()
    assert {each["account_id"]: each["reason"] for each in told} == {
        "101": "objected",
        "102": "customer_is_gone",
        "103": "no_contact_by_phone",
        "104": "objected",
        "105": "held_out",
    }


def test_an_answer_that_is_lost_makes_no_second_task(company: Crm) -> None:
    user = Session(company.settings.crm_url, "pipeline", company.settings.secret("crm_pipeline"))
    plan(CONNECTION)
    done = apply(CONNECTION, crm=LosesAnswers(user, REQUEST_SECONDS))
    assert dict(done.outcomes) == {"written": 2}
    assert delivered() == 0
    assert company.tasks().keys() == {key("101"), key("102")}


KILLED = """
import os, signal
from jobs.crm.tryton_tasks import TrytonTasks
from jobs.delivery.apply import apply

def killed(self, batch, started):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)

made = TrytonTasks.write
TrytonTasks.write = killed
apply("tryton_tasks")
"""


@pytest.mark.parametrize("before", ["made(self, batch, started)", "pass"])
def test_a_delivery_that_was_killed_makes_each_task_once(
    company: Crm, connections: Path, before: str
) -> None:
    path, way = connections / "tryton_tasks.yaml", "secret: crm_pipeline"
    path.write_text(path.read_text().replace(way, f"{way}, request_seconds: {REQUEST_SECONDS}"))
    plan(CONNECTION)
    code = KILLED.format(before=before)
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -signal.SIGKILL
    there = len(company.tasks())
    assert there == (2 if before != "pass" else 0)
    assert apply(CONNECTION).sent == 2 - there
    assert company.tasks().keys() == {key("101"), key("102")}
    company.lose(*company.tasks())
    lake.remove(lake.location("ops.crm_mirror"))  # so that everything is read
    assert blocked() == {"101": "made_before", "102": "made_before"}


def test_nothing_is_taken_back_and_no_more_is_made(company: Crm) -> None:
    delivered()
    with pytest.raises(DeliveryError, match=r"made 2 tasks.*none is taken back"):
        revert(CONNECTION)
    assert {state for state, *_ in kept().values()} == {"open"}, "they are listed"
    assert Controls(CONNECTION).pause()
    with pytest.raises(DeliveryError, match="paused"):
        plan(CONNECTION)
    Controls(CONNECTION).say("resume", "admin")
    assert delivered() == 0
    assert len(company.tasks()) == 2


def test_a_task_that_lacks_a_field_is_not_made(company: Crm) -> None:
    actions.write([row("101", channel="carrier pigeon"), row("102")])
    made = plan(CONNECTION)
    of_101 = [i for i in outbox.planned(made.plan_id) if i.account_id == "101"]
    assert [(i.action, i.field, i.reason) for i in of_101] == [
        ("blocked", "channel", "not_a_choice")
    ]
    apply(CONNECTION)
    assert company.tasks().keys() == {key("102")}


def test_customers_of_another_crm_are_refused(company: Crm) -> None:
    mapping, theirs = mappings.load(CONNECTION), mappings.load("tryton")
    with pytest.raises(mappings.MappingError, match="must lead to one CRM"):
        of_same_crm(mapping, theirs, "another")
    with pytest.raises(mappings.MappingError, match="'tryton_tasks' makes tasks itself"):
        of_same_crm(mapping, mapping, company.adapter.describe().instance)


@pytest.mark.parametrize("name", ["call", "sms"])
def test_a_restriction_that_no_task_is_by_is_told(
    company: Crm, connections: Path, name: str
) -> None:
    path = connections / "tryton.yaml"
    said = f'restrictions: {{{name}: {{field: marital_status, value: "never call"}}}}\n'
    path.write_text(path.read_text() + said)
    with pytest.raises(mappings.MappingError, match=f"restrictions {name}: tasks are by phone"):
        plan(CONNECTION)


def test_many_tasks_at_once_wait_for_a_person(company: Crm, connections: Path) -> None:
    path = connections / "tryton_tasks.yaml"
    path.write_text(path.read_text().replace("creates: 100", "creates: 1"))
    made = plan(CONNECTION)
    assert (made.state, made.needs_person) == ("waiting", "tasks created: 2, up to 1 go")


def test_a_task_follows_its_customer_and_what_it_says_is_erased(company: Crm) -> None:
    company.create("201", "202")  # of one name, as who is merged should be
    outbox.write([outbox.row(account) for account in (*ACCOUNTS, "201")])
    actions.write([row("201"), row("102", priority=2)])
    delivered()
    company.merge("201", into="202")
    assert company.tasks()[key("201")]["party"] == "202"
    assert plan(CONNECTION).records == 0

    wizard, session = "wizard.party.erase", company.salesperson
    company.edit("102", active=False)
    begun, *_ = session.call(f"{wizard}.create")
    session.call(f"{wizard}.execute", begun, {"ask": {"party": company.ids()["102"]}}, "erase")
    erased = company.tasks()[key("102")]
    assert (erased["text"], erased["reasons"]) == (None, None)


def test_the_crm_keeps_tasks_as_they_are(company: Crm) -> None:
    delivered()
    task, model = company.tasks()[key("101")], "model.sales_scores.task"
    pipeline = Session(
        company.settings.crm_url, "pipeline", company.settings.secret("crm_pipeline")
    )
    for values in ({"state": "done"}, {"text": "other"}):
        with pytest.raises(CrmError, match="not_allowed"):
            pipeline.call(f"{model}.write", [task["id"]], values)
    with pytest.raises(CrmError, match="not_allowed"):
        pipeline.call(f"{model}.delete", [task["id"]])
    twin = {"party": company.ids()["101"], "task_key": key("101")}
    with pytest.raises(CrmError, match=r"a task of this key|not_accepted|refused"):
        pipeline.call(f"{model}.create", [twin])

    person = company.salesperson
    with pytest.raises(CrmError, match=r"state and outcome|refused"):
        person.call(f"{model}.write", [task["id"]], {"text": "other"})
    with pytest.raises(CrmError, match=r"cannot be deleted|refused"):
        person.call(f"{model}.delete", [task["id"]])
    with pytest.raises(CrmError, match=r"state and outcome|refused"):
        person.call(f"{model}.write", [task["id"]], {"closed_date": None})
    [copied] = person.call("model.party.party.copy", [company.ids()["101"]])
    person.call("model.party.party.delete", [copied])
    company.say(key("101"), state="done")
    assert company.tasks()[key("101")]["activity"] == "Call"
    company.say(key("101"), state="open")
    assert company.tasks()[key("101")]["closed_date"] is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("customers: tryton\n", "", "customers is missing"),
        ("mode: create_only\n", "", "mode create_only is missing"),
        ("customers: tryton", "customers: other", "customers 'other' is none of the connections"),
        ("priority, as: as_is, ownership: if_empty", "priority, as: as_is, ownership: always",
         "priority: ownership always is not of tasks"),
        ("from: customer_record_id", "from: account_id", "none is from customer_record_id"),
        ("from: task_key", "from: account_id", "match: a task is found by its key"),
        ("closed_date: closed_date", "ended: closed_date", "returns.ended"),
    ],
)  # fmt: skip
def test_a_mapping_that_contradicts_itself_is_told(
    state: Path, connections: Path, old: str, new: str, told: str
) -> None:
    path = connections / "tryton_tasks.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(mappings.MappingError, match=told):
        mappings.load(CONNECTION)
