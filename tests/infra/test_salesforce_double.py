"""The double of Salesforce by its own addresses, and with the community's client.

Each case is a rule of docs/salesforce.md.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from simple_salesforce.api import Salesforce

from infra.sandbox.salesforce import certificate, ids, org
from infra.sandbox.salesforce.errors import RowError
from infra.sandbox.salesforce.serving import served
from tests.crm.rigs import salesforce
from tests.crm.rigs.salesforce import PERSON, SECRET, SalesforceRig

DATA = "/services/data/v59.0"
KEY, BAND = "Sales_Account_Id__c", "Score_Spend_Band__c"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceRig]:
    with salesforce.rig(tmp_path_factory.mktemp("salesforce")) as rig:
        yield rig


@pytest.fixture
def rig(server: SalesforceRig) -> Iterator[SalesforceRig]:
    server.has(["1", "2", "3"])
    server.does("habits", names_the_nameless=False, job_seconds=0.02)
    yield server
    server.does("rights", **{BAND: "write"})
    server.does("usage", used=0, limit=1_000_000)


@pytest.fixture
def api(rig: SalesforceRig) -> httpx.Client:
    """A session over HTTP."""
    return signed_in(rig.url, rig)


def signed_in(url: str, rig: SalesforceRig) -> httpx.Client:
    client = httpx.Client(base_url=url, verify=rig.tls.client(), timeout=60)
    told = {"grant_type": "client_credentials", "client_id": org.CLIENT_ID}
    answer = client.post("/services/oauth2/token", data={**told, "client_secret": SECRET})
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def asked(api: httpx.Client, soql: str, resource: str = "query") -> list[dict[str, Any]]:
    answer = api.get(f"{DATA}/{resource}", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["records"])


def by_key(api: httpx.Client) -> dict[str, str]:
    return {r[KEY]: r["Id"] for r in asked(api, f"SELECT Id, {KEY} FROM Contact")}


def refused(answer: httpx.Response) -> tuple[int, str]:
    [error] = answer.json()
    return answer.status_code, error["errorCode"]


def job(api: httpx.Client, **told: str) -> str:
    wanted = {"object": "Contact", "contentType": "CSV", "operation": "update", **told}
    answer = api.post(f"{DATA}/jobs/ingest", json=wanted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def put(api: httpx.Client, name: str, text: str) -> httpx.Response:
    as_csv = {"Content-Type": "text/csv"}
    return api.put(f"{DATA}/jobs/ingest/{name}/batches", content=text.encode(), headers=as_csv)


def closed(api: httpx.Client, name: str, state: str = "UploadComplete") -> httpx.Response:
    return api.patch(f"{DATA}/jobs/ingest/{name}", json={"state": state})


def over(api: httpx.Client, name: str) -> dict[str, Any]:
    for _ in range(200):
        told = dict(api.get(f"{DATA}/jobs/ingest/{name}").json())
        if told["state"] in {"JobComplete", "Failed", "Aborted"}:
            return told
        time.sleep(0.02)
    raise AssertionError(f"the job is still {told['state']}")


def rows(api: httpx.Client, name: str, kind: str) -> list[dict[str, str]]:
    text = api.get(f"{DATA}/jobs/ingest/{name}/{kind}").text
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_ids_end_in_a_check_of_their_capitals() -> None:
    # of the examples in Salesforce's own documentation
    for known in ("003x0000004ouM4AAI", "005R0000000GiwjIAC", "001xx000003DGb2AAG"):
        assert ids.checked(known[:15]) == known
        assert ids.whole(known[:15]) == known
    for wrong in ("003x0000004oum4AAI", "short", "", None, 7):
        with pytest.raises(RowError):
            ids.whole(wrong)


def test_without_a_session_nothing_is_told(rig: SalesforceRig, api: httpx.Client) -> None:
    rig.does("expire")
    assert refused(api.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")
    wrong = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
    answer = api.post("/services/oauth2/token", data=wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_a_person_needs_a_token_of_their_own(rig: SalesforceRig, api: httpx.Client) -> None:
    assert api.post("/sandbox/unlock", json={}).status_code == 401
    assert api.get("/sandbox/records/Contact").status_code == 401
    lines = rig.person.get(f"{rig.url}/sandbox/records/Contact").text.splitlines()
    assert len(lines) == 3


def test_each_request_counts_and_none_is_answered_over_the_limit(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    rig.does("usage", used=7, limit=9)
    told = api.get(f"{DATA}/limits/")
    assert told.headers["Sforce-Limit-Info"] == "api-usage=8/9"
    assert told.json()["DailyApiRequests"] == {"Max": 9, "Remaining": 1}
    api.get(f"{DATA}/limits")
    assert refused(api.get(f"{DATA}/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_a_query_comes_in_pages_that_new_records_do_not_move(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    rig.does("habits", page_records=2)
    first = api.get(f"{DATA}/query", params={"q": f"SELECT {KEY} FROM Contact ORDER BY {KEY}"})
    told = first.json()
    assert (told["totalSize"], told["done"], len(told["records"])) == (3, False, 2)
    rig.edit("1", BAND, "low")
    more = api.get(told["nextRecordsUrl"]).json()
    assert [r[KEY] for r in told["records"] + more["records"]] == ["1", "2", "3"]
    assert more["done"]
    assert refused(api.get(f"{DATA}/query/01gnone-2")) == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"{KEY} = '2'", ["2"]),
        (f"{KEY} != '2'", ["1", "3"]),
        (f"{KEY} IN ('1', '3', 'none')", ["1", "3"]),
        (f"{KEY} NOT IN ('1', '3')", ["2"]),
        (f"NOT {KEY} = '2' AND (Email = 'CUSTOMER1@EXAMPLE.COM' OR IsDeleted = true)", ["1"]),
        (f"{BAND} = null", ["1", "2", "3"]),
        (f"{BAND} != 'low'", ["1", "2", "3"]),
        ("SystemModstamp >= 2001-01-01T00:00:00.000Z", ["1", "2", "3"]),
        ("SystemModstamp < 2001-01-01T00:00:00+01:00", []),
        ("LastName = 'Sample \\'1'", []),
    ],
)
def test_conditions_mean_what_soql_says(api: httpx.Client, where: str, found: list[str]) -> None:
    soql = f"select {KEY.lower()} from contact where {where} order by {KEY} asc limit 9"
    assert [record[KEY] for record in asked(api, soql)] == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nothing__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Id = ", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact; DROP TABLE Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact GROUP BY Id", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_is_no_query_is_refused(api: httpx.Client, soql: str, code: str) -> None:
    assert refused(api.get(f"{DATA}/query", params={"q": soql})) == (400, code)


def test_deleted_and_merged_records_are_told_of_where_they_are_asked_for(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    known = by_key(api)
    rig.delete("1")
    rig.merge("2", into="3")
    assert by_key(api) == {"3": known["3"]}
    soql = f"SELECT {KEY}, IsDeleted, MasterRecordId FROM Contact ORDER BY {KEY}"
    told = [(r["IsDeleted"], r["MasterRecordId"]) for r in asked(api, soql, "queryAll")]
    assert told == [(True, None), (True, known["3"]), (False, None)]


def test_of_a_hidden_field_nothing_is_known_and_a_read_only_one_is_seen(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    def fields() -> dict[str, Any]:
        told = api.get(f"{DATA}/sobjects/Contact/describe").json()
        return {field["name"]: field for field in told["fields"]}

    rig.does("rights", **{BAND: "read"})
    assert (fields()[BAND]["updateable"], fields()[KEY]["updateable"]) == (False, True)
    rig.does("rights", **{BAND: "hidden"})
    assert BAND not in fields()
    assert refused(api.get(f"{DATA}/query", params={"q": f"SELECT {BAND} FROM Contact"})) == (
        400,
        "INVALID_FIELD",
    )


def patch(api: httpx.Client, records: list[dict[str, Any]], path: str = "", **more: Any) -> Any:
    of = [{"attributes": {"type": "Contact"}, **record} for record in records]
    told = {"records": of, **more}
    return api.patch(f"{DATA}/composite/sobjects{path}", json=told)


def codes(answer: httpx.Response) -> list[str]:
    return [r["errors"][0]["statusCode"] if r["errors"] else "" for r in answer.json()]


def test_collections_refuse_records_one_by_one_in_their_order(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    known = by_key(api)
    rig.delete("3")
    told = patch(
        api,
        [
            {"id": known["1"], BAND: "x" * 41},
            {"id": known["2"], BAND: "low"},
            {"id": known["3"], BAND: "low"},
            {"id": ids.made("003", 7), BAND: "low"},
            {"id": "none", BAND: "low"},
            {"id": known["2"], KEY: "1"},
            {"id": known["2"], "LastName": None},
            {"id": known["2"], "Score_Grade__c": "F"},
            {"id": known["2"], "Score_Value__c": "much"},
            {"id": known["2"], "Score_Value__c": 1e15},
            {"id": known["2"], "Score_As_Of__c": "2017-02-30"},
            {"id": known["2"], "Email": "nowhere"},
            {"id": known["2"], "SystemModstamp": "2017-01-01T00:00:00Z"},
        ],
    )
    assert codes(told) == [
        "STRING_TOO_LONG",
        "",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "DUPLICATE_VALUE",
        "REQUIRED_FIELD_MISSING",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "INVALID_EMAIL_ADDRESS",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
    ]


def test_collections_take_all_or_none_where_they_are_told_to(api: httpx.Client) -> None:
    known = by_key(api)
    records = [{"id": known["1"], BAND: "low"}, {"id": known["2"], BAND: "x" * 41}]
    told = patch(api, records, allOrNone=True)
    assert codes(told) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "STRING_TOO_LONG"]
    assert {r[BAND] for r in asked(api, f"SELECT {BAND} FROM Contact")} == {None}


def test_an_upsert_makes_what_is_missing_and_refuses_twins(api: httpx.Client) -> None:
    named = {"LastName": "New"}
    records = [{KEY: "1", BAND: "low"}, {KEY: "9", **named}, {KEY: "8", **named}]
    told = patch(api, [*records, {KEY: "8", **named}, {KEY: "7"}, {}], f"/Contact/{KEY}")
    assert codes(told) == [
        "",
        "",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "REQUIRED_FIELD_MISSING",
        "MISSING_ARGUMENT",
    ]
    assert [result.get("created") for result in told.json()[:2]] == [False, True]
    assert set(by_key(api)) == {"1", "2", "3", "9"}


@pytest.mark.parametrize(
    ("records", "path", "told"),
    [
        ([], "", (400, "JSON_PARSER_ERROR")),
        ([{"id": "x"}] * 201, "", (400, "LIMIT_EXCEEDED")),
        ([{"id": "x", "Nothing__c": 1}], "", (400, "INVALID_FIELD")),
        ([{"LastName": "x"}], "/Contact/LastName", (400, "INVALID_FIELD")),
        ([{"LastName": "x"}], f"/Nothing/{KEY}", (404, "NOT_FOUND")),
    ],
)
def test_collections_that_are_not_well_formed_are_refused_whole(
    api: httpx.Client, records: list[dict[str, Any]], path: str, told: tuple[int, str]
) -> None:
    assert refused(patch(api, records, path)) == told


def test_a_job_runs_from_the_word_on_that_its_file_is_complete(api: httpx.Client) -> None:
    known = by_key(api)
    name = job(api)
    assert name.startswith("750")
    table = f"Id,{BAND},Score_Rank__c\n{known['1']},low,1\n"
    table += f"{known['2']},{'x' * 41},2\n{known['3']},,#N/A\n"
    assert put(api, name, table).status_code == 201
    assert refused(put(api, name, table))[0] == 400, "one file a job"
    early = api.get(f"{DATA}/jobs/ingest/{name}/successfulResults")
    assert refused(early) == (400, "INVALIDJOBSTATE")
    assert {r[BAND] for r in asked(api, f"SELECT {BAND} FROM Contact")} == {None}
    assert closed(api, name).json()["state"] == "UploadComplete"
    info = over(api, name)
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        3,
        1,
    )
    done = rows(api, name, "successfulResults")
    assert [(r["sf__Id"], r["sf__Created"], r["Id"]) for r in done] == [
        (known[key], "false", known[key]) for key in ("3", "1")
    ], "not in the order of the file"
    [bad] = rows(api, name, "failedResults")
    assert bad["sf__Error"].startswith("STRING_TOO_LONG:")
    assert bad["sf__Error"].endswith(f":{BAND} --")
    assert rows(api, name, "unprocessedrecords") == []
    assert refused(closed(api, name)) == (400, "INVALIDJOBSTATE")


def test_in_a_cell_nothing_leaves_alone_and_a_sign_clears(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    known = by_key(api)
    for key in known:
        rig.edit(key, BAND, "high")
    name = job(api)
    put(api, name, f"Id,{BAND}\n{known['1']},\n{known['2']},#N/A\n")
    closed(api, name)
    over(api, name)
    seen = {r[KEY]: r[BAND] for r in asked(api, f"SELECT {KEY}, {BAND} FROM Contact")}
    assert seen == {"1": "high", "2": None, "3": "high"}


@pytest.mark.parametrize("header", [f"Id,Nothing__c,{BAND}", f"Name,{BAND},X"])
def test_a_column_that_is_no_field_fails_the_job_and_all_rows_stay_unprocessed(
    api: httpx.Client, header: str
) -> None:
    name = job(api)
    put(api, name, f"{header}\n1,2,3\n4,5,6\n")
    closed(api, name)
    info = over(api, name)
    assert info["state"] == "Failed"
    assert info["errorMessage"].startswith("InvalidBatch : Field name not found : ")
    assert len(rows(api, name, "unprocessedrecords")) == 2
    assert rows(api, name, "successfulResults") == []


def test_an_aborted_job_tells_of_the_rows_it_did_not_do(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    rig.does("habits", job_seconds=0.5)
    name, known = job(api), by_key(api)
    put(api, name, f"Id,{BAND}\n{known['1']},low\n")
    closed(api, name)
    assert closed(api, name, "Aborted").json()["state"] == "Aborted"
    time.sleep(0.7)
    assert {r[BAND] for r in asked(api, f"SELECT {BAND} FROM Contact")} == {None}
    assert over(api, name)["state"] == "Aborted"


def test_an_upsert_job_tells_which_it_made_and_refuses_twins(api: httpx.Client) -> None:
    name = job(api, operation="upsert", externalIdFieldName=KEY)
    put(api, name, f"{KEY},LastName\n1,A\n9,B\n8,C\n8,D\n")
    closed(api, name)
    over(api, name)
    made = {r[KEY]: r["sf__Created"] for r in rows(api, name, "successfulResults")}
    assert made == {"1": "false", "9": "true"}
    bad = {
        r["LastName"]: r["sf__Error"].partition(":")[0] for r in rows(api, name, "failedResults")
    }
    assert bad == {"C": "DUPLICATE_VALUE", "D": "DUPLICATE_VALUE"}


def test_locked_rows_are_refused_as_often_as_they_are_told_to(
    rig: SalesforceRig, api: httpx.Client
) -> None:
    rig.does("lock", keys=["1"], times=1)
    record = [{"id": by_key(api)["1"], BAND: "low"}]
    assert [codes(patch(api, record)) for _ in range(2)] == [["UNABLE_TO_LOCK_ROW"], [""]]


@pytest.mark.parametrize(
    "told",
    [
        {"object": "Nothing"},
        {"operation": "insert"},
        {"operation": "upsert", "externalIdFieldName": "LastName"},
        {"lineEnding": "CRLF"},
    ],
)
def test_a_job_that_cannot_be_is_refused(api: httpx.Client, told: dict[str, str]) -> None:
    wanted = {"object": "Contact", "contentType": "CSV", "operation": "update", **told}
    assert refused(api.post(f"{DATA}/jobs/ingest", json=wanted))[0] == 400


def test_the_communitys_client_writes_reads_and_counts(rig: SalesforceRig) -> None:
    session = requests.Session()
    session.verify, session.trust_env = str(rig.pair.certificate), False
    token = signed_in(rig.url, rig).headers["Authorization"].removeprefix("Bearer ")
    client = Salesforce(instance_url=rig.url, session_id=token, session=session)
    records = [{KEY: str(key), "LastName": f"L {key}"} for key in range(1, 6)]
    contact = client.bulk2.Contact
    [told] = contact.upsert(records=records, external_id_field=KEY, wait=0.05)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (5, 0)
    assert contact.get_failed_records(told["job_id"]).count("\n") == 1
    pages = list(contact.query(f"SELECT {KEY}, LastName FROM Contact", max_records=2, wait=0.05))
    names = [row["LastName"] for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert (len(pages), sorted(names)) == (3, [f"L {key}" for key in range(1, 6)])
    assert client.query_all("SELECT Id FROM Contact")["totalSize"] == 5
    assert client.api_usage["api-usage"].total == 1_000_000


def test_what_is_written_and_the_certificate_outlive_a_restart(tmp_path: Path) -> None:
    def started(then: Callable[[SalesforceRig], Any]) -> tuple[Any, bytes]:
        pair = certificate.pair(tmp_path)
        made = org.opened(tmp_path / "org.sqlite", SECRET, PERSON, daily_requests=100)
        with served(made, pair) as url:
            told = then(SalesforceRig(url, pair))
        made.storage.close()
        return told, pair.certificate.read_bytes()

    def known(rig: SalesforceRig) -> tuple[dict[str, str], str]:
        return by_key(signed_in(rig.url, rig)), rig.adapter().describe().instance

    def first(rig: SalesforceRig) -> tuple[dict[str, str], str]:
        rig.has(["1", "2"])
        return known(rig)

    assert started(first) == started(known)
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
