"""The adapter against a real Odoo: what is its own, beyond what all adapters must do."""

import datetime as dt
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.odoo import prepare
from infra.sandbox.__main__ import ODOO_KEY, keep, with_key, works
from infra.sandbox.wire import Fault, Wire
from jobs import lake
from jobs.crm import odoo_install, odoo_key
from jobs.crm.access import Access
from jobs.crm.adapter import Change, CrmError
from jobs.crm.json2 import Protocol, Session, error_of
from jobs.crm.odoo import Odoo
from jobs.crm.odoo_load import refusals
from jobs.crm.odoo_tasks import OdooTasks
from jobs.crm.odoo_values import TASK_KEY
from jobs.crm.throttle import Throttle
from jobs.crm.writing import NoAnswer, Refused
from jobs.delivery.apply import apply
from jobs.delivery.plan import plan
from jobs.delivery.verify import verify
from jobs.settings import ROOT, settings
from tests.delivery import actions, outbox
from tests.odoo_server import PARTNER, REQUEST_SECONDS, Crm, served

pytestmark = pytest.mark.services

KEYS = [str(number) for number in range(301, 313)]
BAND = "x_sales_spend_band"
ACTION = "x_sales_next_action"
WAYS = ("phone", "email", "phone", "post")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    with served(tmp_path_factory.mktemp("odoo-server")) as crm:
        yield crm


@pytest.fixture
def crm(server: Crm) -> Crm:
    server.has(KEYS)
    return server


def changes(adapter: Odoo, **values: str | None) -> list[Change]:
    """Of `score__grade` and its like: the field score.grade."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    found = adapter.find("ref", KEYS, [])
    return [Change(key, r[0].id, r[0].revision, named) for key, r in found.items()]


def shown(crm: Crm, field: str) -> dict[str, str | None]:
    found = crm.adapter().find("ref", KEYS, [field])
    return {key: records[0].values[field] for key, records in found.items() if records}


def test_it_describes_what_a_mapping_must_know(crm: Crm) -> None:
    told = crm.adapter().describe()
    assert (told.system, told.version, told.can_create) == ("odoo", "19.0", True)
    assert told.instance.startswith("instance_")
    assert told.fields["score.grade"].choices == ("A", "B", "C", "D", "E")
    assert told.fields["score.value"].scale == 6
    assert told.fields[ACTION].length == 120, "Odoo cuts longer ones off without a word"
    writable = {field.name for field in told.fields.values() if field.is_writable}
    assert writable == {
        *("x_sales_recency_band", BAND, "x_sales_segment", ACTION),
        *("score.value", "score.grade", "score.trend"),
        *("score.reasons", "score.next_products", "score.last_order_date", "score.as_of"),
        *("score.valid_until", "score.score_name", "score.model_version", "score.link"),
        *("score.churn_grade", "score.churn_trend", "score.churn_chance", "score.churn_reasons"),
        *("score.offer_campaign", "score.offer_grade", "score.offer_chance"),
        *("score.expected_usd", "score.expected_grade"),
    }


def test_what_is_installed_is_told_and_made_once(crm: Crm) -> None:
    assert "model x_sales_score" in crm.installed
    assert "user 'sales_lakehouse'" in crm.installed
    assert odoo_install.install(crm.administrator, dry_run=True) == []
    view = crm.call("ir.ui.view", "search", domain=[["name", "=", "sales_lakehouse.scores"]])
    before = crm.call("ir.ui.view", "read", view, fields=["arch_base"])[0]["arch_base"]
    crm.call("ir.ui.view", "write", view, vals={"arch_base": before.replace("Reasons", "Why")})
    outdated = ["page of the customer's form, brought up to date"]
    assert odoo_install.install(crm.administrator, dry_run=True) == outdated
    assert odoo_install.install(crm.administrator) == outdated
    assert odoo_install.install(crm.administrator) == []


def test_an_older_installation_gets_what_is_new_and_keeps_its_scores(crm: Crm) -> None:
    crm.adapter().write(changes(crm.adapter(), score__grade="A", score__value="0.5"))
    view = crm.call("ir.ui.view", "search", domain=[["name", "=", "sales_lakehouse.scores"]])
    crm.call("ir.ui.view", "write", view, vals={"arch_base": "<data/>"})
    ours = ["model", "in", ["x_sales_score", PARTNER]]  # users have the partner's fields as well
    newer = ["|", ["name", "=", "x_sales_segment"], ["name", "=like", "x_churn%"]]
    fields = crm.call("ir.model.fields", "search", domain=[ours, *newer])
    crm.call("ir.model.fields", "unlink", fields)
    assert not {"score.churn_chance", "x_sales_segment"} & crm.adapter().describe().fields.keys()
    made = odoo_install.install(crm.administrator)
    assert made[-1] == "page of the customer's form, brought up to date"
    assert len(made) == len(fields) + 1
    assert set(shown(crm, "score.grade").values()) == {"A"}
    assert set(shown(crm, "score.churn_chance").values()) == {None}, "not 0"
    crm.adapter().write(changes(crm.adapter(), score__churn_chance="0"))
    assert set(shown(crm, "score.churn_chance").values()) == {"0"}
    crm.adapter().write(changes(crm.adapter(), x_sales_segment="Loyal"))
    assert set(shown(crm, "x_sales_segment").values()) == {"Loyal"}
    assert odoo_install.install(crm.administrator) == []


def test_the_server_has_no_password_that_anybody_knows(crm: Crm) -> None:
    login = {"db": prepare.DATABASE, "login": "admin", "password": "admin"}
    asked = {"jsonrpc": "2.0", "method": "call", "params": login}
    told = httpx.post(f"{crm.url}/web/session/authenticate", json=asked, timeout=60).json()
    assert told["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"
    assert stat.S_IMODE(crm.place.config.stat().st_mode) == 0o600
    secrets = [crm.settings.secret(name) for name in ("odoo_admin", "odoo_admin_key")]
    argv = " ".join(prepare.argv(crm.settings, crm.place))
    assert not [secret for secret in secrets if secret in argv]


def test_the_pipelines_user_may_write_its_own_fields_only(crm: Crm) -> None:
    adapter = crm.adapter()
    told = adapter.write(changes(adapter, name="Taken over"))
    assert {(r.outcome, r.reason) for r in told} == {("permission", "not_allowed")}
    [one, *_] = changes(adapter, city="Elsewhere")
    assert [(r.outcome, r.reason) for r in adapter.write([one])] == [("permission", "not_allowed")]
    assert set(shown(crm, "city").values()) == {"Boston"}
    [one, *_] = changes(adapter, x_no_profiling="true")
    assert [(r.outcome, r.reason) for r in adapter.write([one])] == [("permission", "not_allowed")]
    crm.edit(KEYS[0], x_no_profiling=True)
    assert shown(crm, "x_no_profiling")[KEYS[0]] == "true", "a person may"
    crm.edit(KEYS[0], x_no_profiling=False)
    adapter.write(changes(adapter, score__grade="A"))
    pipeline = Session(Access("odoo", crm.url, "sales_lakehouse", crm.key))
    score = pipeline.call("x_sales_score", "search", domain=[])
    for model, ids in ((PARTNER, list(crm.ids().values())), ("x_sales_score", score)):
        with pytest.raises(Refused, match="not_allowed"):
            pipeline.call(model, "unlink", ids)
    with pytest.raises(Refused, match="not_allowed"):
        pipeline.call("res.users", "write", [2], vals={"login": "other"})


def test_others_may_write_what_they_could_before(crm: Crm) -> None:
    crm.edit(*KEYS, city="Reno", name="Renamed")
    assert set(shown(crm, "city").values()) == {"Reno"}


def test_a_score_makes_no_message_at_the_customer(crm: Crm) -> None:
    def messages() -> int:
        domain = [["model", "=", PARTNER], ["res_id", "in", list(crm.ids().values())]]
        return int(crm.call("mail.message", "search_count", domain=domain))

    adapter, before = crm.adapter(), messages()
    adapter.write(changes(adapter, score__grade="A", x_sales_spend_band="high"))
    assert messages() == before


def test_values_that_are_few_alike_and_values_that_all_share_are_written(crm: Crm) -> None:
    adapter = crm.adapter()
    ready = [
        replace(change, values={BAND: ("low", "high")[at % 2], ACTION: f"call {at // 5}"})
        for at, change in enumerate(changes(adapter))
    ]
    told = adapter.write(ready)
    assert {r.outcome for r in told} == {"written"}
    assert shown(crm, ACTION) == {key: f"call {at // 5}" for at, key in enumerate(KEYS)}
    assert set(shown(crm, BAND).values()) == {"low", "high"}


def test_a_cleared_number_is_null_and_a_number_0_is_0(crm: Crm) -> None:
    adapter = crm.adapter()
    assert set(shown(crm, "score.value").values()) == {None}, "there is no score yet"
    for value in ("0", "0.25", None):
        adapter.write(changes(adapter, score__value=value))
        assert set(shown(crm, "score.value").values()) == {value}


@pytest.mark.parametrize("bad", [1, 12])
def test_bad_scores_are_named_and_the_others_written(crm: Crm, bad: int) -> None:
    crm.has([str(number) for number in range(301, 341)])
    adapter = crm.adapter()
    found = adapter.find("ref", [str(number) for number in range(301, 341)], [])
    ready = [Change(k, r[0].id, r[0].revision, {"score.grade": "B"}) for k, r in found.items()]
    for at in range(0, bad * 3, 3):
        ready[at] = replace(ready[at], values={"score.grade": "no_such_grade"})
    told = {r.subject: r for r in adapter.write(ready)}
    refused = {r.subject: (r.outcome, r.reason) for r in told.values() if r.outcome != "written"}
    assert refused == {
        ready[at].subject: ("data", "not_accepted: score.grade") for at in range(0, bad * 3, 3)
    }
    assert len(told) == 40


def test_a_score_that_somebody_deleted_meanwhile_is_a_conflict(crm: Crm) -> None:
    adapter = crm.adapter()
    adapter.write(changes(adapter, score__grade="A"))
    ready = changes(adapter, score__grade="B")
    gone = [["x_partner_id.ref", "=", KEYS[3]]]
    crm.call("x_sales_score", "unlink", crm.call("x_sales_score", "search", domain=gone))
    told = {r.subject: r for r in adapter.write(ready)}
    assert (told[KEYS[3]].outcome, told[KEYS[3]].reason) == ("conflict", "changed_meanwhile")
    assert {r.outcome for r in told.values()} == {"written", "conflict"}
    assert shown(crm, "score.grade") == dict.fromkeys(KEYS, "B") | {KEYS[3]: None}


def test_a_merged_customer_who_has_a_score_says_into_whom(crm: Crm) -> None:
    adapter = crm.adapter()
    adapter.write(changes(adapter, score__grade="A"))
    before = {key: found[0] for key, found in adapter.find("ref", KEYS, []).items()}
    late = changes(adapter, score__grade="C")
    instant = adapter.newest_change()
    crm.merge(KEYS[0], into=KEYS[1])
    for since in (None, instant):
        merged = {r.id: r for r in adapter.read(["ref"], since)}[before[KEYS[0]].id]
        assert (merged.is_active, merged.merged_into) == (False, before[KEYS[1]].id)
        assert merged.values == {"ref": None}
    told = {r.subject: r.outcome for r in adapter.write(late)}
    assert told.pop(KEYS[0]) == "conflict"
    assert set(told.values()) == {"written"}
    [survivor] = adapter.find("ref", [KEYS[1]], ["score.grade"])[KEYS[1]]
    assert survivor.values["score.grade"] == "C", "not the other's, which is there too"


def test_a_customer_that_we_made_and_a_person_merged_is_not_made_into_the_other(crm: Crm) -> None:
    adapter = crm.adapter()
    new = Change("401", None, "", {"score.grade": "A", BAND: "low"}, ("ref", "401"))
    [made] = adapter.write([new])
    [again] = adapter.write([new])
    assert (made.outcome, again.outcome) == ("written", "written")
    assert again.record_id == made.record_id
    crm.merge("401", into=KEYS[1])
    [refused] = adapter.write([replace(new, values={BAND: "high"})])
    assert (refused.outcome, refused.reason) == ("conflict", "key_was_merged")
    assert shown(crm, BAND)[KEYS[1]] != "high"
    assert adapter.find("ref", ["401"], [])["401"] == []


def test_a_key_is_shown_once_more_where_it_was_good_a_moment_ago(crm: Crm) -> None:
    with Wire(crm.url, [Fault("expired", on=range(1, 2), call=r"\.load")], "odoo") as wire:
        adapter = crm.adapter(wire.url)
        told = adapter.write(changes(adapter, score__grade="A", x_sales_spend_band="low"))
    assert {r.outcome for r in told} == {"written"}


def test_a_key_that_ends_in_between_is_none_of_the_customers_fault(crm: Crm) -> None:
    with Wire(crm.url, [Fault("expired", call=r"\.load")], "odoo") as wire:
        adapter = crm.adapter(wire.url)
        told = adapter.write(changes(adapter, score__grade="A", x_sales_spend_band="low"))
    assert {r.outcome for r in told} == {"transient"}
    assert not [r for r in told if crm.key in r.reason]


def test_a_locked_row_is_transient(crm: Crm) -> None:
    with Wire(crm.url, [Fault("locked", call=r"\.load")], "odoo") as wire:
        adapter = crm.adapter(wire.url)
        told = adapter.write(changes(adapter, score__grade="A"))
    assert {(r.outcome, r.reason) for r in told} == {("transient", "row_locked")}


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
def test_half_of_a_change_whose_answer_is_lost_is_found_out(crm: Crm, fault: Any) -> None:
    with Wire(crm.url, [Fault(fault, call=r"\.load", on=range(1, 2))], "odoo") as wire:
        adapter = crm.adapter(wire.url)
        ready = changes(adapter, score__grade="A", x_sales_spend_band="low")
        sent_at = dt.datetime.now(dt.UTC)
        assert {r.outcome for r in adapter.write(ready)} == {"unknown"}
        wanted = "written" if fault == "cut_after" else "transient"
        assert {r.outcome for r in adapter.poll(ready, sent_at)} == {wanted}
        assert {r.outcome for r in adapter.write(ready)} == {"written"}
    assert set(shown(crm, "score.grade").values()) == {"A"}
    assert crm.call("x_sales_score", "search_count", domain=[]) == len(KEYS)


def test_a_new_customer_whose_score_was_lost_may_be_sent_again(crm: Crm) -> None:
    with Wire(crm.url, [Fault("cut_before", call=r"x_sales_score\.load")], "odoo") as wire:
        adapter = crm.adapter(wire.url)
        new = Change("402", None, "", {"score.grade": "A"}, ("ref", "402"))
        sent_at = dt.datetime.now(dt.UTC)
        assert [r.outcome for r in adapter.write([new])] == ["unknown"]
        assert [r.outcome for r in adapter.poll([new], sent_at)] == ["transient"]
    [made] = crm.adapter().write([new])
    [record] = crm.adapter().find("ref", ["402"], ["score.grade"])["402"]
    assert (record.id, record.values["score.grade"]) == (made.record_id, "A")


def test_a_written_score_is_a_change_of_the_customer(crm: Crm) -> None:
    adapter = crm.adapter()
    before = {key: found[0].revision for key, found in adapter.find("ref", KEYS, []).items()}
    instant = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    while dt.datetime.now(dt.UTC) < instant:
        pass
    adapter.write(changes(adapter, score__grade="A")[:2])
    assert {str(r.values["ref"]) for r in adapter.read(["ref"], instant)} == set(KEYS[:2])
    after = {key: found[0].revision for key, found in adapter.find("ref", KEYS, []).items()}
    assert {key for key in KEYS if before[key] != after[key]} == set(KEYS[:2])


def test_what_is_written_behind_us_while_we_read_is_read_again(crm: Crm) -> None:
    reading = crm.adapter(page_records=3).read(["ref", "city"])
    first = [next(reading) for _ in range(4)]
    instant = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    while dt.datetime.now(dt.UTC) < instant:
        pass
    crm.edit(KEYS[0], KEYS[11], city="Reno")
    read = [*first, *reading]
    assert [r.values["city"] for r in read if r.values["ref"] == KEYS[0]] == ["Boston", "Reno"]
    assert [r.values["city"] for r in read if r.values["ref"] == KEYS[11]][-1] == "Reno"


def test_inactive_customers_are_read_but_not_found(crm: Crm) -> None:
    crm.edit(KEYS[2], active=False)
    adapter = crm.adapter()
    read = {r.values["ref"]: r.is_active for r in adapter.read(["ref"])}
    assert read == dict.fromkeys(KEYS, True) | {KEYS[2]: False}
    assert adapter.find("ref", [KEYS[2]], [])[KEYS[2]] == []
    # of a contact of the customer's nobody asked
    crm.call(PARTNER, "create", vals_list=[{"name": "Wife", "parent_id": crm.ids()[KEYS[4]]}])
    assert len(list(adapter.read([]))) == len(KEYS)


@pytest.fixture
def company(crm: Crm, state: Path, connections: Path, monkeypatch: pytest.MonkeyPatch) -> Crm:
    """Customers with scores, and settings that lead to this server."""
    for name in ("odoo", "odoo_tasks"):
        text = (ROOT / f"jobs/delivery/connections/{name}.yaml").read_text()
        (connections / f"{name}.yaml").write_text(text.replace("http://127.0.0.1:8069", crm.url))
    monkeypatch.setenv("SALES_SECRET_ODOO", crm.key)
    monkeypatch.setenv("COMPANY_CLOCK", "data")
    settings.cache_clear()
    outbox.write([outbox.row(key) for key in KEYS])
    return crm


def test_actions_become_activities_of_customers_once(company: Crm) -> None:
    [manager] = company.call("res.users", "search", domain=[["login", "=", "admin"]])
    company.edit("301", user_id=manager)
    company.edit("303", x_no_profiling=True)
    actions.write([actions.row(key, channel=by) for key, by in zip(KEYS, WAYS, strict=False)])
    assert plan("odoo_tasks").blocked == 1
    assert apply("odoo_tasks").sent == 3
    assert not verify("odoo_tasks").differing

    named = {"domain": [[TASK_KEY, "!=", False]], "load": "", "order": TASK_KEY}
    fields = ["res_id", "user_id", "summary", "note", "date_deadline", "activity_type_id"]
    told = company.call("mail.activity", "search_read", fields=fields, **named)
    ids = company.ids()
    assert [row["res_id"] for row in told] == [ids["301"], ids["302"], ids["304"]]
    assert [row["user_id"] for row in told] == [manager, False, False]
    assert told[0]["summary"].startswith("Call and ask what is missing")
    assert told[0]["note"] == "<p>No order within four weeks is likely</p>"
    assert told[0]["date_deadline"] == "2017-11-29"

    done, cancelled, _ = (row["id"] for row in told)
    company.call("mail.activity", "action_done", [done])
    company.call("mail.activity", "unlink", [cancelled])
    lake.remove(lake.location("ops.crm_mirror"))  # so that everything is read
    again = plan("odoo_tasks")
    assert again.records == 0
    rows = lake.read("ops.crm_tasks").to_pylist()
    states = {row["account_id"]: (row["state"], row["closed_date"] is not None) for row in rows}
    assert states == {"301": ("done", True), "302": ("gone", False), "304": ("open", False)}


def test_the_pipelines_user_makes_tasks_and_no_other_activity(company: Crm) -> None:
    mine = Session(Access("odoo", company.url, odoo_key.USER, company.key))
    [model] = company.call("ir.model", "search", domain=[["model", "=", PARTNER]])
    task = {"res_model_id": model, "res_id": company.ids()["301"], TASK_KEY: "301|x|2017-11-13"}
    with pytest.raises(CrmError, match="not_allowed"):
        mine.call("mail.activity", "create", vals_list=[{**task, TASK_KEY: False}])
    made = mine.call("mail.activity", "create", vals_list=[task])
    with pytest.raises(CrmError, match="not_allowed"):
        mine.call("mail.activity", "write", made, vals={"summary": "other"})


def test_a_task_whose_answer_is_lost_is_made_once(company: Crm) -> None:
    lost = Fault("cut_after", call=r"mail\.activity\.load", on=range(1, 2))
    with Wire(company.url, [lost], "odoo") as wire:
        session = Session(Access("odoo", wire.url, odoo_key.USER, company.key))
        tasks = OdooTasks(session, REQUEST_SECONDS)
        key = "305|call_leaving|2017-11-13"
        told = {"note": "a < b\nc", "channel": "phone", "date_deadline": "2017-11-29"}
        values = {"res_id": str(company.ids()["305"]), "summary": "Call", **told}
        change = Change("305", None, "", values, (TASK_KEY, key))
        sent_at = dt.datetime.now(dt.UTC)
        assert [r.outcome for r in tasks.write([change])] == ["unknown"]
        [found] = tasks.poll([change], sent_at)
        assert (found.outcome, found.reason) == ("written", "found_after_lost_answer")
    tasks = OdooTasks(Session(Access("odoo", company.url, odoo_key.USER, company.key)))
    [record] = tasks.find(TASK_KEY, [key], [*told, "state"])[key]
    assert record.values == {**told, "state": "open", TASK_KEY: key}
    assert [r.outcome for r in tasks.write([change])] == ["permission"], "one is never changed"


@pytest.mark.parametrize("protocol", ["json2", "jsonrpc"])
def test_both_apis_of_odoo_do_the_same(crm: Crm, protocol: Protocol) -> None:
    adapter = crm.adapter(protocol=protocol)
    assert adapter.describe().version == "19.0"
    ready = changes(adapter, score__grade="A", x_sales_spend_band="low")
    ready[3] = replace(ready[3], values={"score.grade": "no_such_grade"})
    ready[4] = replace(ready[4], values={BAND: "no_such_band"})
    ready[5] = replace(ready[5], values={"name": "Taken over"})
    ready[6] = replace(ready[6], record_id="99999999")
    told = {r.subject: (r.outcome, r.reason) for r in adapter.write(ready)}
    assert [told.pop(KEYS[at]) for at in (3, 4, 5, 6)] == [
        ("data", "not_accepted: score.grade"),
        ("data", f"not_accepted: {BAND}"),
        ("permission", "not_allowed"),
        ("conflict", "record_is_gone"),
    ]
    assert set(told.values()) == {("written", "")}
    assert len(list(adapter.read(["ref", "score.grade"]))) == len(KEYS)
    with pytest.raises(CrmError) as refused:
        crm.adapter(secret="wrong", protocol=protocol).describe()
    assert (refused.value.kind, "wrong'" in str(refused.value)) == ("permission", False)


def test_a_machine_that_cannot_have_odoo_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    told = pytest.raises(pytest.skip.Exception, match=r"NOT RUN against Odoo: .* no apt-get")
    with told, served(tmp_path):
        pass
    assert not (tmp_path / "crm").exists()


def test_a_server_that_is_not_there_is_transient() -> None:
    asked = Session._asked.retry_with(stop=lambda _: True)  # type: ignore[attr-defined]
    session = Session(Access("odoo", "http://127.0.0.1:9", "x", "y", throttle=Throttle(1000)))
    with pytest.raises(CrmError, match="cannot be reached") as refused:
        asked(session, "/web/version", None)
    assert refused.value.kind == "transient"


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("odoo.exceptions.AccessError", "You are not allowed to", ("permission", "not_allowed")),
        ("odoo.exceptions.MissingError", "does not exist", ("conflict", "record_is_gone")),
        ("odoo.exceptions.ValidationError", "Ann is bad", ("data", "refused: ValidationError")),
        ("builtins.ValueError", "Wrong value for a.b.c: 'Ann'", ("data", "not_accepted: c")),
        ("builtins.KeyError", "no_such", ("data", "not_accepted: KeyError")),
        ("psycopg2.errors.SerializationFailure", "", ("transient", "row_locked")),
        ("psycopg2.OperationalError", "closed", ("unknown", "database_went_away")),
    ],
)
def test_errors_have_classes_and_name_nobody(
    name: str, told: str, expected: tuple[str, str]
) -> None:
    error = error_of(name, told)
    assert (error.kind, str(error)) == expected
    assert isinstance(error, NoAnswer) == (error.kind == "unknown")


def test_an_error_of_the_whole_batch_is_not_laid_upon_its_first_record() -> None:
    error = {"type": "error", "message": "Contacts require a name"}
    told = [error | {"record": 0}, error | {"record": 7}]
    assert refusals(told, 10) == {7: ("data", "refused: by a rule of the CRM")}
    with pytest.raises(Refused, match="not said why"):
        refusals([error], 10)


def test_a_sandboxs_key_is_made_where_there_is_none_and_anew_where_it_is_stale(
    crm: Crm, state: Path
) -> None:
    here = settings()
    here.secrets.mkdir(parents=True)
    assert not works(here, crm.url)
    with_key(here, crm.administrator)
    first = here.secret(ODOO_KEY)
    with_key(here, crm.administrator)
    assert here.secret(ODOO_KEY) == first, "one that works stays"
    keep(here, ODOO_KEY, "0" * len(first))  # of a database that is gone
    with_key(here, crm.administrator)
    made = here.secret(ODOO_KEY)
    assert made not in {first, "0" * len(first)}
    assert works(here, crm.url)
    assert (here.secrets / ODOO_KEY).stat().st_mode & 0o777 == 0o600
