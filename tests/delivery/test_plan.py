"""What a plan says: whose a field is, what has expired, what is blocked and why."""

import datetime as dt

import pytest

from jobs.delivery.apply import apply
from jobs.delivery.ledger import DeliveryError, Item, Ledger, Plan
from jobs.delivery.mapping import FieldMap, Ownership
from jobs.delivery.plan import kept, plan
from tests.delivery import outbox
from tests.tryton_server import ACCOUNTS, Crm

FIELDS = 12  # of jobs/delivery/connections/tryton.yaml


@pytest.mark.parametrize(
    ("ownership", "old", "ours", "reason"),
    [
        ("always", "theirs", None, None),
        ("if_empty", None, None, None),
        ("if_empty", "theirs", None, "not_empty"),
        ("if_ours", None, None, None),
        ("if_ours", "theirs", None, "filled_by_a_person"),
        ("if_ours", "ours", {"ours"}, None),
        ("if_ours", "theirs", {"ours"}, "edited_by_a_person"),
        ("if_ours", None, {"ours"}, "cleared_by_a_person"),
        ("if_ours", None, {None}, None),
        ("if_ours", "perhaps ours", {"ours", "perhaps ours"}, None),
    ],
)
def test_a_field_is_ours_or_a_persons(
    ownership: Ownership, old: str | None, ours: set[str | None] | None, reason: str | None
) -> None:
    assert kept(FieldMap("f", ("c",), "as_is", ownership), old, ours) == reason


def planned(crm: Crm, today: dt.date | None = None) -> Plan:
    return plan("tryton", today, crm.adapter)


def items(made: Plan, account: str) -> dict[str, Item]:
    return {i.field: i for i in Ledger("tryton").items(made.plan_id) if i.account_id == account}


@pytest.mark.services
class TestAgainstTheCrm:
    def test_a_first_plan_fills_what_is_empty_and_counts_what_it_needs(self, crm: Crm) -> None:
        outbox.write([outbox.row("101"), outbox.row("102", reasons=[], trend=None)])
        made = planned(crm)
        assert (made.records, made.updates, made.clears) == (2, 2 * FIELDS - 2, 0)
        assert (made.unchanged, made.blocked, made.calls) == (2, 0, 1)
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
        assert states == {1: "superseded", 2: "waiting"}
        with pytest.raises(DeliveryError, match="superseded by plan 2"):
            apply("tryton", first.plan_id, crm.adapter)
        assert crm.shows("101", "score_grade") is None

    def test_no_name_and_no_address_is_written_down(self, crm: Crm) -> None:
        outbox.write([outbox.row(account) for account in ACCOUNTS])
        planned(crm)
        apply("tryton", crm=crm.adapter)
        for path in crm.settings.state.rglob("*.parquet"):
            content = path.read_bytes()
            assert b"Household 10" not in content, path
            assert b"@example.com" not in content, path
