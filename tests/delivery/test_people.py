"""What a person can say about a connection: revert, pause, release, replay, discard."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from tenacity import wait_none
from typer.testing import CliRunner

from jobs.crm.adapter import Change, Result, untold
from jobs.crm.tryton import Tryton
from jobs.delivery import controls, sending
from jobs.delivery.__main__ import app
from jobs.delivery.apply import Applied, apply
from jobs.delivery.controls import Controls, dead_letters
from jobs.delivery.ledger import DeliveryError, Ledger, Plan
from jobs.delivery.plan import plan
from jobs.delivery.revert import revert
from jobs.delivery.sending import Stopped
from jobs.settings import settings
from tests.delivery import outbox
from tests.tryton_server import ACCOUNTS, REQUEST_SECONDS, Crm

pytestmark = pytest.mark.services

MANY = [str(number) for number in range(30001, 30041)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other without a pause."""
    monkeypatch.setattr(sending, "BETWEEN_ROUNDS", wait_none())


class Refuses(Tryton):
    """A CRM that will not take some customers."""

    refused: Sequence[str] = ("102",)

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        wrong = [c for c in batch if c.subject in self.refused]
        told = [Result(c.subject, "data", "not_accepted: Grade") for c in wrong]
        return [*super().write([c for c in batch if c not in wrong], started), *told]


def refusing(crm: Crm, *accounts: str) -> Refuses:
    made = Refuses(crm.adapter._session, REQUEST_SECONDS)
    made.refused = accounts
    return made


def delivered(crm: Crm, adapter: Tryton | None = None, **told: object) -> Applied:
    outbox.write([outbox.row(account, **told) for account in ACCOUNTS])
    plan("tryton", crm=adapter or crm.adapter)
    return apply("tryton", crm=adapter or crm.adapter)


def reverted(crm: Crm, what: str | None = None) -> Plan:
    return revert("tryton", what, crm.adapter)


def test_a_revert_puts_old_values_back_where_the_field_is_still_ours(crm: Crm) -> None:
    delivered(crm, grade="B")
    second = delivered(crm, grade="C", trend="declining").plan
    crm.edit("103", score_grade="E")
    made = reverted(crm)
    assert (made.kind, made.reverts, made.records) == ("revert", second.plan_id, len(ACCOUNTS))
    items = {(i.account_id, i.field): i for i in outbox.planned(made.plan_id)}
    assert items["103", "score_grade"].reason == "edited_by_a_person"
    assert set(items) == {(a, f) for a in ACCOUNTS for f in ("score_grade", "score_trend")}
    apply("tryton", crm=crm.adapter)
    assert (crm.shows("101", "score_grade"), crm.shows("101", "score_trend")) == ("B", "steady")
    assert (crm.shows("103", "score_grade"), crm.shows("103", "score_trend")) == ("E", "steady")
    assert Ledger("tryton").plan(second.plan_id).state == "reverted"


def test_a_revert_pauses_the_connection_until_a_person_resumes_it(crm: Crm) -> None:
    first = delivered(crm).plan
    reverted(crm, str(first.plan_number))
    apply("tryton", crm=crm.adapter)
    assert {crm.shows(account, "score_grade") for account in ACCOUNTS} == {None}
    with pytest.raises(DeliveryError, match=r"paused .* plan 1 is taken back; .* resume"):
        plan("tryton", crm=crm.adapter)
    Controls("tryton").say("resume", "ann")
    plan("tryton", crm=crm.adapter)
    assert apply("tryton", crm=crm.adapter).sent == len(ACCOUNTS)
    assert crm.shows("101", "score_grade") == "B"


def test_a_plan_of_which_nothing_was_sent_cannot_be_taken_back(crm: Crm) -> None:
    outbox.write([outbox.row("101")])
    plan("tryton", crm=crm.adapter)
    with pytest.raises(DeliveryError, match="plan 1 is planned: nothing was sent"):
        reverted(crm)
    assert Controls("tryton").pause() is None


def test_a_pause_stops_a_plan_that_was_already_made(crm: Crm) -> None:
    outbox.write([outbox.row("101")])
    plan("tryton", crm=crm.adapter)
    Controls("tryton").say("pause", "ann", "the CRM is being moved")
    with pytest.raises(DeliveryError, match=r"paused by ann .*the CRM is being moved"):
        apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_grade") is None


def test_a_released_field_is_written_once_more_and_is_then_a_persons_again(crm: Crm) -> None:
    delivered(crm)
    crm.edit("101", score_grade="E")
    crm.edit("102", score_grade="E")
    Controls("tryton").say("release", "ann", account_id="101", field="score_grade")
    delivered(crm, grade="C")
    assert (crm.shows("101", "score_grade"), crm.shows("102", "score_grade")) == ("C", "E")
    crm.edit("101", score_grade="D")
    delivered(crm, grade="A")
    assert crm.shows("101", "score_grade") == "D"


def test_what_the_crm_refused_waits_until_it_changes_or_a_person_says_so(crm: Crm) -> None:
    done = delivered(crm, refusing(crm, "102"))
    assert done.outcomes == {"written": len(ACCOUNTS) - 1, "data": 1}
    assert [(e["account_id"], e["reason"]) for e in dead_letters("tryton")] == [
        ("102", "not_accepted: Grade")
    ]
    again = plan("tryton", crm=crm.adapter)
    assert (again.records, again.blocked) == (0, 22), "the same values are not sent again"
    Controls("tryton").say("discard", "ann", account_id="102")
    assert dead_letters("tryton") == []
    assert plan("tryton", crm=crm.adapter).records == 0
    Controls("tryton").say("replay", "ann", account_id="102")
    assert plan("tryton", crm=crm.adapter).records == 1
    assert apply("tryton", crm=crm.adapter).sent == 1
    assert crm.shows("102", "score_grade") == "B"


def test_other_values_of_a_dead_letter_are_sent(crm: Crm) -> None:
    delivered(crm, refusing(crm, "102"))
    assert delivered(crm, grade="A").outcomes == {"written": len(ACCOUNTS)}
    assert dead_letters("tryton") == []


def test_a_run_of_which_too_much_is_refused_stops_after_its_first_customers(
    crm: Crm, connections: Path
) -> None:
    crm.create(*MANY)
    outbox.write([outbox.row(account) for account in MANY])
    of = connections / "tryton.yaml"
    of.write_text(of.read_text().replace("limits: {", "limits: {canary: 20, "))
    plan("tryton", crm=crm.adapter)
    with pytest.raises(Stopped, match="refused 11 of 20 customers, more than 5%"):
        apply("tryton", crm=refusing(crm, *MANY[:11]))
    shown = {account for account in MANY if crm.shows(account, "score_grade")}
    assert shown == set(MANY[11:20])
    assert Ledger("tryton").plan(None).state == "partly"


def test_a_run_stops_where_many_customers_moved_since_the_plan(crm: Crm) -> None:
    crm.create(*MANY)
    outbox.write([outbox.row(account) for account in MANY])
    plan("tryton", crm=crm.adapter)
    for account in MANY[:11]:
        crm.edit(account, score_grade="E")
    with pytest.raises(Stopped, match="11 of 40 customers changed in the CRM since"):
        apply("tryton", crm=crm.adapter)


def test_who_objects_after_the_plan_is_spared_by_the_fresh_read(crm: Crm) -> None:
    outbox.write([outbox.row("101"), outbox.row("102")])
    plan("tryton", crm=crm.adapter)
    crm.edit("101", no_marketing=True)
    assert apply("tryton", crm=crm.adapter).outcomes == {"written": 1, "conflict": 1}
    assert crm.shows("101", "score_grade") is None
    made = plan("tryton", crm=crm.adapter)
    assert (made.records, made.blocked) == (0, 0), "and the next plan knows"


def test_who_will_not_be_phoned_after_the_plan_is_spared_what_is_for_the_phone(
    crm: Crm, connections: Path
) -> None:
    of = connections / "tryton.yaml"
    told = yaml.safe_load(of.read_text())
    told["restrictions"] = {"phone": told.pop("objection")}  # as if it were of phone calls
    told["fields"]["score_next_products"]["channel"] = "phone"
    of.write_text(yaml.safe_dump(told))
    outbox.write([outbox.row("101"), outbox.row("102")])
    plan("tryton", crm=crm.adapter)
    crm.edit("101", no_marketing=True)
    assert apply("tryton", crm=crm.adapter).outcomes == {"written": 1, "conflict": 1}
    plan("tryton", crm=crm.adapter)
    assert apply("tryton", crm=crm.adapter).outcomes == {"written": 1}
    assert crm.shows("101", "score_grade") == "B", "scores stay"
    assert crm.shows("101", "score_next_products") is None


def test_a_revert_shows_nothing_of_who_objects_or_is_held_out_by_now(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(crm, grade="B")
    outbox.write([outbox.row(a, grade="A", is_contactable=a != "101") for a in ACCOUNTS])
    plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    (tmp_path / "experiments.yaml").write_text(
        "e: {salt: s, share: 0.5, starts: 2017-01-01, ends: 2018-01-01}\n"
    )
    monkeypatch.setenv("CRM_EXPERIMENTS", str(tmp_path / "experiments.yaml"))
    settings.cache_clear()
    made = reverted(crm)
    apply("tryton", crm=crm.adapter)
    reasons = {i.account_id: i.reason for i in outbox.planned(made.plan_id)}
    held = {account for account, reason in reasons.items() if reason == "held_out"}
    assert 0 < len(held) < len(ACCOUNTS) - 1
    shown = {account for account in ACCOUNTS if crm.shows(account, "score_grade")}
    assert shown == {*ACCOUNTS} - held - {"101"}
    assert {crm.shows(account, "score_grade") for account in shown} == {"B"}


def test_what_a_later_plan_wrote_is_not_taken_back_with_an_older_one(crm: Crm) -> None:
    first = delivered(crm, grade="B").plan
    delivered(crm, grade="C")
    made = reverted(crm, str(first.plan_number))
    apply("tryton", crm=crm.adapter)
    of_grades = {i.reason for i in outbox.planned(made.plan_id) if i.field == "score_grade"}
    assert of_grades == {"delivered_by_a_later_plan"}
    assert crm.shows("101", "score_grade") == "C"
    assert crm.shows("101", "score_trend") is None, "what the later one left is the older one's"


def test_a_revert_that_needs_a_person_is_what_is_planned_until_it_is_answered(
    crm: Crm, connections: Path
) -> None:
    delivered(crm)
    of = connections / "tryton.yaml"
    of.write_text(of.read_text().replace("limits: {changed_share: 1", "limits: {changed_share: 0"))
    made = reverted(crm)
    assert (made.state, made.kind) == ("waiting", "revert")
    assert plan("tryton", crm=crm.adapter).plan_id == made.plan_id, "what the DAG then asks about"
    Controls("tryton").say("resume", "ann")
    assert plan("tryton", crm=crm.adapter).kind == "deliver"
    assert Ledger("tryton").plan(made.plan_id).state == "superseded"


def test_a_field_that_was_empty_is_emptied_for_who_objects(crm: Crm, connections: Path) -> None:
    of = connections / "tryton.yaml"
    of.write_text(of.read_text().replace("ownership: if_ours", "ownership: if_empty"))
    delivered(crm)
    outbox.write([outbox.row(account, is_contactable=account != "101") for account in ACCOUNTS])
    plan("tryton", crm=crm.adapter)
    apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_grade") is None
    assert crm.shows("102", "score_grade") == "B"


def test_nothing_is_released_or_replayed_that_is_not_there(crm: Crm) -> None:
    delivered(crm)
    for words, said in (
        (["release", "score_grade", "999"], "no plan for tryton has a customer '999'"),
        (["dead", "replay"], "tryton has no dead letters: see"),
        (["dead", "discard", "101"], "tryton has no dead letter of customer '101'"),
    ):
        ran = CliRunner().invoke(app, words)
        assert ran.exit_code
        assert said in str(ran.exception)


def test_what_we_never_wrote_is_not_cleared_for_who_objects(crm: Crm) -> None:
    crm.edit("101", score_name="of another tool")  # the mapping says it is ours, whatever it shows
    outbox.write([outbox.row("101", is_contactable=False), outbox.row("102")])
    made = plan("tryton", crm=crm.adapter)
    assert made.clears == 0
    apply("tryton", crm=crm.adapter)
    assert crm.shows("101", "score_name") == "of another tool"


def test_a_revert_empties_who_objects_in_the_crm_itself(crm: Crm) -> None:
    delivered(crm, grade="B")
    delivered(crm, grade="C")
    crm.edit("101", no_marketing=True)
    made = reverted(crm)
    apply("tryton", crm=crm.adapter)
    reasons = {i.account_id: i.reason for i in outbox.planned(made.plan_id)}
    assert reasons["101"] == "objected"
    assert crm.shows("101", "score_grade") is None
    assert crm.shows("102", "score_grade") == "B"


def test_a_release_after_the_clock_was_put_back_is_for_one_delivery(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(crm)
    crm.edit("101", score_grade="E")
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    clock = SimpleNamespace(**{**vars(dt), "datetime": SimpleNamespace(now=lambda zone: ahead)})
    with monkeypatch.context() as wrong:
        wrong.setattr(controls, "dt", clock)
        Controls("tryton").say("pause")
        Controls("tryton").say("resume")
    Controls("tryton").say("release", "ann", account_id="101", field="score_grade")
    delivered(crm, grade="C")
    assert crm.shows("101", "score_grade") == "C"
    crm.edit("101", score_grade="D")
    delivered(crm, grade="A")
    assert crm.shows("101", "score_grade") == "D"


def test_what_was_discarded_by_mistake_can_be_replayed(crm: Crm) -> None:
    delivered(crm, refusing(crm, "102"))
    for words in (["dead", "discard", "102"], ["dead", "replay", "102"]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert plan("tryton", crm=crm.adapter).records == 1
