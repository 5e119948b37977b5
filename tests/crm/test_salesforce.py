"""What only Salesforce has: bulk jobs and what may cut them off, rights to fields, leads.

Run on the double; docs/salesforce.md says what that proves and what not.
"""

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.sandbox.wire import Fault, Wire
from jobs.crm.access import Access, fitting
from jobs.crm.adapter import Change, CrmError, Result
from jobs.crm.salesforce import Salesforce, connect
from jobs.crm.salesforce_errors import classified, of_cell, of_job, reason
from jobs.crm.salesforce_files import files
from jobs.crm.throttle import Throttle
from tests.crm.rigs import salesforce
from tests.crm.rigs.salesforce import REQUEST_SECONDS, SalesforceRig

KEYS = [str(number) for number in range(101, 131)]
TEXT, NUMBER, BAND = "Score_Reasons__c", "Score_Value__c", "Score_Spend_Band__c"
BULK = {"bulk_from": 10}  # records, so that small batches go by jobs


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceRig]:
    with salesforce.rig(tmp_path_factory.mktemp("salesforce")) as rig:
        yield rig


@pytest.fixture
def rig(server: SalesforceRig) -> Iterator[SalesforceRig]:
    server.has(KEYS)
    yield server
    server.does("rights", **dict.fromkeys((TEXT, BAND), "write"))
    server.does("usage", used=0, limit=1_000_000)


def changes(rig: SalesforceRig, value: str | None, field: str = TEXT) -> list[Change]:
    found = rig.adapter().find(rig.key, KEYS, [])
    return [Change(k, r.id, r.revision, {field: value}) for k, [r] in found.items()]


def outcomes(results: list[Result]) -> dict[str, str]:
    return {result.subject: result.outcome for result in results}


def shown(rig: SalesforceRig, field: str) -> dict[str, str | None]:
    found = rig.adapter().find(rig.key, KEYS, [field])
    return {key: records[0].values[field] for key, records in found.items() if records}


def state(rig: SalesforceRig, job: str) -> str:
    api = rig.adapter()._connection
    return str(api.get(f"jobs/ingest/{job}")["state"])


def test_results_of_a_job_are_joined_by_key_whatever_their_order(rig: SalesforceRig) -> None:
    ready = changes(rig, "low", BAND)
    ready[3] = replace(ready[3], values={BAND: "x" * 41})
    rig.does("lock", keys=[KEYS[7]], times=1)
    told = rig.adapter(**BULK).write(ready)
    refused = {r.subject: (r.outcome, r.reason) for r in told if r.outcome != "written"}
    assert refused == {
        KEYS[3]: ("data", f"STRING_TOO_LONG: {BAND}"),
        KEYS[7]: ("transient", "UNABLE_TO_LOCK_ROW"),
    }
    seen = shown(rig, BAND)
    assert [seen.pop(KEYS[3]), seen.pop(KEYS[7])] == [None, None]
    assert set(seen.values()) == {"low"}


def test_a_job_is_told_of_before_it_may_begin(rig: SalesforceRig) -> None:
    states: dict[str, str] = {}
    rig.adapter(**BULK).write(
        changes(rig, "ours"), lambda job: states.update({job: state(rig, job)})
    )
    [(job, told)] = states.items()
    assert told == "Open"
    assert job.startswith("750")


def test_updates_and_creates_of_a_batch_are_two_jobs_told_of_as_one(rig: SalesforceRig) -> None:
    new = [Change(k, None, "", {TEXT: "new"}, (rig.key, k)) for k in ("901", "902")]
    jobs: list[str] = []
    adapter = rig.adapter(**BULK)
    told = adapter.write([*changes(rig, "ours"), *new], jobs.append)
    assert set(outcomes(told).values()) == {"written"}
    assert len(jobs) == 1
    made = {r.subject: r.record_id for r in told if r.subject in {"901", "902"}}
    found = adapter.find(rig.key, ["901", "902"], [TEXT])
    assert {key: record.id for key, [record] in found.items()} == made
    batch = [*changes(rig, "ours"), *new]
    again = adapter.poll(batch, dt.datetime.now(dt.UTC), jobs[0])
    assert {r.subject: r.record_id for r in again if r.record_id} == made
    assert outcomes(again) == outcomes(told)


def test_in_a_file_null_clears_nothing_leaves_alone_and_signs_are_data(rig: SalesforceRig) -> None:
    first, second, *others = changes(rig, '=1+1, "quoted"\nand a second line')
    rig.edit(first.subject, BAND, "high")
    rig.edit(second.subject, BAND, "high")
    batch = [replace(first, values={BAND: None}), replace(second, values={TEXT: "#N/A"}), *others]
    told = rig.adapter(**BULK).write(batch)
    assert set(outcomes(told).values()) == {"written"}
    bands, texts = shown(rig, BAND), shown(rig, TEXT)
    assert (bands[first.subject], bands[second.subject]) == (None, "high")
    assert texts[first.subject] is None
    assert texts[second.subject] == "#N/A", "the text that means null in a file goes another way"
    assert texts[KEYS[2]] == '=1+1, "quoted"\nand a second line'


def test_a_field_without_rights_fails_the_job_and_none_of_it_is_written(rig: SalesforceRig) -> None:
    adapter = rig.adapter(**BULK)
    adapter.describe()
    rig.does("rights", **{TEXT: "hidden"})
    told = adapter.write(changes(rig, "ours"))
    assert {(r.outcome, r.reason) for r in told} == {("permission", f"INVALID_FIELD: {TEXT}")}
    assert len(told) == len(KEYS)


def test_rights_to_a_field_are_told_beforehand(rig: SalesforceRig) -> None:
    rig.does("rights", **{TEXT: "hidden", BAND: "read"})
    adapter = rig.adapter()
    fields = adapter.describe().fields
    assert TEXT not in fields
    assert not fields[BAND].is_writable
    [told, *_] = adapter.write(changes(rig, "low", BAND)[:1])
    assert (told.outcome, told.reason) == (
        "permission",
        f"INVALID_FIELD_FOR_INSERT_UPDATE: {BAND}",
    )


CUTS = {
    "the job's making is not answered": Fault("cut_after", call="POST .*/jobs/ingest ", on=[1]),
    "the file does not arrive": Fault("cut_before", call="PUT .*/batches", on=[1]),
    "the file arrives, its answer is lost": Fault("cut_after", call="PUT .*/batches", on=[1]),
    "half of the file arrives": Fault("partial", call="PUT .*/batches", on=[1]),
}


@pytest.mark.parametrize("fault", CUTS.values(), ids=CUTS)
def test_cut_off_before_its_last_word_a_job_does_nothing(rig: SalesforceRig, fault: Fault) -> None:
    ready = changes(rig, "ours")
    with Wire(rig.url, [fault], "salesforce", tls=rig.tls) as wire:
        behind = Salesforce(rig.access(wire.url), REQUEST_SECONDS, **BULK)
        assert set(outcomes(behind.write(ready)).values()) == {"transient"}
        assert wire.hits(fault.kind) == 1
        assert set(shown(rig, TEXT).values()) == {None}
        assert set(outcomes(behind.write(ready)).values()) == {"written"}


@pytest.mark.parametrize(
    ("kind", "becomes"), [("cut_before", "transient"), ("cut_after", "written")]
)
def test_of_a_lost_last_word_the_job_itself_tells(
    rig: SalesforceRig, kind: str, becomes: str
) -> None:
    ready, sent_at = changes(rig, "ours"), dt.datetime.now(dt.UTC)
    jobs: list[str] = []
    fault = Fault(kind, writes=True, call="PATCH .*/jobs/ingest", on=[1])  # type: ignore[arg-type]
    with Wire(rig.url, [fault], "salesforce", tls=rig.tls) as wire:
        behind = Salesforce(rig.access(wire.url), REQUEST_SECONDS, **BULK)
        assert set(outcomes(behind.write(ready, jobs.append)).values()) == {"unknown"}
        assert set(outcomes(behind.poll(ready, sent_at, *jobs)).values()) == {becomes}
    assert set(shown(rig, TEXT).values()) == ({"ours"} if becomes == "written" else {None})


class Killed(Exception):
    pass


def killed(job: str) -> None:
    raise Killed(job)


def test_killed_before_the_file_was_sent_a_job_is_aborted_by_the_next_run(
    rig: SalesforceRig,
) -> None:
    ready, sent_at = changes(rig, "ours"), dt.datetime.now(dt.UTC)
    with pytest.raises(Killed) as end:
        rig.adapter(**BULK).write(ready, killed)
    job = str(end.value)
    told = rig.adapter(**BULK).poll(ready, sent_at, job)
    assert {(r.outcome, r.reason) for r in told} == {("transient", "job_not_started")}
    assert state(rig, job) == "Aborted"


def test_jobs_that_earlier_runs_left_open_are_aborted(
    rig: SalesforceRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed) as end:
        rig.adapter(**BULK).write(changes(rig, "ours"), killed)
    rig.adapter(**BULK).write(changes(rig, "ours"))
    assert state(rig, str(end.value)) == "Open", "it may be another run's that goes on"
    monkeypatch.setattr("jobs.crm.salesforce_bulk.ORPHAN_MINUTES", -1.0)
    rig.adapter(**BULK).write(changes(rig, "ours"))
    assert state(rig, str(end.value)) == "Aborted"


def test_of_a_job_that_is_gone_the_records_tell(rig: SalesforceRig) -> None:
    ready = changes(rig, "ours")
    sent_at = dt.datetime.now(dt.UTC)
    rig.adapter().write(ready[:20])
    told = rig.adapter().poll(ready, sent_at, "7505g00000AAAAAAA0")
    assert set(outcomes([r for r in told if r.subject in KEYS[:20]]).values()) == {"written"}
    assert set(outcomes([r for r in told if r.subject in KEYS[20:]]).values()) == {"transient"}


def test_a_session_that_ends_while_a_job_runs_is_opened_again(rig: SalesforceRig) -> None:
    told = rig.adapter(**BULK).write(changes(rig, "ours"), lambda job: rig.does("expire") and None)
    assert set(outcomes(told).values()) == {"written"}


def test_what_a_job_reads_is_what_pages_show(rig: SalesforceRig) -> None:
    rig.adapter().write(changes(rig, 'a "b",\nc'))
    rig.merge(KEYS[0], into=KEYS[1])
    rig.delete(KEYS[2])
    names = [rig.key, TEXT, NUMBER, "HasOptedOutOfEmail", "Email"]
    by_pages = sorted(rig.adapter(page_records=7).read(names), key=lambda r: r.id)
    by_job = sorted(rig.adapter(read_by_job_from=1).read(names), key=lambda r: r.id)
    assert by_job == by_pages
    assert len(by_job) == len(KEYS) - 1
    since = max(record.changed_at for record in by_pages)
    assert list(rig.adapter(read_by_job_from=1).read(names, since))


def test_a_merged_record_is_got_by_its_old_id(rig: SalesforceRig) -> None:
    [gone, stays, *_] = changes(rig, None)
    rig.merge(gone.subject, into=stays.subject)
    [record] = rig.adapter().get([str(gone.record_id)], []).values()
    assert (record.is_active, record.merged_into) == (False, stays.record_id)


def test_a_converted_lead_says_into_which_contact(rig: SalesforceRig) -> None:
    rig.does("start", object="Lead", keys=["1", "2"])
    contact = rig.does("convert", key="1")["id"]
    access = rig.access()
    leads = Salesforce(replace(access, options={**access.options, "object": "Lead"}))
    told = {str(r.values[rig.key]): (r.is_active, r.merged_into) for r in leads.read([rig.key])}
    assert told == {"1": (False, contact), "2": (True, None)}
    assert {k: len(found) for k, found in leads.find(rig.key, ["1", "2"], []).items()} == {
        "1": 0,
        "2": 1,
    }


def test_keys_are_found_whatever_their_case_as_salesforce_keeps_them_alone(
    rig: SalesforceRig,
) -> None:
    rig.has(["Ab1", "X'1"])
    found = rig.adapter().find(rig.key, ["AB1", "X'1", "none"], [])
    assert {key: len(records) for key, records in found.items()} == {"AB1": 1, "X'1": 1, "none": 0}


def test_more_ids_than_an_address_holds_are_asked_for_in_parts(rig: SalesforceRig) -> None:
    rig.has([str(number) for number in range(1000)])
    ids = [record.id for record in rig.adapter().read([])]
    with Wire(rig.url, [], "salesforce", tls=rig.tls) as wire:
        adapter = Salesforce(rig.access(wire.url))
        assert len(adapter.get(ids, [TEXT])) == 1000
        assert len(wire.entries) <= 6


def test_the_same_record_twice_in_a_batch_is_written_once(rig: SalesforceRig) -> None:
    [first, *_] = changes(rig, "ours")
    told = rig.adapter().write([first, replace(first, subject="twin")])
    assert outcomes(told) == {first.subject: "written", "twin": "data"}


def test_what_the_organisation_grants_a_day_is_told_and_kept_to(rig: SalesforceRig) -> None:
    rig.does("usage", used=80, limit=100)
    adapter = rig.adapter()
    told = adapter.quota()
    assert told is not None
    assert (told.limit, told.used >= 80) == (100, True)
    with pytest.raises(CrmError, match="requests a day") as stopped:
        adapter.describe()
    assert stopped.value.kind == "transient"


def test_when_nothing_is_left_of_the_day_that_is_no_fault_of_the_records(
    rig: SalesforceRig,
) -> None:
    adapter, ready = rig.adapter(), changes(rig, "ours")
    adapter.describe()
    rig.does("usage", used=1_000_000)
    adapter._connection.http.throttle = Throttle(1000, daily_share=2)
    told = adapter.write(ready)
    assert {(r.outcome, r.reason) for r in told} == {("transient", "REQUEST_LIMIT_EXCEEDED")}


def test_a_session_given_as_such_works_and_cannot_be_renewed(rig: SalesforceRig) -> None:
    signed_in = rig.adapter()
    signed_in.describe()
    token = str(signed_in._connection.http._token)
    access = replace(rig.access(), user="", secret=token)
    assert connect(access).describe().can_create
    rig.does("expire")
    with pytest.raises(CrmError) as ended:
        connect(access).describe()
    assert ended.value.kind == "permission"
    assert token not in str(ended.value)
    assert token not in repr(access)


def test_a_certificate_that_is_not_trusted_is_told(rig: SalesforceRig) -> None:
    options = {"object": "Contact", "key": rig.key}
    with pytest.raises(CrmError, match="ca_file") as refused:
        connect(replace(rig.access(), options=options)).describe()
    assert refused.value.kind == "permission"


def test_without_object_or_key_the_cure_is_told() -> None:
    with pytest.raises(CrmError, match=r"server\.key, server\.object is missing"):
        fitting("salesforce", Access("salesforce", "https://127.0.0.1:1", "", "x"))


def test_nothing_of_a_person_gets_into_reasons_errors_and_logs(
    rig: SalesforceRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mail, too_long = "no-such-mail", "Ada Sample, ada@example.com, " * 2
    ready = changes(rig, too_long, BAND)
    ready[0] = replace(ready[0], values={"Email": mail})
    ready[1] = Change("new", None, "", {TEXT: "x"}, (rig.key, "ada@example.com" * 4))
    told = [*rig.adapter(**BULK).write(ready), *rig.adapter().write(ready)]
    assert {result.outcome for result in told} == {"data"}
    assert rig.adapter().find("Email", ["ada@example.com"], []) == {"ada@example.com": []}
    with pytest.raises(CrmError) as error:
        list(rig.adapter().read([f"No_Such_Field__c, {mail}"]))
    said = [*(result.reason for result in told), str(error.value), caplog.text]
    assert not [text for text in said for word in (mail, "ada@", "Ada") if word in text]
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("told", "code", "kind"),
    [
        ("UNABLE_TO_LOCK_ROW:unable to obtain: 003:--", "UNABLE_TO_LOCK_ROW", "transient"),
        ("ENTITY_IS_DELETED:entity is deleted:--", "ENTITY_IS_DELETED", "conflict"),
        ("INVALID_CROSS_REFERENCE_KEY:x:--", "INVALID_CROSS_REFERENCE_KEY", "conflict"),
        ("DUPLICATE_VALUE:duplicate value found: a@b.c:F --", "DUPLICATE_VALUE", "data"),
        ("INSUFFICIENT_ACCESS_OR_READONLY:x:--", "INSUFFICIENT_ACCESS_OR_READONLY", "permission"),
        ("A_CODE_OF_TOMORROW:x:--", "A_CODE_OF_TOMORROW", "data"),
        ("Ada Sample cannot be saved", "no_code", "data"),
        ("", "no_code", "data"),
    ],
)
def test_an_error_is_classed_by_the_code_it_begins_with(told: str, code: str, kind: str) -> None:
    assert (of_cell(told), classified(of_cell(told))) == (code, kind)


def test_of_an_error_only_names_of_our_own_fields_are_kept() -> None:
    told = "STRING_TOO_LONG:Score: too large: Ada:Score__c --"
    assert reason(of_cell(told), told, {"Score__c": "x"}) == "STRING_TOO_LONG: Score__c"
    assert of_job("InvalidBatch : Field name not found : X") == "INVALID_FIELD"
    assert classified(of_job("")) == "transient"


def test_a_file_that_grows_too_large_is_parted(rig: SalesforceRig) -> None:
    fields = rig.adapter().describe().fields
    batch = changes(rig, "x" * 100)
    parts = list(files(batch, "update", "Id", fields, largest=1000))
    assert [change for part in parts for change in part.changes] == batch
    assert all(len(part.data) <= 1000 for part in parts)
    assert {part.data.splitlines()[0] for part in parts} == {f"Id,{TEXT}".encode()}
    assert list(files([], "update", "Id", fields)) == []


def test_instants_and_numbers_are_rounded_as_salesforce_keeps_them(rig: SalesforceRig) -> None:
    fields = rig.adapter().describe().fields
    assert (fields[NUMBER].kind, fields[NUMBER].scale) == ("number", 6)
    assert fields["Score_Rank__c"].kind == "integer"
    assert (fields["Score_Grade__c"].kind, fields["Score_Grade__c"].choices) == (
        "choice",
        ("A", "B", "C", "D", "E"),
    )
    assert fields["LastName"].is_required
    assert not fields["LastModifiedDate"].is_writable
