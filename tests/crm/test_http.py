"""The adapter of signed JSON where it is unlike others; the rest is in test_conformance.py."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jobs.crm.access import connect
from jobs.crm.adapter import Change, CrmError
from jobs.crm.signed import Session, signature
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from tests.connections import connections
from tests.crm.rigs import http as rigs
from tests.crm.rigs.http import OPTIONS, HttpRig
from tests.delivery import outbox

__all__ = ["connections"]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRig]:
    with rigs.rig(tmp_path_factory.mktemp("http")) as rig:
        yield rig


@pytest.fixture
def rig(started: HttpRig) -> HttpRig:
    started.has(["101", "102"])
    return started


def test_a_signature_is_the_one_worked_by_hand() -> None:
    # printf '1511740800\nab\nPOST\n/read\n%s' "$(printf '{}' | sha256sum | cut -c1-64)" \
    #   | openssl dgst -sha256 -hmac key
    made = signature("key", "1511740800", "ab", "/read", b"{}")
    assert made == "28ad2d1ed1caf6e50515f977792ce1d52ccf576c4c2ef7b3d0d4ee4bb28cb8af"


def test_a_request_that_comes_again_is_refused(rig: HttpRig) -> None:
    session = Session(rig.access())
    headers = session._signed("/read", b'{"field": "code", "keys": [], "fields": []}')
    body = b'{"field": "code", "keys": [], "fields": []}'
    sent = [httpx.post(f"{rig.url}/read", content=body, headers=headers) for _ in range(2)]
    assert [each.status_code for each in sent] == [200, 401]


def test_a_changed_body_is_refused(rig: HttpRig) -> None:
    headers = Session(rig.access())._signed("/write", b'{"records": []}')
    body = b'{"records": [{"id": "1", "values": {}}]}'
    assert httpx.post(f"{rig.url}/write", content=body, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("url", "why"),
    [("http://127.0.0.2:1", "none of the hosts"), ("http://crm.example.com", "go over https only")],
)
def test_only_a_host_that_is_allowed_is_asked(rig: HttpRig, url: str, why: str) -> None:
    options = OPTIONS | {"hosts": "127.0.0.1 crm.example.com"}
    with pytest.raises(CrmError, match=why):
        Session(rig.access(url=url, options=options))


def test_it_cannot_be_listed_and_says_so(rig: HttpRig) -> None:
    adapter = rig.adapter()
    assert not adapter.describe().can_list
    with pytest.raises(CrmError, match="by key only"):
        adapter.read([])


def test_what_is_missing_in_a_connection_is_told_at_once(rig: HttpRig) -> None:
    options = {name: OPTIONS[name] for name in ("hosts", "key", "write")}
    with pytest.raises(CrmError, match=r"http: server.fields, server.read is missing"):
        connect("http", rig.access(options=options))


@pytest.mark.parametrize("told", ["value:float", "value"])
def test_a_field_has_a_kind_that_we_know(rig: HttpRig, told: str) -> None:
    with pytest.raises(CrmError, match=r"value.*a kind is one of text, number"):
        connect("http", rig.access(options=OPTIONS | {"fields": told}))


def test_fields_are_what_the_connection_says(rig: HttpRig) -> None:
    fields = {"grade:choice:A|B", "value:number:2", "note:text:40", "seen:timestamp"}
    options = OPTIONS | {"fields": " ".join(sorted(fields))}
    told = connect("http", rig.access(options=options)).describe().fields
    assert told["grade"].choices == ("A", "B")
    assert (told["value"].scale, told["note"].length) == (2, 40)
    assert told["seen"].kind == "timestamp"


def test_a_record_that_is_gone_is_not_found(rig: HttpRig) -> None:
    adapter = rig.adapter()
    [gone] = adapter.find("code", ["101"], [])["101"]
    rig.delete("101")
    assert adapter.get([gone.id], []) == {}
    assert adapter.find("code", ["101"], []) == {"101": []}


def test_a_batch_that_is_sent_twice_makes_no_more_records(rig: HttpRig) -> None:
    new = [Change(key, None, "", {"reasons": "x"}, ("code", key)) for key in ("102", "103")]
    for _ in range(2):
        assert {r.outcome for r in rig.adapter().write(new)} == {"written"}
    assert len(rig.crm.records) == 3


def test_an_unknown_code_is_no_success(rig: HttpRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.crm, "write", lambda row: {"id": row["id"], "code": "WAT: Ann"})
    [result] = rig.adapter().write([Change("101", "1", "1", {"reasons": "x"})])
    assert (result.outcome, result.reason) == ("data", "not_accepted")


def test_an_answer_that_is_too_short_is_none(rig: HttpRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "ask", lambda *_, **__: {"results": []})
    [result] = rig.adapter().write([Change("101", "1", "1", {"reasons": "x"})])
    assert result.outcome == "unknown"


@pytest.mark.parametrize("told", ["0", "-1", "x", "1e3"])
def test_what_is_no_number_of_records_is_refused(rig: HttpRig, told: str) -> None:
    with pytest.raises(CrmError, match=f"batch_records '{told}': write a number"):
        connect("http", rig.access(options=OPTIONS | {"batch_records": told}))


@pytest.mark.parametrize("answer", [{}, [], {"records": [{"id": "1"}]}, {"records": "none"}])
def test_an_answer_of_another_form_is_told_in_a_sentence(
    rig: HttpRig, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(Session, "ask", lambda *_, **__: answer)
    with pytest.raises(CrmError, match="/read answers in another form than"):
        rig.adapter().get(["1"], ["reasons"])


@pytest.mark.parametrize("answer", [{}, [], {"results": ["ok"]}, {"results": None}])
def test_a_write_whose_answer_is_of_another_form_may_or_may_not_have_been(
    rig: HttpRig, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(Session, "ask", lambda *_, **__: answer)
    [result] = rig.adapter().write([Change("101", "1", "1", {"reasons": "x"})])
    assert result.outcome == "unknown"


def test_records_that_nobody_asked_for_are_left_out(
    rig: HttpRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = rig.crm.read
    monkeypatch.setattr(
        rig.crm, "read", lambda told: read({**told, "keys": ["101", "102"]}) if told["keys"] else []
    )
    assert set(rig.adapter().find("code", ["101"], ["reasons"])) == {"101"}


def test_who_left_the_outbox_is_emptied_though_the_crm_is_asked_by_key_only(
    rig: HttpRig, connections: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = "  reasons: {from: reasons, as: texts, ownership: if_ours, purpose: p}\n"
    text = (connections / "tryton.yaml").read_text()
    limits = text[text.rindex("limits:") :]
    (connections / "http.yaml").write_text(
        "adapter: http\nmatch: [{field: code, from: account_id}]\n"
        f"purposes: {{p: {{text: advise, legal_basis: consent}}}}\n{limits}\nfields:\n{fields}"
    )
    outbox.write([outbox.row("101"), outbox.row("102")])
    plan("http", crm=rig.adapter())
    apply("http", crm=rig.adapter())
    outbox.write([outbox.row("102")])
    made = plan("http", crm=rig.adapter())
    assert (made.records, made.clears) == (1, 1)
    apply("http", crm=rig.adapter())
    at = rig.crm.by_code("101")
    assert at
    assert rig.crm.records[at]["reasons"] is None


def test_what_a_person_wrote_is_read_as_it_stands(rig: HttpRig) -> None:
    at = next(iter(rig.crm.records))
    rig.crm.records[at]["value"] = "about ten"
    assert rig.adapter().get([at], ["value"])[at].values == {"value": "about ten"}


def test_a_record_that_nobody_asked_for_by_id_is_left_out(
    rig: HttpRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ids = rig.crm.read, [*rig.crm.records]
    monkeypatch.setattr(rig.crm, "read", lambda told: read({**told, "keys": ids}))
    assert set(rig.adapter().get(ids[:1], ["reasons"])) == {ids[0]}
