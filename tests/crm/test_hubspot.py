"""The HubSpot adapter where HubSpot is unlike others; what is alike is in test_conformance.py."""

import datetime as dt
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox.faults import Kind
from infra.sandbox.hubspot import index
from infra.sandbox.hubspot.limits import Limits
from infra.sandbox.hubspot.properties import KEY
from infra.sandbox.wire import Fault, Wire
from jobs.crm import hubspot_calls
from jobs.crm.access import Access, connect
from jobs.crm.adapter import Change, CrmError, Field, Outcome, Quota, shown
from jobs.crm.hubspot import HubSpot
from jobs.crm.hubspot_calls import Later, Session, classified
from jobs.crm.hubspot_values import described
from jobs.crm.throttle import Throttle
from tests.crm.rigs import hubspot as rigs
from tests.crm.rigs.hubspot import HubSpotRig

KEYS = ["101", "102", "103", "104"]
TEXT, CHOICE = "score_reasons", "score_grade"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpotRig]:
    with rigs.rig(tmp_path_factory.mktemp("hubspot")) as rig:
        yield rig


@pytest.fixture
def rig(started: HubSpotRig) -> Iterator[HubSpotRig]:
    limits = started.sandbox.limits
    started.has(KEYS)
    yield started
    started.person("tell", how="each")
    started.sandbox.limits = limits


def ready(adapter: HubSpot, **values: str) -> list[Change]:
    """Each record gets the value of `values` by its key (`_101`), else A."""
    found = adapter.find(KEY, KEYS, [])
    return [
        Change(key, r.id, r.revision, {CHOICE: values.get(f"_{key}", "A")})
        for key, records in found.items()
        for r in records
    ]


def outcomes(adapter: HubSpot, batch: list[Change]) -> dict[str, tuple[str, str]]:
    return {r.subject: (r.outcome, r.reason) for r in adapter.write(batch)}


def test_the_vendors_package_is_not_shadowed_by_the_adapter_of_its_name() -> None:
    assert Path(hubspot_calls.objects.__file__).parent.parts[-3:] == ("hubspot", "crm", "objects")
    assert hubspot_calls.Client.__module__ == "hubspot.client"


def test_both_records_of_a_merge_say_into_which_new_one(rig: HubSpotRig) -> None:
    adapter = rig.adapter()
    old = {key: found[0] for key, found in adapter.find(KEY, KEYS, []).items()}
    before = adapter.newest_change()
    rig.merge("102", into="101")
    [made] = adapter.find(KEY, ["101"], [])["101"]
    assert made.id not in {record.id for record in old.values()}
    assert adapter.find(KEY, ["102"], [])["102"] == []
    both = {old["101"].id, old["102"].id}
    told = {
        "all": {r.id: r for r in adapter.read([KEY])},
        "since": {r.id: r for r in adapter.read([KEY], before)},
        "by id": adapter.get([*both, old["103"].id], [KEY]),
    }
    for how, records in told.items():
        merged = {i: (records[i].is_active, records[i].merged_into) for i in both}
        assert merged == dict.fromkeys(both, (False, made.id)), how
    assert made.id not in told["by id"], "it was not asked for"


def test_a_write_by_an_id_that_was_merged_meanwhile_is_a_conflict(rig: HubSpotRig) -> None:
    adapter = rig.adapter()
    batch = ready(adapter)
    rig.merge("102", into="101")
    told = outcomes(adapter, [c for c in batch if c.subject != "101"])
    assert told == {
        "102": ("conflict", "merged_meanwhile"),
        "103": ("written", ""),
        "104": ("written", ""),
    }


@pytest.mark.parametrize("how", ["each", "whole", "silent"])
def test_bad_and_lost_records_are_found_however_hubspot_tells_of_them(
    rig: HubSpotRig, how: str
) -> None:
    adapter = rig.adapter()
    batch = ready(adapter, _103="no-such-grade")
    rig.delete("104")
    rig.person("tell", how=how)
    told = outcomes(adapter, batch)
    assert told["101"] == told["102"] == ("written", "")
    assert told["104"] == ("conflict", "record_is_gone")
    not_taken = ("data", f"not_accepted: {CHOICE} INVALID_OPTION")
    # of a record that is not told about we know that it is as it was
    assert told["103"] == (("transient", "not_written") if how == "silent" else not_taken)


def test_what_is_neither_told_nor_found_out_is_unknown(
    rig: HubSpotRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ready(rig.adapter(), _103="no-such-grade")
    rig.person("tell", how="silent")
    monkeypatch.setattr(Session._asked.retry, "stop", lambda state: True)
    with Wire(rig.url, [Fault("unavailable", call="batch/read")], rig.name) as wire:
        told = outcomes(rig.adapter(wire.url), batch)
    assert told.pop("103") == ("unknown", "not_told")
    assert set(told.values()) == {("written", "")}


def test_a_new_record_whose_value_is_not_taken_is_refused_alone(rig: HubSpotRig) -> None:
    new = [Change(k, None, "", {CHOICE: v}, (KEY, k)) for k, v in {"201": "A", "202": "F"}.items()]
    told = outcomes(rig.adapter(), new)
    assert told == {
        "201": ("written", ""),
        "202": ("data", f"not_accepted: {CHOICE} INVALID_OPTION"),
    }


def test_a_cleared_field_is_null(rig: HubSpotRig) -> None:
    adapter = rig.adapter()
    outcomes(adapter, ready(adapter))
    [record] = adapter.find(KEY, ["101"], [CHOICE])["101"]
    assert record.values == {CHOICE: "A", KEY: "101"}
    adapter.write([Change("101", record.id, record.revision, {CHOICE: None})])
    [record] = adapter.get([record.id], [CHOICE]).values()
    assert record.values == {CHOICE: None}


def test_an_email_finds_its_contact_in_any_case(rig: HubSpotRig) -> None:
    found = rig.adapter().find("email", ["C101@Example.com", "nobody@example.com"], [KEY])
    assert [r.values[KEY] for r in found["C101@Example.com"]] == ["101"]
    assert found["nobody@example.com"] == []


def test_a_field_that_is_not_unique_finds_nothing_and_says_what_does(rig: HubSpotRig) -> None:
    with pytest.raises(CrmError, match=r"contacts.lastname: .* match by one of sales_account_id"):
        rig.adapter().find("lastname", ["Sample"], [])


def test_fields_say_what_they_take(rig: HubSpotRig) -> None:
    told = rig.adapter().describe()
    fields = told.fields
    assert told.enforced_keys == (KEY, "email")
    assert (told.can_create, told.instance) == (True, str(rig.sandbox.account.portal))
    assert fields[CHOICE].choices == ("A", "B", "C", "D", "E")
    assert fields[TEXT].length == 65_536
    writable = {name: fields[name].is_writable for name in (CHOICE, "createdate", "hubspotscore")}
    assert writable == {CHOICE: True, "createdate": False, "hubspotscore": False}
    assert fields["hs_merged_object_ids"].kind == "other", "several options at once"


def test_an_option_that_is_gone_is_read_as_it_is() -> None:
    grade = Field("g", "choice", choices=("A",))
    assert (shown(grade, "Z"), shown(grade, "A"), shown(grade, "")) == ("Z", "A", None)


def test_options_that_are_kept_elsewhere_are_no_choice() -> None:
    owner = {"name": "o", "type": "enumeration", "fieldType": "select", "options": []}
    assert described(owner | {"externalOptions": True}).kind == "other"


def test_new_records_need_a_key_that_hubspot_keeps_unique(rig: HubSpotRig) -> None:
    session = Session(rig.url, rigs.TOKEN, Throttle(1000))
    assert not HubSpot(session, "lastname").describe().can_create


def test_more_records_than_a_search_shows_are_read_by_instant(rig: HubSpotRig) -> None:
    rig.has([str(number) for number in range(1, 10_101)])
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    read = [record.id for record in rig.adapter().read([], since)]
    assert (len(read), len(set(read))) == (10_100, 10_100)


def test_a_search_that_does_not_sort_is_not_believed(
    rig: HubSpotRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.edit("101", "age_band", "65+")  # the first by id is the last by instant
    time.sleep(rigs.LAG + 0.1)
    monkeypatch.setattr(index, "_sort", lambda *_: None)
    with pytest.raises(CrmError, match="did not sort by lastmodifieddate"):
        list(rig.adapter().read([], dt.datetime(2017, 1, 1, tzinfo=dt.UTC)))


def test_what_is_left_of_the_day_is_what_answers_tell(rig: HubSpotRig) -> None:
    rig.sandbox.limits = Limits(daily=1000, used=500)
    assert rig.adapter().quota() == Quota(501, 1000)


def test_our_share_of_the_day_is_not_exceeded(rig: HubSpotRig) -> None:
    rig.sandbox.limits = Limits(daily=1000, used=850)
    adapter = rig.adapter()
    adapter.quota()
    began = time.monotonic()
    with pytest.raises(Later, match="requests a day are used"):
        list(adapter.read([]))
    assert time.monotonic() - began < 1, "no waiting until tomorrow"


def test_a_day_that_is_used_up_ends_the_run(rig: HubSpotRig) -> None:
    rig.sandbox.limits = Limits(daily=0)
    began = time.monotonic()
    with pytest.raises(Later, match="requests of today are used up"):
        list(rig.adapter().read([]))
    assert time.monotonic() - began < 1


def test_the_window_of_a_limit_is_waited_for(rig: HubSpotRig) -> None:
    rig.sandbox.limits = Limits(searches=1)
    adapter, began = rig.adapter(), time.monotonic()
    assert adapter.newest_change() == adapter.newest_change()
    assert time.monotonic() - began >= 1


def test_a_busy_account_delays_a_write_and_doubles_none(rig: HubSpotRig) -> None:
    adapter = rig.adapter()
    batch = ready(adapter)
    rig.person("slow", seconds=rigs.REQUEST_SECONDS + 1)
    try:
        sent_at = dt.datetime.now(dt.UTC)
        assert {r.outcome for r in adapter.write(batch)} == {"unknown"}
    finally:
        rig.person("slow", seconds=0)
    # it is written after we gave up, and before a request has surely had its end
    patient = HubSpot(adapter._session, KEY, request_seconds=rigs.REQUEST_SECONDS + 2)
    assert {r.outcome for r in patient.poll(batch, sent_at)} == {"written"}


def test_a_token_that_ends_is_none_of_the_customers_fault(rig: HubSpotRig) -> None:
    adapter = rig.adapter()
    batch = ready(adapter)
    rig.person("expire", requests=2)
    told = outcomes(adapter, batch)
    assert {outcome for outcome, _ in told.values()} == {"transient"}
    assert rigs.TOKEN not in str(told)


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("http://api.hubapi.com", "pat", "go over https only"),
        ("https://api.hubapi.com", "pat with blanks", "has blanks"),
        ("https://api.hubapi.com", "", "is empty"),
    ],
)
def test_a_token_is_not_sent_in_the_open(url: str, token: str, why: str) -> None:
    with pytest.raises(CrmError, match=why) as refused:
        Session(url, token, Throttle())
    assert "pat" not in str(refused.value)


def test_a_server_that_is_not_there_is_told_after_some_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setattr(Session._asked.retry, "stop", lambda state: state.attempt_number == 2)
    with pytest.raises(CrmError, match="cannot be reached: NewConnectionError") as refused:
        Session(f"http://127.0.0.1:{port}", "pat", Throttle()).properties("contacts")
    assert refused.value.kind == "transient"


def test_the_access_names_the_object_and_the_key(rig: HubSpotRig) -> None:
    options = {"key": KEY, "object": "contacts"}
    adapter = connect("hubspot", Access("hubspot", rig.url, "", rigs.TOKEN, options))
    assert adapter.describe().can_create
    with pytest.raises(CrmError, match=r"crm_eu: server.key is missing"):
        connect("hubspot", Access("crm_eu", rig.url, "", rigs.TOKEN))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"category": "OBJECT_NOT_FOUND"}, ("conflict", "record_is_gone")),
        ({"category": "MISSING_SCOPES"}, ("permission", "not_allowed")),
        (
            {
                "category": "VALIDATION_ERROR",
                "message": "Property values were not valid: "
                + json.dumps(
                    [{"message": "Ann is bad", "error": "INVALID_EMAIL", "name": "email"}]
                ),
            },
            ("data", "not_accepted: email INVALID_EMAIL"),
        ),
        (
            {"category": "x@example.com", "message": "x@example.com"},
            ("data", "refused: no reason given"),
        ),
        ({}, ("data", "refused: no reason given")),
    ],
)
def test_an_error_is_told_without_values(error: dict[str, Any], told: tuple[str, str]) -> None:
    assert classified(error) == told


def test_two_at_once_make_one_record(rig: HubSpotRig) -> None:
    new = [Change("300", None, "", {CHOICE: "A"}, (KEY, "300"))]
    ids: list[str | None] = []
    sending = [
        threading.Thread(target=lambda: ids.extend(r.record_id for r in rig.adapter().write(new)))
        for _ in range(4)
    ]
    for each in sending:
        each.start()
    for each in sending:
        each.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert len(list(rig.adapter().read([]))) == len(KEYS) + 1


# how the batch's records stand after it, and after a look
AFTER: dict[Kind, tuple[Outcome, Outcome]] = {
    "garbled": ("unknown", "written"),
    "cut_early": ("unknown", "written"),
    "unavailable": ("unknown", "transient"),
    "locked": ("written", "written"),
    "reordered": ("written", "written"),
}


@pytest.mark.parametrize("kind", AFTER)
def test_what_goes_wrong_on_the_wire_is_told_as_what_it_is(rig: HubSpotRig, kind: Kind) -> None:
    with Wire(rig.url, [Fault(kind, writes=True, on=range(1, 2))], rig.name) as wire:
        behind = rig.adapter(wire.url)
        batch, sent_at = ready(behind), dt.datetime.now(dt.UTC)
        told = {r.outcome for r in behind.write(batch)}
        after = {r.outcome for r in behind.poll(batch, sent_at)}
        assert wire.hits(kind) == 1
    assert (told, after) == ({AFTER[kind][0]}, {AFTER[kind][1]})


def test_of_half_a_batch_the_look_says_which_half(rig: HubSpotRig) -> None:
    with Wire(rig.url, [Fault("partial", writes=True, on=range(1, 2))], rig.name) as wire:
        behind = rig.adapter(wire.url)
        batch, sent_at = ready(behind), dt.datetime.now(dt.UTC)
        assert {r.outcome for r in behind.write(batch)} == {"unknown"}
        after = {r.subject: r.outcome for r in behind.poll(batch, sent_at)}
    assert sorted(after.values()) == ["transient"] * 2 + ["written"] * 2
