"""What a plan says: whose a field is, what has expired, what is blocked and why."""

import datetime as dt
import os
import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from jobs import lake
from jobs.delivery.apply import apply
from jobs.delivery.entries import SCORES
from jobs.delivery.ledger import DeliveryError, Item, Ledger, Plan
from jobs.delivery.plan import plan
from jobs.delivery.subjects import business_day
from jobs.settings import ROOT, settings
from tests import leaks
from tests.delivery import outbox
from tests.delivery.aging import made_days_ago
from tests.tryton_server import ACCOUNTS, Crm

FIELDS = 22  # of jobs/delivery/connections/tryton.yaml that are filled: its link leads nowhere yet


# A plan killed once it has made this many commits to the ledger
KILLED_PLAN = """
import os, signal, sys
from jobs import lake
from jobs.delivery.plan import plan

write, commits = lake._write_once, int(sys.argv[1])

def write_or_die(log, data, predicate):
    global commits
    if log.name not in ("ops.crm_mirror", "ops.crm_state"):
        if commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        commits -= 1
    write(log, data, predicate)

lake._write_once = write_or_die
plan("tryton")
os.kill(os.getpid(), signal.SIGKILL)
"""


def by_the_wall(monkeypatch: pytest.MonkeyPatch, timezone: str) -> dt.date:
    """Let the day at the shops count; returns it."""
    monkeypatch.setenv("COMPANY_CLOCK", "wall")
    monkeypatch.setenv("COMPANY_TIMEZONE", timezone)
    settings.cache_clear()
    return dt.datetime.now(ZoneInfo(timezone)).date()


@pytest.mark.usefixtures("state")
# 26 hours lie between the two: never the same day
@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_by_the_wall_clock_today_is_the_day_at_the_shops(
    monkeypatch: pytest.MonkeyPatch, timezone: str
) -> None:
    today = by_the_wall(monkeypatch, timezone)
    outbox.write([])
    assert business_day(SCORES, 0) == today


@pytest.mark.usefixtures("state")
def test_where_a_past_year_is_played_today_is_the_newest_day_of_the_rows() -> None:
    older = outbox.row("102", as_of_date=dt.date(2017, 1, 1))
    outbox.write([older, outbox.row("101")])
    outbox.write([])
    assert business_day(SCORES, 0) == outbox.AS_OF
    assert business_day(SCORES, 1) is None


def planned(crm: Crm, today: dt.date | None = None, version: int | None = None) -> Plan:
    return plan("tryton", today, crm.adapter, version)


def items(made: Plan, account: str) -> dict[str, Item]:
    return {i.field: i for i in outbox.planned(made.plan_id) if i.account_id == account}


@pytest.mark.services
class TestAgainstTheCrm:
    def test_a_first_plan_fills_what_is_empty_and_counts_what_it_needs(self, crm: Crm) -> None:
        outbox.write([outbox.row("101"), outbox.row("102", reasons=[], trend=None)])
        made = planned(crm)
        assert (made.records, made.updates, made.clears) == (2, 2 * FIELDS - 2, 0)
        assert (made.unchanged, made.blocked, made.calls) == (2 + 2, 0, 1)
        assert (made.customers, made.creates, made.flips, made.cleared) == (2, 0, 0, 0)
        assert made.as_of_date == outbox.AS_OF
        assert items(made, "101")["score_value"].new_value == "0.125"
        assert items(made, "101")["score_model_version"].new_value == "als 3"

    def test_an_empty_outbox_makes_an_empty_plan(self, crm: Crm) -> None:
        outbox.write([])
        made = planned(crm)
        assert (made.records, made.unchanged, made.blocked) == (0, 0, 0)
        assert made.as_of_date is None
        assert apply("tryton", crm=crm.adapter).sent == 0

    def test_a_customer_that_the_crm_lacks_is_reported_not_created(self, crm: Crm) -> None:
        outbox.write([outbox.row("101"), outbox.row("no such")])
        made = planned(crm)
        assert items(made, "no such")["*"].reason == "not_in_crm"
        apply("tryton", crm=crm.adapter)
        assert sorted(crm.ids()) == ACCOUNTS

    def test_a_salespersons_edit_and_clearing_survive_and_are_reported(self, crm: Crm) -> None:
        outbox.write([outbox.row("101"), outbox.row("102")])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        crm.edit("101", score_grade="E", score_spend_band=None)
        newer = outbox.row("101", grade="A", spend_band="low", recency_band="this month")
        outbox.write([newer, outbox.row("102")])
        made = planned(crm)
        assert items(made, "101")["score_grade"].reason == "edited_by_a_person"
        assert items(made, "101")["score_spend_band"].reason == "cleared_by_a_person"
        assert items(made, "101")["score_recency_band"].action == "update"
        assert items(made, "102") == {}
        apply("tryton", crm=crm.adapter)
        assert crm.shows("101", "score_grade") == "E"
        assert crm.shows("101", "score_spend_band") is None
        assert crm.shows("101", "score_recency_band") == "this month"

    def test_values_whose_time_is_over_are_cleared(self, crm: Crm) -> None:
        last_day = outbox.AS_OF + dt.timedelta(days=14)
        outbox.write([outbox.row("101")])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        assert planned(crm, today=last_day).clears == 0
        made = planned(crm, today=last_day + dt.timedelta(days=1))
        assert (made.updates, made.clears) == (0, FIELDS)
        apply("tryton", crm=crm.adapter)
        assert crm.shows("101", "score_grade") is None

    def test_a_customer_that_left_the_outbox_is_cleared_where_it_is_ours(self, crm: Crm) -> None:
        outbox.write([outbox.row("101"), outbox.row("102")])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        crm.edit("102", score_grade="E")
        outbox.write([outbox.row("101")])
        made = planned(crm)
        assert (made.records, made.clears, made.blocked) == (1, FIELDS - 1, 1)

    def test_a_value_that_the_field_cannot_hold_is_blocked_alone(self, crm: Crm) -> None:
        outbox.write([outbox.row("101", grade="Q", spend_band="x" * 41)])
        made = planned(crm)
        assert items(made, "101")["score_grade"].reason == "not_a_choice"
        assert "too_long" in str(items(made, "101")["score_spend_band"].reason)
        assert (made.updates, made.blocked) == (FIELDS - 2, 2)

    def test_the_same_plan_is_not_made_twice_and_a_newer_one_supersedes(self, crm: Crm) -> None:
        outbox.write([outbox.row("101")])
        first = planned(crm)
        assert planned(crm) == first
        outbox.write([outbox.row("101", grade="A")])
        second = planned(crm)
        assert second.plan_number == 2
        states = {p.plan_number: p.state for p in Ledger("tryton").plans()}
        assert states == {1: "superseded", 2: "planned"}
        with pytest.raises(DeliveryError, match="superseded by plan 2"):
            apply("tryton", first.plan_id, crm.adapter)
        assert crm.shows("101", "score_grade") is None

    def test_by_the_wall_clock_values_expire_though_no_new_ones_come(
        self, crm: Crm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outbox.write([outbox.row("101")])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        assert planned(crm).clears == 0
        today = by_the_wall(monkeypatch, "America/New_York")
        made = planned(crm)
        assert (made.clears, made.as_of_date) == (FIELDS, today)

    def test_a_waiting_plan_that_grew_too_old_is_replaced_by_one_that_can_be_sent(
        self, crm: Crm
    ) -> None:
        outbox.write([outbox.row("101")])
        first = planned(crm)
        made_days_ago(first, 8)
        second = planned(crm)
        assert second.plan_number == 2
        states = {p.plan_number: p.state for p in Ledger("tryton").plans()}
        assert states == {1: "superseded", 2: "planned"}
        with pytest.raises(DeliveryError, match="plan 1 is superseded by plan 2"):
            apply("tryton", first.plan_id, crm.adapter)
        assert apply("tryton", crm=crm.adapter).sent == 1

    @pytest.mark.parametrize("commits", [0, 1, 2])
    def test_a_killed_plan_made_again_is_one_plan_and_can_be_sent(
        self, crm: Crm, commits: int
    ) -> None:
        outbox.write([outbox.row(account) for account in ACCOUNTS])
        planned(crm)
        outbox.write([outbox.row(account, grade="A") for account in ACCOUNTS])
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_PLAN, str(commits)], env=os.environ.copy(), cwd=ROOT
        )
        assert killed.returncode == -9
        there = Ledger("tryton").plan(None)
        assert (there.plan_number, there.state) == (2 if commits == 2 else 1, "planned")
        made = planned(crm)
        states = {p.plan_number: p.state for p in Ledger("tryton").plans()}
        assert states == {1: "superseded", 2: "planned"}
        assert len(outbox.planned(made.plan_id)) == FIELDS * len(ACCOUNTS)
        assert apply("tryton", crm=crm.adapter).outcomes == {"written": len(ACCOUNTS)}
        assert {crm.shows(account, "score_grade") for account in ACCOUNTS} == {"A"}

    def test_a_version_that_is_named_is_delivered_though_a_newer_one_is_there(
        self, crm: Crm
    ) -> None:
        outbox.write([outbox.row("101")])
        meant = lake.version("scores.crm_outbox")
        outbox.write([outbox.row("101", grade="E")])
        made = planned(crm, version=meant)
        assert made.outbox_version == meant
        assert items(made, "101")["score_grade"].new_value == "B"

    def test_the_clock_does_not_take_back_what_was_sent_by_hand(self, crm: Crm) -> None:
        outbox.write([outbox.row("101")])
        meant = lake.version("scores.crm_outbox")
        outbox.write([outbox.row("101", grade="E")])
        planned(crm)
        assert planned(crm, version=meant).outbox_version == meant, "nothing was sent so far"
        by_hand = planned(crm)
        apply("tryton", crm=crm.adapter)
        made = planned(crm, version=meant)
        assert (made.outbox_version, made.records) == (by_hand.outbox_version, 0)

    def test_who_objects_is_cleared_by_every_plan_whichever_version_it_delivers(
        self, crm: Crm
    ) -> None:
        outbox.write([outbox.row("101"), outbox.row("102")])
        meant = lake.version("scores.crm_outbox")
        planned(crm)
        apply("tryton", crm=crm.adapter)
        outbox.write([outbox.row("101", is_contactable=False), outbox.row("102")])
        for made in (planned(crm), planned(crm, version=meant)):
            assert {item.account_id for item in outbox.planned(made.plan_id)} == {"101"}
            assert (made.updates, made.clears) == (0, FIELDS)
        outbox.write([outbox.row("404", is_contactable=False)])
        assert items(planned(crm), "404")["*"].reason == "not_in_crm"

    def test_a_version_that_the_outbox_does_not_have_is_refused(self, crm: Crm) -> None:
        outbox.write([outbox.row("101")])
        with pytest.raises(DeliveryError, match="has no version 7, its newest is 0"):
            planned(crm, version=7)

    def test_no_name_and_no_address_is_written_down(self, crm: Crm) -> None:
        outbox.write([outbox.row(account) for account in ACCOUNTS])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        assert leaks.in_files(crm.settings.state, ["score_grade"]), "it was looked at"
        assert not leaks.in_files(crm.settings.state, ["Household 10", "@example.com"])
