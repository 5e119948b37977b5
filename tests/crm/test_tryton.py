"""The adapter against a real Tryton."""

import datetime as dt

import httpx
import pytest

from jobs.crm.adapter import Change, CrmError
from jobs.crm.jsonrpc import NoAnswer, Refused, Session, classified
from jobs.crm.tryton import Tryton
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = pytest.mark.services


def updates(crm: Crm, **values: str | None) -> list[Change]:
    found = crm.adapter.find("code", ACCOUNTS, [])
    return [Change(key, r[0].id, r[0].revision, values) for key, r in found.items()]


def test_it_describes_what_a_mapping_must_know(crm: Crm) -> None:
    told = crm.adapter.describe()
    assert (told.system, told.version, told.can_create) == ("tryton", "8.0", False)
    assert told.enforced_keys == ("code",)
    assert told.fields["score_grade"].choices == ("A", "B", "C", "D", "E")
    assert told.fields["score_value"].scale == 4
    assert told.fields["score_spend_band"].length == 20
    assert told.fields["score_as_of"].kind == "date"


def test_a_customer_s_first_address_and_telephone_are_read(crm: Crm) -> None:
    told = [
        {"street": "5 Main Street", "postal_code": "02134"},
        {"street": "1 Oak Road", "postal_code": "99999"},
    ]
    phone = {"type": "phone", "value": "+1 212 555 0123"}
    crm.edit("103", addresses=[["create", told]], contact_mechanisms=[["create", [phone]]])
    fields = ["phone", "addresses.street", "addresses.postal_code"]
    read = {
        r.values["code"]: [r.values[f] for f in fields] for r in crm.adapter.read(["code", *fields])
    }
    assert read["103"] == ["+1 212 555 0123", "5 Main Street", "02134"]
    assert read["104"] == [None, None, None]


def test_all_customers_are_read_and_empty_is_null(crm: Crm) -> None:
    read = {
        r.values["code"]: r.values for r in crm.adapter.read(["code", "name", "email", "age_band"])
    }
    assert sorted(str(key) for key in read) == ACCOUNTS
    email = "household-101@example.com"
    assert read["101"] == {
        "code": "101",
        "name": "Household 101",
        "email": email,
        "age_band": "45-54",
    }
    assert read["102"]["age_band"] is None


def test_only_what_changed_since_is_read_new_customers_and_new_addresses_among_it(
    crm: Crm,
) -> None:
    before = dt.datetime.now(dt.UTC)
    crm.edit("105", score_grade="A")
    crm.create("201")
    crm.write_email("106", "moved@example.com")
    crm.salesperson.call(
        "model.party.address.create", [{"party": crm.ids()["107"], "city": "Moved"}]
    )
    read = {r.values["code"]: r for r in crm.adapter.read(["code", "email"], since=before)}
    assert sorted(str(key) for key in read) == ["105", "106", "107", "201"]
    assert read["106"].values["email"] == "moved@example.com"
    assert crm.adapter.newest_change() == max(r.changed_at for r in read.values())
    assert list(crm.adapter.read(["code"], since=dt.datetime.now(dt.UTC))) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_written_while_we_read_is_not_passed_over(crm: Crm, is_whole: bool) -> None:
    newest = crm.adapter.newest_change()
    assert newest is not None
    small_pages = Tryton(crm.adapter._session, page_records=3)
    since = newest - dt.timedelta(minutes=1)
    reading = small_pages.read(["code", "age_band"], None if is_whole else since)
    first_page = [next(reading) for _ in range(3)]
    passed, to_come = str(first_page[0].values["code"]), next(a for a in reversed(ACCOUNTS))
    for account in (passed, to_come):
        crm.edit(account, age_band="65+")
    crm.create("201")
    read = [*first_page, *reading]
    untouched = [r.values["code"] for r in read if r.values["code"] not in (passed, to_come, "201")]
    assert sorted(str(key) for key in untouched) == [
        a for a in ACCOUNTS if a not in (passed, to_come)
    ]
    later = small_pages.read(["code", "age_band"], newest)
    found = {r.values["code"]: r.values["age_band"] for r in [*read, *later]}
    assert (found[passed], found[to_come], found["201"]) == ("65+", "65+", "45-54")


def test_a_merged_customer_says_into_whom_and_stays_readable(crm: Crm) -> None:
    crm.create("201", "202")
    before = dt.datetime.now(dt.UTC)
    crm.merge("201", into="202")
    read = {
        r.values["code"]: r.values
        for r in crm.adapter.read(["code", "active", "replaced_by_code"], before)
    }
    assert read == {"201": {"code": "201", "active": "false", "replaced_by_code": "202"}}
    assert crm.shows("202", "email") == "household-202@example.com"
    [survivor] = [r for r in crm.adapter.read(["code", "email"]) if r.values["code"] == "202"]
    assert survivor.values["email"] == "household-202@example.com", "not the other's, now inactive"


@pytest.mark.parametrize("what", ["contact_mechanism", "address", "identifier"])
def test_the_pipelines_user_can_change_nothing_that_belongs_to_a_customer(
    crm: Crm, what: str
) -> None:
    told = {"party": crm.ids()["101"], "type": "email", "value": "other@example.com"}
    values = {"contact_mechanism": told, "identifier": {"party": told["party"], "code": "1"}}
    pipeline = Session(crm.settings.crm_url, "pipeline", crm.settings.secret("crm_pipeline"))
    with pytest.raises(Refused, match=r"not.allowed"):
        pipeline.call(f"model.party.{what}.create", [values.get(what, {"party": told["party"]})])
    found = pipeline.call(f"model.party.{what}.search", [])
    for record in found[:1]:
        with pytest.raises(Refused, match=r"not.allowed"):
            pipeline.call(f"model.party.{what}.delete", [record])


def test_the_pipelines_user_can_take_no_objection_back(crm: Crm) -> None:
    crm.edit("101", no_marketing=True)
    results = crm.adapter.write(updates(crm, no_marketing="false")[:1])
    assert [(r.outcome, r.reason) for r in results] == [("permission", "not_allowed")]
    assert crm.shows("101", "no_marketing") == "true"


def test_an_objection_ticked_at_the_form_gets_its_day(crm: Crm) -> None:
    ticked = {"id": crm.ids()["101"], "no_marketing": True, "no_marketing_date": None}
    told = crm.salesperson.call("model.party.party.on_change", ticked, ["no_marketing"])
    day = told[0]["no_marketing_date"] if isinstance(told, list) else told["no_marketing_date"]
    assert {"__class__", "year", "month", "day"} == day.keys()


def test_an_unknown_key_matches_nothing_and_an_inactive_customer_neither(crm: Crm) -> None:
    crm.edit("104", active=False)
    assert crm.adapter.find("code", ["104", "no such"], []) == {"104": [], "no such": []}
    assert crm.adapter.find("code", [], []) == {}


def test_the_pipelines_user_may_write_scores_only(crm: Crm) -> None:
    results = crm.adapter.write(updates(crm, name="Taken over")[:1])
    assert [(r.outcome, r.reason) for r in results] == [("permission", "not_allowed")]
    assert crm.shows("101", "name") == "Household 101"


def test_a_wrong_password_is_a_matter_of_permission(crm: Crm) -> None:
    with pytest.raises(CrmError, match="wrong password for 'pipeline'") as refused:
        Tryton(Session(crm.settings.crm_url, "pipeline", "wrong")).describe()
    assert refused.value.kind == "permission"


def test_an_answer_that_is_no_json_is_no_answer() -> None:
    session = Session("http://crm", "pipeline", "x")
    page = httpx.Response(200, text="<html>an error page</html>")
    session._http = httpx.Client(transport=httpx.MockTransport(lambda request: page))
    with pytest.raises(NoAnswer, match="answered something else than JSON"):
        session.version()


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("ConcurrencyException", "Records were modified", ("conflict", "changed_meanwhile")),
        ("database is locked", "", ("transient", "database_locked")),
        ("UserError", "You are not allowed to write", ("permission", "not_allowed")),
        ("'no_such_field'", "", ("data", "refused: server error")),
    ],
)
def test_errors_have_classes(name: str, told: str, expected: tuple[str, str]) -> None:
    assert classified(name, told) == expected
