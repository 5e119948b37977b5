"""The double of HubSpot keeps HubSpot's rules, and its client's contract; docs/hubspot.md."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hubspot import Client
from hubspot.crm.objects import (
    ApiException,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
)

from infra.sandbox.hubspot import contract
from infra.sandbox.hubspot.account import Account
from infra.sandbox.hubspot.api import Sandbox
from infra.sandbox.hubspot.index import NotSearched, Version
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import KEY, NotTaken, Property, standing, stored
from infra.sandbox.hubspot.serving import served
from jobs.settings import ROOT
from tests.conftest import free_ports

LAG = 0.3
CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture
def sandbox() -> Sandbox:
    account = Account(LAG, LAG)
    account.start([{KEY: str(n), "email": f"c{n}@example.com"} for n in range(1, 6)])
    return Sandbox(account, "the-token", "the-persons")


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    bearer = {"Authorization": f"Bearer {sandbox.token}"}
    with served(sandbox) as url, httpx.Client(base_url=url, headers=bearer) as client:
        yield client


def batch(http: httpx.Client, verb: str, *inputs: dict[str, Any], **more: Any) -> httpx.Response:
    return http.post(f"{CONTACTS}/batch/{verb}", json={"inputs": inputs, **more})


def change(id_: str, trace: str | None = None, **values: str) -> dict[str, Any]:
    return {"id": id_, "properties": values} | ({"objectWriteTraceId": trace} if trace else {})


def id_of(sandbox: Sandbox, key: str) -> str:
    record = sandbox.account.current(key, KEY)
    assert record is not None
    return record.id


def person(http: httpx.Client, sandbox: Sandbox, what: str, **told: Any) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {sandbox.person_token}"}
    return http.post(f"/sandbox/{what}", json=told, headers=bearer)


def test_the_contract_is_what_the_vendors_client_says() -> None:
    update = contract.calls()["update"]
    assert (update.method, update.path) == (
        "POST",
        "/crm/v3/objects/{objectType}/batch/update",
    )
    assert set(update.answers) == {200, 207}
    assert contract.calls()["page"].query == {"after", "archived", "limit", "properties"}
    contract.check_request(update, (), {"inputs": [change("1", name="x")]})


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ({}, "required is broken at the top"),
        ({"inputs": [{"id": "1"}]}, "required is broken at inputs/0"),
        ({"inputs": [change(1, name="x")]}, "type is broken at inputs/0/id"),  # type: ignore[arg-type]
        ({"inputs": [{"id": "1", "properties": {"name": None}}]}, "inputs/0/properties/name"),
        ({"inputs": [], "also": 1}, "additionalProperties is broken at the top"),
    ],
)
def test_a_request_that_the_client_could_not_send_is_refused(body: Any, broken: str) -> None:
    with pytest.raises(contract.Broken, match=broken):
        contract.check_request(contract.calls()["update"], (), body)


def test_a_value_of_a_closed_list_is_checked() -> None:
    body = {"filterGroups": [{"filters": [{"propertyName": "a", "operator": "LIKE"}]}]}
    with pytest.raises(
        contract.Broken, match="enum is broken at filterGroups/0/filters/0/operator"
    ):
        contract.check_request(contract.calls()["search"], (), body)


def test_an_answer_that_breaks_the_contract_is_an_error_of_the_double(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.account.start([{KEY: "1", "lastname": 7}])  # type: ignore[dict-item]
    answer = http.get(CONTACTS, params={"properties": "lastname"})
    assert answer.status_code == 500
    assert "type is broken at results/0/properties/lastname" in answer.json()["message"]


def test_the_vendors_client_reads_and_writes(http: httpx.Client, sandbox: Sandbox) -> None:
    api = Client.create(access_token=sandbox.token, host=str(http.base_url)).crm.objects
    one = SimplePublicObjectBatchInput(
        id=id_of(sandbox, "1"), properties={"score_grade": "A"}, object_write_trace_id="t"
    )
    written = api.batch_api.update("contacts", {"inputs": [one]})
    assert [each.object_write_trace_id for each in written.results] == ["t"]
    new = {"id": "77", "idProperty": KEY, "properties": {"lastname": "New"}}
    made = api.batch_api.upsert("contacts", {"inputs": [new]})
    assert [each.new for each in made.results] == [True]
    page = api.basic_api.get_page("contacts", limit=100, properties=["lastname"])
    assert [each.properties["lastname"] for each in page.results] == [None] * 5 + ["New"]
    found = api.search_api.do_search("contacts", PublicObjectSearchRequest(limit=2))
    assert (found.total, len(found.results), found.paging.next.after) == (5, 2, "2")


def test_a_search_sees_a_change_late_and_a_read_at_once(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    def found() -> list[str]:
        wanted = {"propertyName": "score_grade", "operator": "EQ", "value": "A"}
        body = {"filterGroups": [{"filters": [wanted]}], "properties": [KEY]}
        results = http.post(f"{CONTACTS}/search", json=body).json()["results"]
        return [each["properties"][KEY] for each in results]

    batch(http, "update", change(id_of(sandbox, "2"), score_grade="A"))
    assert found() == []
    asked = {"properties": ["score_grade"], "propertiesWithHistory": [], "idProperty": KEY}
    [read] = batch(http, "read", {"id": "2"}, **asked).json()["results"]
    assert read["properties"]["score_grade"] == "A"
    time.sleep(LAG + 0.1)
    assert found() == ["2"]


def test_a_search_ends_at_ten_thousand_hits() -> None:
    account = Account(LAG, LAG)
    account.index.start(Version(str(n), {}, 0, 0) for n in range(1, 10_002))
    page, total, after = account.index.search({"limit": 200, "after": "9800"}, {}, 0)
    assert (len(page), total, after) == (200, 10_001, "10000")
    with pytest.raises(NotSearched):
        account.index.search({"limit": 200, "after": "10000"}, {}, 0)


def test_only_one_sort_is_taken(http: httpx.Client) -> None:
    body = {"sorts": [{"propertyName": "email"}, {"propertyName": KEY}]}
    assert http.post(f"{CONTACTS}/search", json=body).status_code == 400


def test_a_bad_record_is_told_alone_where_each_has_a_trace_id(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    good, bad = id_of(sandbox, "1"), id_of(sandbox, "2")
    answer = batch(
        http, "update", change(good, "a", score_grade="A"), change(bad, "b", score_grade="Z")
    )
    told = answer.json()
    assert (answer.status_code, told["numErrors"]) == (207, 1)
    assert [each["id"] for each in told["results"]] == [good]
    assert told["errors"][0]["context"] == {
        "propertyName": ["score_grade"],
        "objectWriteTraceId": ["b"],
    }


def test_a_bad_record_spoils_a_batch_without_trace_ids(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    good, bad = id_of(sandbox, "1"), id_of(sandbox, "2")
    before = sandbox.account.current(good)
    answer = batch(http, "update", change(good, score_grade="A"), change(bad, score_grade="Z"))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert sandbox.account.current(good) == before


def test_ids_that_are_not_there_are_told_together(http: httpx.Client) -> None:
    asked = {"properties": [], "propertiesWithHistory": []}
    answer = batch(http, "read", {"id": "1"}, {"id": "2"}, **asked)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["category"]) == (207, "OBJECT_NOT_FOUND")
    assert error["context"]["ids"] == ["1", "2"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([{"id": "1"}] * 2, "Duplicate IDs"),
        ([{"id": str(n)} for n in range(101)], "up to 100 inputs"),
    ],
)
def test_a_batch_has_a_hundred_inputs_and_none_twice(
    http: httpx.Client, inputs: list[dict[str, str]], message: str
) -> None:
    answer = batch(http, "read", *inputs, properties=[], propertiesWithHistory=[])
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_an_upsert_makes_one_record_of_a_value_of_a_unique_property(http: httpx.Client) -> None:
    for is_new in (True, False):
        answer = batch(http, "upsert", {**change("900", lastname="New"), "idProperty": KEY})
        [made] = answer.json()["results"]
        assert (made["new"], made["properties"][KEY]) == (is_new, "900")
    answer = batch(http, "upsert", {**change("New"), "idProperty": "lastname"})
    assert (answer.status_code, "non-unique" in answer.json()["message"]) == (400, True)


def test_a_unique_value_is_one_records(http: httpx.Client, sandbox: Sandbox) -> None:
    first, second = id_of(sandbox, "1"), id_of(sandbox, "2")
    taken = batch(http, "update", change(second, email="C1@example.com"))
    assert "CONFLICTING_UNIQUE_VALUE" in taken.json()["message"]
    assert batch(http, "update", change(first, email="")).status_code == 200
    assert batch(http, "update", change(second, email="C1@example.com")).status_code == 200


def test_both_ids_of_merged_records_lead_to_the_new_one(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    old = [id_of(sandbox, key) for key in ("1", "2")]
    made = person(http, sandbox, "merge", key="2", into="1").json()["id"]
    assert made not in old
    asked = {"properties": ["hs_merged_object_ids", KEY], "propertiesWithHistory": []}
    [record] = batch(http, "read", *({"id": each} for each in old), **asked).json()["results"]
    assert (record["id"], record["properties"]["hs_merged_object_ids"]) == (made, ";".join(old))
    assert record["properties"][KEY] == "1"
    assert id_of(sandbox, "1") == made
    assert sandbox.account.current("2", KEY) is None
    listed = [each["id"] for each in http.get(CONTACTS).json()["results"]]
    assert made in listed
    assert not set(old) & set(listed)


def test_an_archived_record_is_listed_as_such_and_its_unique_value_is_free(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    gone = id_of(sandbox, "3")
    person(http, sandbox, "archive", key="3")
    listed = http.get(CONTACTS, params={"archived": "true"}).json()["results"]
    assert [(each["id"], each["archived"]) for each in listed] == [(gone, True)]
    made = batch(http, "upsert", {**change("3", lastname="New"), "idProperty": KEY}).json()
    assert made["results"][0]["new"]


def test_too_many_requests_are_refused_by_the_name_of_the_limit(
    http: httpx.Client, sandbox: Sandbox
) -> None:
    sandbox.limits = Limits(ten_seconds=2, daily=5, searches=1)
    answers = [http.get(CONTACTS) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert answers[1].headers["X-HubSpot-RateLimit-Daily-Remaining"] == "3"
    searches = [http.post(f"{CONTACTS}/search", json={}) for _ in range(2)]
    assert searches[1].json()["policyName"] == "SECONDLY"
    assert not [name for name in searches[0].headers if "ratelimit" in name]
    sandbox.limits.used = 5
    assert http.get(CONTACTS).json()["policyName"] == "DAILY"


def test_each_token_opens_its_own_door(http: httpx.Client, sandbox: Sandbox) -> None:
    assert http.post("/sandbox/archive", json={"key": "1"}).status_code == 401
    theirs = {"Authorization": f"Bearer {sandbox.person_token}"}
    told = http.get(CONTACTS, headers=theirs)
    assert (told.status_code, told.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    person(http, sandbox, "expire", requests=1)
    assert http.get(CONTACTS).json()["category"] == "EXPIRED_AUTHENTICATION"
    assert http.get(CONTACTS).status_code == 200


def test_a_person_stamps_records_with_one_instant(http: httpx.Client, sandbox: Sandbox) -> None:
    person(http, sandbox, "together", keys=["1", "2"], values={"age_band": "65+"})
    records = [sandbox.account.current(key, KEY) for key in ("1", "2", "3")]
    assert [r and r.properties.get("age_band") for r in records] == ["65+", "65+", None]
    first, second, third = (r.updated for r in records if r)
    assert first == second != third


PROPERTIES = standing()


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("score_value", "0.50", "0.5"),
        ("score_as_of", "2017-11-27", "2017-11-27"),
        ("score_as_of", "1511740800000", "2017-11-27"),  # midnight in UTC
        ("score_delivered_at", "2017-11-27T10:00:00+02:00", "2017-11-27T08:00:00.000Z"),
        ("score_is_new", "true", "true"),
        ("score_reasons", " a ", "a"),
        ("score_grade", "", ""),
        ("email", "A@Example.com", "a@example.com"),
    ],
)
def test_a_value_is_kept(name: str, value: str, kept: str) -> None:
    assert stored(PROPERTIES[name], value) == kept


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("score_value", "much", "INVALID_NUMBER"),
        ("score_value", "NaN", "INVALID_NUMBER"),
        ("score_as_of", "1511740800001", "INVALID_DATE"),
        ("score_delivered_at", "yesterday", "INVALID_DATE"),
        ("score_grade", "F", "INVALID_OPTION"),
        ("score_is_new", "yes", "INVALID_OPTION"),
        ("score_reasons", "x" * 65_537, "TOO_LONG"),
        ("hs_object_id", "1", "READ_ONLY_VALUE"),
        ("hubspotscore", "1", "READ_ONLY_VALUE"),
    ],
)
def test_a_value_is_not_taken(name: str, value: str, code: str) -> None:
    with pytest.raises(NotTaken) as refused:
        stored(PROPERTIES[name], value)
    assert refused.value.code == code


def test_of_several_options_each_is_checked() -> None:
    several = Property("colours", ("enumeration", "checkbox"), ("red", "blue"))
    assert stored(several, "red;blue") == "red;blue"
    with pytest.raises(NotTaken):
        stored(several, "red;green")
    with pytest.raises(NotTaken):
        stored(replace(several, form=("enumeration", "select")), "red;blue")


def test_a_property_is_made_once(http: httpx.Client) -> None:
    new = {"name": "score_new", "label": "New", "type": "number", "fieldType": "number"}
    made = [
        http.post(
            "/crm/v3/properties/contacts/batch/create",
            json={"inputs": [{**new, "groupName": "contactinformation"}]},
        ).status_code
        for _ in range(2)
    ]
    assert made == [201, 409]
    told = http.get("/crm/v3/properties/contacts").json()["results"]
    assert [each["type"] for each in told if each["name"] == "score_new"] == ["number"]


@pytest.mark.services
def test_the_command_serves_an_account_and_says_how_to_ask_it(tmp_path: Path) -> None:
    port = free_ports(1)
    command = [sys.executable, "-m", "infra.sandbox.hubspot", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--records", "25"],
        env={**os.environ, "SALES_STATE": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(4)]
        token = (tmp_path / "secrets" / "hubspot_sandbox").read_text()
        assert token not in "".join(told), "a terminal keeps what it shows"
        url = f"http://127.0.0.1:{port}/account-info/v3/details"
        answer = asked(url, {"Authorization": f"Bearer {token}"})
        assert f"account {answer.json()['portalId']}, 25 made-up contacts" in told[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


def asked(url: str, headers: dict[str, str]) -> httpx.Response:
    """The first answer of a server that is starting."""
    until = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, headers=headers)
        except httpx.ConnectError:
            assert time.monotonic() < until, f"{url} does not listen"
            time.sleep(0.1)


def test_the_double_knows_no_other_object(http: httpx.Client) -> None:
    assert http.get("/crm/v3/objects/deals").status_code == 400


def test_the_vendors_client_is_told_of_a_refusal(http: httpx.Client, sandbox: Sandbox) -> None:
    api = Client.create(access_token="another", host=str(http.base_url)).crm.objects
    with pytest.raises(ApiException) as refused:
        api.basic_api.get_page("contacts")
    assert refused.value.status == 401
