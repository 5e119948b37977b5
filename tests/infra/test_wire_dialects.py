"""What the wire proxy's dialects know of a request: does it write, what, and how is it refused."""

import csv
import json
from typing import Any

import pytest

from infra.sandbox.dialects import named
from infra.sandbox.dialects.plain import Plain, Request, Touched

SECRET = "token-4711"


def rest(method: str, path: str, told: Any = None, query: str = "") -> Request:
    body = told if isinstance(told, bytes) else b"" if told is None else json.dumps(told).encode()
    return Request(method, path, query, {}, body)


def tryton(method: str, *params: Any) -> Request:
    told = {"id": 1, "method": method, "params": [*params, {"language": "en"}]}
    return rest("POST", "/tryton/rpc/", told)


def party(method: str, *params: Any) -> Request:
    return tryton(f"model.party.party.{method}", *params)


def json_2(method: str, **arguments: Any) -> Request:
    return rest("POST", f"/json/2/res.partner/{method}", arguments)


def json_rpc(
    method: str, *given: Any, kind: str = "execute_kw", service: str = "object"
) -> Request:
    args = ["crm", 2, SECRET, "res.partner", method, *given]
    params = {"service": service, "method": kind, "args": args}
    return rest("POST", "/jsonrpc", {"jsonrpc": "2.0", "id": 1, "method": "call", "params": params})


def force(method: str, path: str, told: Any = None, query: str = "") -> Request:
    return rest(method, f"/services/data/v59.0/{path}", told, query)


def hubspot(method: str, path: str, told: Any = None) -> Request:
    return rest(method, f"/crm/v3/objects/contacts/{path}", told)


UPSERT, MANY, JOB = "composite/sobjects/Contact/Key__c", "composite/sobjects", "jobs/ingest/750R0"
CONTACTS = [{"attributes": {"type": "Contact"}, "Key__c": str(n), "A__c": n} for n in range(4)]
INPUTS = [{"id": str(n), "properties": {"a": "1"}} for n in range(4)]
BY_KEY = [{"id": "7", "idProperty": "account", "properties": {}}]
FILE = b"A__c,Id\n1,003A\n2,003B\n"
ROWS = {"fields": ["id", "a"], "data": [["p.1", "x"], ["p.2", "y"]]}
A_READ = {"compositeRequest": [{"method": "GET", "url": "/x"}]}
A_WRITE = {"compositeRequest": [{"method": "GET"}, {"method": "POST", "body": {}}]}

# a request that writes, and the records in it
WRITES: dict[str, list[tuple[Request, list[str]]]] = {
    "plain": [(rest("DELETE", "/x"), []), (rest("POST", "/x", b"y"), [])],
    "tryton": [
        (party("write", [1, 2], {"a": 1}, [3], {"a": 2}), ["1", "2", "3"]),
        (party("write", [1], {"a": 1}, [1], {"a": 2}), ["1", "1"]),  # as often as it stands there
        (party("create", [{"code": "7"}, {"name": "x"}]), ["code=7", ""]),
        (party("delete", [4, 5]), ["4", "5"]),
        (tryton("wizard.party.replace.execute", 1, {}, "replace"), []),
    ],
    "odoo": [
        (json_2("write", ids=[1, 2], vals={"a": 1}), ["1", "2"]),
        (json_2("load", **ROWS), ["p.1", "p.2"]),
        (json_2("load", fields=[".id", "a"], data=[["11", "x"]]), ["11"]),
        (json_2("create", vals_list=[{"name": "x"}]), [""]),
        (json_2("unlink", ids=[3]), ["3"]),
        (json_2("action_archive", ids=[3]), []),
        (json_rpc("write", [[1, 2], {"a": 1}]), ["1", "2"]),
        (json_rpc("write", [[1], {"a": 1}], {"context": {}}), ["1"]),
        (json_rpc("write", [1], {"a": 1}, kind="execute"), ["1"]),
        (rest("POST", "/xmlrpc/2/object", b"<methodCall/>"), []),
    ],
    "salesforce": [
        (force("PATCH", UPSERT, {"records": CONTACTS}), ["0", "1", "2", "3"]),
        (force("PATCH", MANY, {"records": [{"id": "003A"}]}), ["003A"]),
        (force("DELETE", MANY, query="ids=003A,003B"), ["003A", "003B"]),
        (force("PATCH", "sobjects/Contact/Key__c/7", {"A__c": 1}), ["Key__c=7"]),
        (force("PATCH", "sobjects/Contact/003A", {"A__c": 1}), ["003A"]),
        (force("POST", "composite", A_WRITE), []),
        (force("POST", "composite/batch", {"batchRequests": [{"method": "PATCH"}]}), []),
        (force("POST", "composite/tree/Account", {"records": [{}]}), []),
        (force("PUT", f"{JOB}/batches", FILE), ["003A", "003B"]),
        (force("PATCH", JOB, {"state": "UploadComplete"}), []),
    ],
    "hubspot": [
        (hubspot("POST", "batch/update", {"inputs": INPUTS}), ["0", "1", "2", "3"]),
        (hubspot("POST", "batch/upsert", {"inputs": BY_KEY}), ["account=7"]),
        (rest("POST", "/crm/objects/2026-03/x/batch/archive", {"inputs": INPUTS[:1]}), ["0"]),
        (hubspot("PATCH", "12", {"properties": {}}), ["12"]),
    ],
}
READS: dict[str, list[Request]] = {
    "plain": [rest("GET", "/x")],
    "tryton": [
        party("search_read", [], 0, 10, None, ["code"]),
        tryton("model.ir.model.access.get_access", ["party.party"]),
        tryton("common.db.login", "pipeline", {"password": SECRET}),
    ],
    "odoo": [
        json_2("search_read", domain=[]),
        json_2("fields_get"),
        json_rpc("search_read", [[]], {"fields": ["name"]}),
        json_rpc("", service="common"),
    ],
    "salesforce": [
        force("POST", "composite/sobjects/Contact", {"ids": ["003A"]}),
        force("POST", "composite", A_READ),
        force("POST", "jobs/ingest", {"operation": "update"}),
        force("PATCH", JOB, {"state": "Aborted"}),
        force("POST", "jobs/query", {"operation": "query"}),
        force("GET", "query", query="q=x"),
        rest("POST", "/services/oauth2/token", b"grant_type=x"),
    ],
    "hubspot": [
        hubspot("POST", "batch/read", {"inputs": INPUTS}),
        hubspot("POST", "search", {}),
        rest("POST", "/oauth/v1/token", b""),
    ],
}


@pytest.mark.parametrize(
    ("dialect", "request_", "ids"),
    [(dialect, request_, ids) for dialect, cases in WRITES.items() for request_, ids in cases],
)
def test_a_write_is_known_with_its_records(dialect: str, request_: Request, ids: list[str]) -> None:
    assert named(dialect).is_write(request_)
    assert [each.id for each in named(dialect).records(request_)] == ids


@pytest.mark.parametrize(
    ("dialect", "request_"),
    [(name, request_) for name, cases in READS.items() for request_ in cases],
)
def test_what_only_reads_is_no_write(dialect: str, request_: Request) -> None:
    assert not named(dialect).is_write(request_)


def test_a_plain_server_may_be_told_which_paths_write() -> None:
    speaks = Plain(writes=r"/write$")
    assert not speaks.is_write(rest("POST", "/customers/read", {}))
    assert speaks.is_write(rest("POST", "/customers/write", {}))


def test_a_digest_tells_values_apart_and_not_their_order() -> None:
    def touched(values: dict[str, Any]) -> Touched:
        return named("tryton").records(party("write", [1], values))[0]

    assert touched({"a": "x", "b": None}) == touched({"b": None, "a": "x"})
    assert touched({"a": "x", "b": None}) != touched({"a": "y", "b": None})


def test_a_key_that_may_name_a_person_is_a_digest() -> None:
    inputs = [{"id": key, "idProperty": "email"} for key in ("a@example.com", "b@example.com")]
    one, other = named("hubspot").records(hubspot("POST", "batch/upsert", {"inputs": inputs}))
    assert one.id != other.id
    assert one.id.startswith("email=sha256:")


def parted(dialect: str, whole: Request) -> Any:
    body = named(dialect).first_half(whole)
    return None if body is None else json.loads(body)


def test_half_of_a_batch_of_tryton_keeps_its_context() -> None:
    pairs = ([1], {"a": 1}, [2], {"a": 2}, [3], {"a": 3})
    assert parted("tryton", party("write", *pairs)) == party("write", *pairs[:2]).json
    several = party("write", [1, 2, 3], {"a": 1})
    assert parted("tryton", several) == party("write", [1], {"a": 1}).json
    two = [{"code": "1"}, {"code": "2"}]
    assert parted("tryton", party("create", two)) == party("create", two[:1]).json
    assert parted("tryton", party("delete", [1, 2])) == party("delete", [1]).json
    assert parted("tryton", party("write", [1], {"a": 1})) is None


def test_half_of_a_batch_of_odoo_is_of_records_not_of_fields() -> None:
    first = {**ROWS, "data": ROWS["data"][:1]}
    assert parted("odoo", json_2("load", **ROWS)) == first
    assert parted("odoo", json_2("write", ids=[1, 2], vals={"a": 1})) == {
        "ids": [1],
        "vals": {"a": 1},
    }
    assert parted("odoo", json_2("write", ids=[1], vals={})) is None
    old = parted("odoo", json_rpc("write", [1, 2], {"a": 1}, kind="execute"))
    assert old == json_rpc("write", [], {"ids": [1], "vals": {"a": 1}}).json


def test_half_of_a_batch_of_hubspot_and_of_salesforce_collections() -> None:
    upsert = hubspot("POST", "batch/upsert", {"inputs": INPUTS})
    assert parted("hubspot", upsert) == {"inputs": INPUTS[:2]}
    assert parted("hubspot", hubspot("PATCH", "12", {"properties": {}})) is None
    told = {"allOrNone": False, "records": CONTACTS}
    assert parted("salesforce", force("PATCH", UPSERT, told)) == {**told, "records": CONTACTS[:2]}
    assert parted("salesforce", force("PATCH", JOB, {"state": "UploadComplete"})) is None


def test_half_of_a_salesforce_file_keeps_its_header_and_its_rows_whole() -> None:
    file = b'Id,A__c\n1,"a\nb"\n2,"c,d"\n3,\n4,x\n'
    half = (named("salesforce").first_half(force("PUT", f"{JOB}/batches", file)) or b"").decode()
    rows = list(csv.reader(half.splitlines(keepends=True)))
    assert rows == [["Id", "A__c"], ["1", "a\nb"], ["2", "c,d"]]


def test_results_of_a_salesforce_job_are_reordered_below_their_header() -> None:
    speaks, asked = named("salesforce"), force("GET", f"{JOB}/failedResults")
    assert speaks.is_joined(asked)
    assert not speaks.is_joined(force("PATCH", UPSERT, {"records": CONTACTS}))
    told = speaks.reordered(asked, b'"sf__Id","sf__Error"\n"1","a\nb"\n"2","c"\n')
    assert told == b'"sf__Id","sf__Error"\n"2","c"\n"1","a\nb"\n'


def locked(dialect: str, request_: Request) -> tuple[int, Any]:
    answer = named(dialect).locked(request_)
    assert answer is not None
    return answer.status, json.loads(answer.body)


def test_a_lock_of_tryton_and_of_hubspot_refuses_the_request() -> None:
    told = (200, {"id": 1, "error": ["database is locked", ""]})
    assert locked("tryton", party("write", [1], {})) == told
    status, _ = locked("hubspot", hubspot("POST", "batch/upsert", {"inputs": INPUTS}))
    assert status == 423


def test_a_lock_of_odoo_is_an_error_or_a_message_of_load() -> None:
    words = "could not serialize access due to concurrent update"
    status, told = locked("odoo", json_2("write", ids=[1], vals={}))
    assert (status, told["name"]) == (500, "psycopg2.errors.SerializationFailure")
    assert told["message"] == words
    status, told = locked("odoo", json_2("load", **ROWS))
    assert (status, told["ids"], told["messages"][0]["message"]) == (200, False, words)
    status, told = locked("odoo", json_rpc("write", [[1], {}]))
    assert (status, told["error"]["data"]["message"]) == (200, words)


def test_a_lock_of_salesforce_is_of_each_record_or_of_the_one() -> None:
    status, told = locked("salesforce", force("PATCH", MANY, {"records": [{}, {}]}))
    codes = [(r["success"], r["errors"][0]["statusCode"]) for r in told]
    assert (status, codes) == (200, [(False, "UNABLE_TO_LOCK_ROW")] * 2)
    status, told = locked("salesforce", force("PATCH", "sobjects/Contact/1", {}))
    assert (status, told[0]["errorCode"]) == (400, "UNABLE_TO_LOCK_ROW")
    assert named("salesforce").locked(force("PUT", f"{JOB}/batches", FILE)) is None
