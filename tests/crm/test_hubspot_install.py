"""What is made in HubSpot before scores are delivered, on the double; docs/hubspot.md."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from infra.sandbox.hubspot.account import Account
from infra.sandbox.hubspot.api import Sandbox
from infra.sandbox.hubspot.properties import KEY, VENDORS_GROUP, Property, vendors
from infra.sandbox.hubspot.schemas import MAKE
from infra.sandbox.hubspot.serving import served
from infra.sandbox.wire import Fault, Wire
from jobs.crm import hubspot_install as installing
from jobs.crm.access import Access
from jobs.crm.adapter import CrmError
from jobs.crm.hubspot import connect
from jobs.crm.hubspot_install_parts import properties
from jobs.crm.throttle import Throttle
from jobs.delivery import mapping as mappings
from jobs.delivery.__main__ import app
from jobs.delivery.check import check
from jobs.settings import ROOT
from tests.delivery import outbox

TOKEN = "token-of-an-administrator"
SHIPPED = (ROOT / "jobs/delivery/connections/hubspot.yaml").read_text()
MAPPING = mappings.parse("hubspot", SHIPPED)
NAMES = {each["name"] for each in properties(KEY)}


@pytest.fixture
def sandbox() -> Sandbox:
    """An account in which nobody has made anything."""
    account = Account(0.1, 0.1, properties=vendors(), groups={VENDORS_GROUP: "Contacts"})
    return Sandbox(account, TOKEN, "the-persons")


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[Access]:
    with served(sandbox) as url:
        options = {"object": "contacts", "key": KEY}
        yield Access("hubspot", url, "", TOKEN, options, Throttle(1000))


def test_what_is_missing_is_made_once(admin: Access, sandbox: Sandbox) -> None:
    would = installing.install(admin, dry_run=True)
    assert sandbox.account.properties.keys() == vendors().keys()
    assert list(sandbox.account.groups) == [VENDORS_GROUP]
    assert installing.install(admin) == would
    assert would[0] == "group 'Sales Scores'"
    assert {each.removeprefix("property contacts.") for each in would[1:]} == NAMES
    assert installing.install(admin) == []


def test_what_was_made_is_all_that_the_shipped_mapping_needs(admin: Access) -> None:
    assert {KEY, *MAPPING.fields} == NAMES
    installing.install(admin)
    described = connect(admin).describe()
    check(MAPPING, described, outbox.types())
    assert described.can_create
    assert described.enforced_keys == (KEY, "email")


def test_the_rest_is_made_where_some_of_it_is_there(admin: Access, sandbox: Sandbox) -> None:
    installing.install(admin)
    del sandbox.account.properties["score_trend"]
    assert installing.install(admin) == ["property contacts.score_trend"]


def test_a_property_that_is_shown_in_another_way_will_do(admin: Access, sandbox: Sandbox) -> None:
    there = Property("score_grade", ("enumeration", "radio"), ("A", "B", "C", "D", "E", "none"))
    sandbox.account.properties[there.name] = there
    assert "property contacts.score_grade" not in installing.install(admin)


def test_a_dropdown_offers_what_the_outbox_says() -> None:
    from jobs.spark import grading

    offered = {
        each["name"]: [option["value"] for option in each["options"]]
        for each in properties(KEY)
        if "options" in each
    }
    assert offered == {
        "score_grade": list(grading.GRADES),
        "score_churn_grade": list(grading.GRADES),
        "score_offer_grade": list(grading.GRADES),
        "score_expected_grade": list(grading.GRADES),
        "score_trend": ["improving", "steady", "declining", "new"],
        "score_churn_trend": ["improving", "steady", "declining", "new"],
        "score_recency_band": [
            *(name for name, _ in grading.RECENCY_BANDS),
            grading.LONGER_AGO,
            grading.NEVER,
        ],
        "score_spend_band": [*(name for name, _ in grading.SPEND_BANDS), grading.TOP_SPEND],
    }


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (
            Property("score_value", ("string", "text")),
            "score_value is string/text and must be number/number",
        ),
        (Property(KEY, ("string", "text")), f"{KEY} does not require unique values"),
        (
            Property("score_trend", ("enumeration", "checkbox"), ("improving", "steady")),
            "score_trend is enumeration/checkbox and must be enumeration/select",
        ),
        (
            Property("score_grade", ("enumeration", "select"), ("A", "B", "C", "D")),
            "score_grade lacks the options E: add them",
        ),
    ],
)
def test_a_property_that_is_something_else_is_named_and_nothing_is_made(
    admin: Access, sandbox: Sandbox, there: Property, reason: str
) -> None:
    sandbox.account.properties[there.name] = there
    with pytest.raises(CrmError, match=reason) as refused:
        installing.install(admin)
    assert refused.value.kind == "data"
    assert sandbox.account.properties.keys() == {*vendors(), there.name}


def test_a_token_that_may_not_is_told_which_scopes_it_needs(
    admin: Access, sandbox: Sandbox
) -> None:
    sandbox.scopes.remove(MAKE)
    with pytest.raises(CrmError, match=r"crm\.schemas\.contacts\.read and .*\.write") as refused:
        installing.install(admin)
    assert refused.value.kind == "permission"
    with pytest.raises(CrmError, match="401") as unknown:
        installing.install(replace(admin, secret="another-token"))
    assert TOKEN not in str(refused.value)
    assert "another-token" not in str(unknown.value)


@pytest.mark.parametrize("number", [1, 2])
def test_a_lost_answer_is_told_and_installing_again_goes_on(
    admin: Access, sandbox: Sandbox, number: int
) -> None:
    lost = Fault("cut_after", writes=True, on=(number,))
    with Wire(admin.url, [lost], "hubspot") as wire:
        through = replace(admin, url=wire.url)
        with pytest.raises(CrmError, match="install again, it goes on"):
            installing.install(through)
        installing.install(through)
    assert installing.install(admin) == []
    assert sandbox.account.properties.keys() >= NAMES


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("batch/create", {"groupName": "no_such_group"}, 400),
        ("batch/create", {"name": "Score Value"}, 400),
        ("groups", {"name": "Sales Scores"}, 400),
        ("groups", {"name": VENDORS_GROUP}, 409),
    ],
)
def test_the_double_makes_nothing_that_hubspot_would_not(
    admin: Access, sandbox: Sandbox, path: str, more: dict[str, str], status: int
) -> None:
    told = {"name": "score_value", "label": "Score"} | more
    if path != "groups":
        form = {"type": "number", "fieldType": "number", "groupName": VENDORS_GROUP}
        told = {"inputs": [form | told]}  # type: ignore[dict-item]
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    made = httpx.post(f"{admin.url}/crm/v3/properties/contacts/{path}", json=told, headers=bearer)
    assert made.status_code == status
    assert sandbox.account.properties.keys() == vendors().keys()
    assert list(sandbox.account.groups) == [VENDORS_GROUP]


def test_the_scopes_of_another_object_are_named_as_its_own() -> None:
    def told(kind: str) -> str:
        options: dict[str, Any] = {"key": KEY, "object": kind}
        return "\n".join(installing.left_to_do(Access("hubspot", "", "", "", options)))

    assert "crm.objects.companies.read, crm.objects.companies.write" in told("companies")
    assert "crm.schemas.custom.read" in told("p123_households")


def test_the_command_asks_for_a_token_and_says_what_the_deliverys_needs(
    admin: Access, connections: Path, state: Path
) -> None:
    told = SHIPPED.replace("https://api.hubapi.com", admin.url)
    (connections / "hubspot.yaml").write_text(told)
    done = CliRunner().invoke(app, ["install", "--connection", "hubspot"], input=f"{TOKEN}\n")
    assert done.exit_code == 0, done.output
    assert "made property contacts.score_grade" in done.output
    assert "crm.objects.contacts.write" in done.output
    assert TOKEN not in done.output
