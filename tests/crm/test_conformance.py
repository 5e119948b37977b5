"""What every adapter must do, on every CRM: real servers where there are some, doubles elsewhere.

A case that a vendor cannot have is skipped in the words of its rig (`lacks`).
"""

import datetime as dt
import string
from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.sandbox.wire import Fault, Wire
from jobs.crm.adapter import Adapter, Change, CrmError, Field, Kind, Record, canonical
from tests.crm import rigs
from tests.crm.rigs import Rig

pytestmark = pytest.mark.services

KEYS = [str(number) for number in range(101, 113)]
MANY = [str(number) for number in range(20001, 21001)]

VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "text": st.text(string.printable + "äßé漢字\u2028", max_size=60),
    "number": st.decimals(-9999, 9999, places=6),
    "integer": st.integers(-10_000, 10_000),
    "date": st.dates(dt.date(1970, 1, 1), dt.date(2100, 1, 1)),
    "timestamp": st.datetimes(
        dt.datetime(1970, 1, 2), dt.datetime(2037, 1, 1), timezones=st.just(dt.UTC)
    ),
    "boolean": st.booleans(),
}


@pytest.fixture(scope="session", params=rigs.NAMES)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    with rigs.start(request.param, tmp_path_factory.mktemp(request.param)) as rig:
        yield rig


@pytest.fixture
def rig(started: Rig, request: pytest.FixtureRequest) -> Rig:
    case = request.node.originalname.removeprefix("test_")
    if why := started.lacks.get(case):
        pytest.skip(f"{started.name} cannot have this: {why}")
    started.has(KEYS)
    return started


def by_key(rig: Rig, adapter: Adapter, keys: Collection[str] = KEYS) -> dict[str, Record]:
    found = adapter.find(rig.key, keys, [rig.key])
    return {key: records[0] for key, records in found.items() if records}


def changes(rig: Rig, adapter: Adapter, field: str, value: str | None) -> list[Change]:
    found = by_key(rig, adapter)
    return [Change(key, r.id, r.revision, {field: value}) for key, r in found.items()]


def shown(rig: Rig, field: str, keys: Collection[str] = KEYS) -> dict[str, str | None]:
    found = rig.adapter().find(rig.key, keys, [field])
    return {key: records[0].values[field] for key, records in found.items() if records}


def test_all_records_are_read_over_pages_each_once(rig: Rig) -> None:
    read = list(rig.adapter(page_records=5).read([rig.key, rig.age]))
    assert sorted(str(r.values[rig.key]) for r in read) == KEYS
    assert len({record.id for record in read}) == len(KEYS)


def test_records_of_one_instant_are_read_once_each_over_all_pages(rig: Rig) -> None:
    rig.write_together(KEYS[:8])
    adapter = rig.adapter(page_records=3)
    since = by_key(rig, adapter)[KEYS[0]].changed_at
    read = [str(r.values[rig.key]) for r in adapter.read([rig.key], since)]
    assert set(KEYS[:8]) <= set(read)
    assert len(read) == len(set(read))


def test_a_read_since_an_instant_has_what_was_written_after_it(rig: Rig) -> None:
    before = rig.adapter().newest_change()
    assert before is not None
    rig.edit(KEYS[3], rig.age, rig.ages[1])
    read = {str(r.values[rig.key]): r for r in rig.adapter().read([rig.key, rig.age], before)}
    assert read[KEYS[3]].values[rig.age] == rig.ages[1]
    newest = rig.adapter().newest_change()
    assert newest is not None
    assert newest >= before


def test_a_deleted_record_is_read_no_more(rig: Rig) -> None:
    gone = by_key(rig, rig.adapter())[KEYS[2]]
    rig.delete(KEYS[2])
    assert rig.adapter().get([gone.id], []) == {}
    assert rig.adapter().find(rig.key, [KEYS[2]], []) == {KEYS[2]: []}
    assert {str(r.values[rig.key]) for r in rig.adapter().read([rig.key])} == set(KEYS) - {KEYS[2]}


def test_a_merged_record_says_into_which(rig: Rig) -> None:
    before = by_key(rig, rig.adapter())
    rig.merge(KEYS[0], into=KEYS[1])
    # some keep one of the two, some make a third of them
    survivor = by_key(rig, rig.adapter(), [KEYS[1]])[KEYS[1]]
    merged = {r.id: r for r in rig.adapter().read([rig.key])}[before[KEYS[0]].id]
    assert (merged.is_active, merged.merged_into) == (False, survivor.id)
    assert rig.adapter().find(rig.key, [KEYS[0]], [])[KEYS[0]] == []


def comes_back(rig: Rig, adapter: Adapter, field: Field, value: Any) -> None:
    wanted = canonical(field, value)
    [change, *_] = changes(rig, adapter, field.name, wanted)
    [result] = adapter.write([change])
    assert result.outcome == "written", result
    [record] = adapter.get([str(change.record_id)], [field.name]).values()
    assert record.values[field.name] == wanted


def test_written_values_come_back_as_their_canonical_text(rig: Rig) -> None:
    adapter = rig.adapter()
    fields = adapter.describe().fields

    for kind, name in rig.probes.items():
        field = fields[name]
        assert field.kind == kind

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        @given(value=st.none() | VALUES[kind])
        def each_comes_back(value: Any) -> None:
            comes_back(rig, adapter, field, value)  # noqa: B023 called in this round

        each_comes_back()


def test_a_batch_sent_twice_leaves_what_it_left_once(rig: Rig) -> None:
    adapter = rig.adapter()
    field = rig.probes["text"]
    first = adapter.write(changes(rig, adapter, field, "once"))
    again = adapter.write(changes(rig, adapter, field, "once"))
    assert [{r.outcome for r in results} for results in (first, again)] == [{"written"}] * 2
    assert shown(rig, field) == dict.fromkeys(KEYS, "once")
    assert len(list(adapter.read([]))) == len(KEYS)


def test_a_record_is_created_once_however_often_it_is_sent(rig: Rig) -> None:
    adapter = rig.adapter()
    new = Change("201", None, "", {rig.probes["text"]: "new"}, (rig.key, "201"))
    [made] = adapter.write([new])
    assert (made.outcome, bool(made.record_id)) == ("written", True)
    adapter.write([new])
    [record] = adapter.find(rig.key, ["201"], [rig.probes["text"]])["201"]
    assert (record.id, record.values[rig.probes["text"]]) == (made.record_id, "new")


def test_one_bad_record_among_a_thousand_is_refused_alone(rig: Rig) -> None:
    rig.has(MANY)
    adapter = rig.adapter()
    field, value = rig.too_much
    found = by_key(rig, adapter, MANY)
    ready = [Change(key, r.id, r.revision, {field: "low"}) for key, r in found.items()]
    ready[700] = replace(ready[700], values={field: value})
    size = adapter.describe().batch_records
    told = [r for at in range(0, len(ready), size) for r in adapter.write(ready[at : at + size])]
    refused = [(r.subject, r.outcome) for r in told if r.outcome != "written"]
    assert refused == [(ready[700].subject, "data")]
    assert all(value not in result.reason for result in told)
    seen = shown(rig, field, MANY)
    assert seen.pop(ready[700].subject) is None
    assert set(seen.values()) == {"low"}


def test_a_record_that_a_person_edits_in_between_is_told_or_was_not_touched(rig: Rig) -> None:
    adapter = rig.adapter()
    field = rig.probes["text"]
    ready = changes(rig, adapter, field, "ours")
    rig.edit(KEYS[4], rig.age, rig.ages[1])
    told = {r.subject: r.outcome for r in adapter.write(ready)}
    assert told[KEYS[4]] == ("conflict" if adapter.describe().is_conditional else "written")
    assert shown(rig, rig.age)[KEYS[4]] == rig.ages[1], "fields that are not ours stay"


def test_a_record_that_is_gone_is_a_conflict_and_the_others_are_written(rig: Rig) -> None:
    adapter = rig.adapter()
    ready = changes(rig, adapter, rig.probes["text"], "ours")
    rig.delete(KEYS[5])
    results = adapter.write(ready)
    told = {r.subject: r.outcome for r in results}
    assert told.pop(KEYS[5]) == "conflict", results
    assert set(told.values()) == {"written"}


def test_an_ended_session_is_opened_again(rig: Rig) -> None:
    with Wire(rig.url, [Fault("expired", on=range(2, 3))], rig.name, tls=rig.tls) as wire:
        adapter = rig.adapter(wire.url)
        told = adapter.write(changes(rig, adapter, rig.probes["text"], "ours"))
    assert {r.outcome for r in told} == {"written"}
    assert wire.hits("expired") == 1


def test_a_busy_crm_is_asked_again_after_the_time_it_names(rig: Rig) -> None:
    with Wire(
        rig.url, [Fault("busy", on=range(1, 3), retry_after=1)], rig.name, tls=rig.tls
    ) as wire:
        adapter = rig.adapter(wire.url)
        began = dt.datetime.now(dt.UTC)
        told = adapter.write(changes(rig, adapter, rig.probes["text"], "ours"))
    assert {r.outcome for r in told} == {"written"}
    assert wire.hits("busy") == 2
    assert (dt.datetime.now(dt.UTC) - began).total_seconds() >= 2


def test_a_lost_answer_is_unknown_and_a_look_decides(rig: Rig) -> None:
    with Wire(
        rig.url, [Fault("cut_after", writes=True, on=range(1, 2))], rig.name, tls=rig.tls
    ) as wire:
        behind = rig.adapter(wire.url)
        ready, sent_at = changes(rig, behind, rig.probes["text"], "ours"), dt.datetime.now(dt.UTC)
        told = behind.write(ready)
        lost = [c for c in ready if {r.subject: r for r in told}[c.subject].outcome == "unknown"]
        assert lost
        writes = wire.writes
        assert {r.outcome for r in behind.poll(lost, sent_at)} == {"written"}
        assert wire.writes == writes, "a write without an answer is never sent again by itself"
    assert shown(rig, rig.probes["text"]) == dict.fromkeys(KEYS, "ours")


def test_a_request_that_never_arrived_is_not_written_and_may_be_sent_again(rig: Rig) -> None:
    with Wire(
        rig.url, [Fault("cut_before", writes=True, on=range(1, 2))], rig.name, tls=rig.tls
    ) as wire:
        behind = rig.adapter(wire.url)
        ready, sent_at = changes(rig, behind, rig.probes["text"], "ours"), dt.datetime.now(dt.UTC)
        told = {r.outcome for r in behind.write(ready)}
        if told == {"unknown"}:
            told = {r.outcome for r in behind.poll(ready, sent_at)}
        assert told == {"transient"}
        assert {r.outcome for r in behind.write(ready)} == {"written"}


def test_a_wrong_secret_is_a_matter_of_permission_and_told_without_it(rig: Rig) -> None:
    with pytest.raises(CrmError) as refused:
        rig.adapter(secret="no-such-secret").describe()
    assert refused.value.kind == "permission"
    assert "no-such-secret" not in str(refused.value)


def test_numbers_are_rounded_before_they_are_sent(rig: Rig) -> None:
    field = rig.adapter().describe().fields[rig.probes["number"]]
    assert field.scale is not None, "without it float noise would be a change"
    assert canonical(field, Decimal("0.123456789")) == str(
        round(Decimal("0.123456789"), field.scale).normalize()
    )
