"""A plan is taken back: from a CRM that is asked by key only, a double behind signed JSON."""

import datetime as dt
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from jobs.crm.adapter import Record
from jobs.crm.http import Http
from jobs.crm.signed import Session
from jobs.delivery.apply import apply
from jobs.delivery.ledger import Item, Ledger, Plan
from jobs.delivery.plan import plan
from jobs.delivery.revert import revert
from jobs.lake import read
from tests.connections import UNLIMITED
from tests.crm.rigs import http
from tests.crm.rigs.http import OPTIONS, REQUEST_SECONDS, HttpRig
from tests.delivery import outbox

MAPPING = f"""
adapter: http
match: [{{field: code, from: account_id}}]
purposes: {{p: {{text: to advise, legal_basis: consent}}}}
fields:
  band: {{from: grade, as: as_is, ownership: always, purpose: p}}
  value: {{from: score, as: as_is, ownership: always, purpose: p}}
  as_of: {{from: valid_until, as: as_is, ownership: always, purpose: p}}
{UNLIMITED}
"""
KEYS = ["101", "102", "103"]


class Asked(Http):
    """Remembers which records were read."""

    ids: set[str]

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        self.ids |= set(ids)
        return super().get(ids, fields)


@pytest.fixture
def rig(connections: Path, state: Path) -> Iterator[HttpRig]:
    (connections / "signed.yaml").write_text(MAPPING)
    with http.rig(state) as made:
        made.has(KEYS)
        yield made


@pytest.fixture
def crm(rig: HttpRig) -> Asked:
    made = Asked(Session(rig.access(), REQUEST_SECONDS), OPTIONS, REQUEST_SECONDS)
    made.ids = set()
    return made


def delivered(crm: Http, grades: dict[str, str], as_of: dt.date = outbox.AS_OF) -> Plan:
    until = as_of + dt.timedelta(days=14)
    told = {"as_of_date": as_of, "valid_until": until}
    outbox.write([outbox.row(key, grade=grade, **told) for key, grade in grades.items()])
    return apply("signed", plan("signed", crm=crm).plan_id, crm).plan


def taken_back(crm: Http, number: int | None = None) -> dict[tuple[str, str], Item]:
    """The items of the plan that took one back, once it was sent."""
    made = revert("signed", None if number is None else str(number), crm)
    apply("signed", made.plan_id, crm)
    return {(i.account_id, i.field): i for i in outbox.planned(made.plan_id)}


def shown(rig: HttpRig, field: str = "band") -> list[str | None]:
    return [rig.crm.records[str(rig.crm.by_code(key))].get(field) for key in KEYS]


def test_values_that_have_expired_are_emptied_and_not_put_back(rig: HttpRig, crm: Asked) -> None:
    delivered(crm, dict.fromkeys(KEYS, "B"))
    rig.edit("103", "band", "mine")  # of a person: no value of ours, it does not expire
    delivered(crm, dict.fromkeys(KEYS, "A"), outbox.AS_OF + dt.timedelta(days=21))
    items = taken_back(crm)
    assert shown(rig) == [None, None, "mine"]
    assert shown(rig, "as_of") == [None] * 3
    assert (items["101", "band"].action, items["101", "band"].reason) == ("clear", "expired")
    assert (items["103", "band"].action, items["103", "band"].reason) == ("update", None)


def test_values_that_still_hold_are_put_back(rig: HttpRig, crm: Asked) -> None:
    delivered(crm, dict.fromkeys(KEYS, "B"))
    # the last day on which they hold
    delivered(crm, dict.fromkeys(KEYS, "A"), outbox.AS_OF + dt.timedelta(days=14))
    assert {i.reason for i in taken_back(crm).values()} == {None}
    assert shown(rig) == ["B"] * 3


def test_what_a_later_plan_wrote_stays_though_it_is_the_same(rig: HttpRig, crm: Asked) -> None:
    first = delivered(crm, dict.fromkeys(KEYS, "B"))
    rig.edit("101", "band", "C")
    delivered(crm, dict.fromkeys(KEYS, "B"))  # to 101 only
    items = taken_back(crm, first.plan_number)
    assert shown(rig) == ["B", None, None]
    told = {key: items[key, "band"].reason for key in KEYS}
    assert told == {"101": "delivered_by_a_later_plan", "102": None, "103": None}


def test_a_later_plan_that_was_taken_back_keeps_nothing(rig: HttpRig, crm: Asked) -> None:
    first = delivered(crm, dict.fromkeys(KEYS, "B"))
    second = delivered(crm, dict.fromkeys(KEYS, "A"))
    taken_back(crm)
    assert shown(rig) == ["B"] * 3
    assert Ledger("signed").plan(second.plan_id).state == "reverted"
    taken_back(crm, first.plan_number)
    assert shown(rig) == [None] * 3


def test_only_the_records_of_the_plan_are_read_and_the_others_stay_in_the_mirror(
    rig: HttpRig, crm: Asked
) -> None:
    delivered(crm, dict.fromkeys(KEYS, "B"))
    delivered(crm, dict.fromkeys(KEYS, "B") | {"102": "A"})
    crm.ids.clear()
    assert set(taken_back(crm)) == {("102", "band")}
    assert crm.ids == {rig.crm.by_code("102")}
    assert shown(rig) == ["B"] * 3
    assert len(read("ops.crm_mirror")) == len(KEYS)
