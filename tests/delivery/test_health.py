"""How a connection stands, and when a person is told."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs import alerts, lake
from jobs.crm.adapter import Change
from jobs.delivery import health
from jobs.delivery import install as installing
from jobs.delivery import mapping as mappings
from jobs.delivery.apply import apply
from jobs.delivery.controls import Controls
from jobs.delivery.ledger import DeliveryError, Ledger, Plan
from jobs.delivery.plan import plan
from jobs.watch import look
from tests.delivery import outbox
from tests.delivery.test_people import refusing
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = pytest.mark.services

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(hours=25)


def planned(crm: Crm, **told: Any) -> Plan:
    outbox.write([outbox.row(account, **told) for account in ACCOUNTS])
    return plan("tryton", crm=crm.adapter)


def seen(at: dt.datetime = NOW) -> Mapping[str, Any]:
    return health.refresh(at)["tryton"]


def told(at: dt.datetime = LATER) -> str:
    return health.faults(health.refresh(at), at).get("delivery to tryton", "")


def test_a_connection_without_a_plan_has_no_row(crm: Crm) -> None:
    assert health.refresh(NOW) == {}


def test_what_is_still_to_be_written_and_what_was_left_alone_is_counted(crm: Crm) -> None:
    crm.edit("103", score_grade="E")
    planned(crm)
    row = seen()
    assert (row["state"], row["backlog"], row["applied_at"]) == ("planned", len(ACCOUNTS), None)
    assert json.loads(row["blocked"]) == {"filled_by_a_person": 1}
    apply("tryton", crm=crm.adapter)
    row = seen()
    assert (row["state"], row["backlog"]) == ("applied", 0)
    assert row["applied_at"] is not None
    assert told() == "", "all is well"
    assert lake.read("ops.crm_health").num_rows == 1


def test_a_plan_that_waits_for_a_person_for_a_day_is_told_of(crm: Crm) -> None:
    made = planned(crm)
    Ledger("tryton").record(made, "waiting")
    assert told(NOW + dt.timedelta(hours=23)) == ""
    assert "plan 1 waits for a person since" in told()


def test_an_answer_that_did_not_come_for_an_hour_is_told_of(crm: Crm) -> None:
    made = planned(crm)
    Ledger("tryton").intend(made, [Change("101", "1", "r", {})], 1)
    assert seen()["unknown"] == 1
    assert "1 records without an answer" in told(NOW + dt.timedelta(hours=2))
    apply("tryton", crm=crm.adapter)
    assert seen()["unknown"] == 0


def test_what_the_crm_refuses_is_counted_by_reason(crm: Crm) -> None:
    planned(crm)
    apply("tryton", crm=refusing(crm, "102", "103"))
    row = seen()
    assert (row["rejected"], json.loads(row["rejected_by"])) == (2, {"not_accepted: Grade": 2})
    assert told() == "", "two are no matter of the whole"


def test_a_pause_names_who_paused(crm: Crm) -> None:
    planned(crm)
    Controls("tryton").say("pause", "ann")
    assert seen()["paused_by"] == "ann"


def test_a_mapping_that_was_broken_is_told_of_and_hides_no_other_connection(
    crm: Crm, connections: Path
) -> None:
    made = planned(crm)
    Ledger("tryton").record(made, "waiting")
    rows = health.refresh(LATER)
    (connections / "other.yaml").write_text("adapter: tryton\n")
    faults = health.faults({"other": rows["tryton"]} | rows, LATER)
    assert faults["delivery to other"].startswith("other.yaml: match is missing")
    assert "plan 1 waits for a person" in faults["delivery to tryton"]


def test_watching_opens_a_fault_and_closes_it_when_it_is_over(crm: Crm) -> None:
    made = planned(crm)
    Ledger("tryton").record(made, "waiting")
    assert "delivery to tryton" in look(LATER)["open"]
    since = alerts.open_faults()["delivery to tryton"].since_at
    again = LATER + dt.timedelta(hours=1)
    assert "delivery to tryton" in look(again)["open"]
    assert alerts.open_faults()["delivery to tryton"].since_at == since  # one fault, told once
    Ledger("tryton").record(made, "superseded")
    assert "delivery to tryton" not in look(again)["open"]


def test_a_crm_that_is_prepared_by_hand_says_so(crm: Crm) -> None:
    with pytest.raises(DeliveryError, match="tryton is prepared by hand"):
        installing.install(mappings.load("tryton"), "admin", "x", dry_run=True)
