"""The CRM as a source: first all of it, then what changes, now and then all of it again."""

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from jobs.crm.access import Access
from jobs.crm.adapter import Change, CrmError
from jobs.crm.jsonrpc import Session, to_wire
from jobs.landing import Manifest, manifests
from jobs.settings import ROOT, settings
from jobs.sources import crm as source
from jobs.sources._crm_map import crm_map
from jobs.table import columns, table
from tests.crm import maps, rigs
from tests.crm.rigs import Rig
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = pytest.mark.services
DAY = dt.date(2017, 11, 26)
NEXT = DAY + dt.timedelta(days=1)
WEEK = DAY + dt.timedelta(days=source.RECONCILE_DAYS)
KEYS = ACCOUNTS[:5]
ACCOUNTS_OF = {"tryton": "code", "odoo": "ref"}
SECRETS = {"tryton": "crm_pipeline", "odoo": "odoo"}


def rows(batch: Manifest, key: str = "code") -> dict[str, dict[str, str | None]]:
    [file] = batch.files
    return {row[key]: row for row in pq.read_table(batch.folder / file.name).to_pylist()}


def batches() -> list[str]:
    return list(manifests("accounts"))


@pytest.fixture(scope="session", params=sorted(ACCOUNTS_OF))
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    with rigs.start(request.param, tmp_path_factory.mktemp(request.param)) as rig:
        yield rig


@pytest.fixture
def rig(started: Rig, state: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A CRM with a few customers, read by its shipped map; what people write there is an age."""
    started.has(KEYS)
    told = maps.shipped(started.name)
    told["reads"] = {"accounts": told["reads"]["accounts"]}
    told["reads"]["accounts"]["columns"]["age_band"] = started.age
    maps.use(monkeypatch, state, told, started.url, "unused")
    monkeypatch.setattr(source, "connect", lambda *_: started.adapter())
    return started


def ages(rig: Rig, batch: Manifest) -> dict[str, str | None]:
    return {a: row[rig.age] for a, row in rows(batch, ACCOUNTS_OF[rig.name]).items()}


def picture(rig: Rig) -> dict[str, str | None]:
    """What all landed batches say together."""
    [read] = crm_map().reads
    return {a: age for batch in source.landed(read) for a, age in ages(rig, batch).items()}


@pytest.mark.parametrize("path", maps.SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_map_tells_of_every_column(path: Path) -> None:
    for read in crm_map(path).reads:
        wanted = {column.name for column in columns(table(f"bronze.{read.entity}").schema)}
        assert {*read.landed.values(), *read.without} == wanted
        required = {
            c.name for c in columns(table(f"bronze.{read.entity}").schema) if not c.nullable
        }
        assert not {column for column, said in read.without.items() if said is None} & required
    assert crm_map(path).reads[0].name == "accounts", "customers first"


def test_the_reads_that_the_documentation_shows_can_be_used(tmp_path: Path) -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/crm.md").read_text(), re.DOTALL)
    told = maps.shipped("tryton")
    told["reads"] |= yaml.safe_load(shown)
    (tmp_path / "crm.yaml").write_text(yaml.safe_dump(told))
    reads = {read.name: read for read in crm_map(tmp_path / "crm.yaml").reads}
    assert list(reads) == ["accounts", "activities", "opportunities"]
    assert (reads["opportunities"].entity, reads["opportunities"].system) == (
        "opportunities",
        "crm",
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda told: told.pop("adapter"), "adapter: Field required"),
        (lambda told: told.pop("reads"), "no map of a CRM"),
        (lambda told: told["reads"]["accounts"].update(colums={}), "reads.0.colums: Extra"),
        (lambda told: told["reads"].update(leads={"columns": {}}), "entity 'leads' is none of"),
        (lambda told: told["reads"]["accounts"]["columns"].pop("email"), "no word of email"),
        (lambda told: told["reads"]["accounts"]["columns"].update(mail="x"), "has no mail"),
        (
            lambda told: told["reads"]["accounts"]["columns"].update(phone="email"),
            "two columns are read from email",
        ),
    ],
)
def test_a_map_that_cannot_be_used_says_why(
    change: Callable[[Any], Any], fault: str, tmp_path: Path
) -> None:
    told = maps.shipped("tryton")
    change(told)
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(told))
    with pytest.raises(CrmError, match=fault) as error:
        crm_map(path)
    assert error.value.kind == "data", "no retry"


def test_customers_are_not_read_over_a_network_in_plain(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps.use(monkeypatch, state, maps.shipped("odoo"), "http://crm.example.com", "key")
    with pytest.raises(CrmError, match="over https only"):
        source.land(DAY, DAY)


def test_another_object_of_a_crm_whose_adapter_reads_customers_only_is_a_fault() -> None:
    with pytest.raises(
        CrmError, match=r"jobs/crm/hubspot\.py reads customers only: leave deals out"
    ):
        source.objects("hubspot", Access("x", "", "", "", {"key": "a"}), "deals", [])


def test_a_first_pull_lands_all_there_is_with_the_crms_own_clock(rig: Rig) -> None:
    rig.edit(KEYS[1], rig.age, rig.ages[1])
    (landed,) = source.land(DAY, DAY)
    assert (landed.batch_id, landed.mode) == ("crm/2017-11-26.001", "snapshot")
    newest = rig.adapter().newest_change()
    assert newest is not None
    assert dt.datetime.fromisoformat(landed.watermark) == newest
    assert list(ages(rig, landed)) == KEYS
    assert ages(rig, landed)[KEYS[1]] == rig.ages[1]


def test_what_changed_is_landed_and_our_own_scores_are_no_news(rig: Rig) -> None:
    source.land(DAY, DAY)
    adapter = rig.adapter()
    found = adapter.find(rig.key, KEYS, [])
    scored = [
        Change(k, r[0].id, r[0].revision, {rig.probes["text"]: "A"}) for k, r in found.items()
    ]
    assert {result.outcome for result in adapter.write(scored)} == {"written"}
    assert source.land(DAY, DAY) == []
    for age in reversed(rig.ages):  # the first is what they have
        rig.edit(KEYS[2], rig.age, age)
        (landed,) = source.land(DAY, NEXT)
        assert (landed.mode, ages(rig, landed)) == ("changes", {KEYS[2]: age})
    assert source.land(DAY, NEXT) == []


def test_who_was_deleted_is_missing_in_the_next_snapshot(rig: Rig) -> None:
    source.land(DAY, DAY)
    rig.delete(KEYS[0])
    rig.edit(KEYS[1], rig.age, rig.ages[1])  # the newest write is another one's
    (landed,) = source.land(DAY, DAY)
    assert (landed.mode, list(ages(rig, landed))) == ("changes", [KEYS[1]])
    (landed,) = source.land(DAY, WEEK)
    assert (landed.mode, list(ages(rig, landed))) == ("snapshot", KEYS[1:])


def test_pulls_while_people_write_miss_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages = rig.adapter(page_records=2)
    monkeypatch.setattr(source, "connect", lambda *_: small_pages)
    is_over = threading.Event()

    def write() -> None:
        for n in range(12):
            for key in KEYS[::2]:
                rig.edit(key, rig.age, f"{n}")
        is_over.set()

    writer = threading.Thread(target=write)
    source.land(DAY, DAY)
    writer.start()
    while not is_over.is_set():
        source.land(DAY, DAY)
    writer.join()
    source.land(DAY, DAY)
    now = {r.values[rig.key]: r.values[rig.age] for r in small_pages.read([rig.key, rig.age])}
    assert picture(rig) == now
    assert len(batches()) > 2, "there were pulls in between"


def test_the_first_pull_is_a_snapshot_in_the_business_time(crm: Crm) -> None:
    crm.edit("103", active=False)
    (landed,) = source.land(DAY, DAY)
    assert (landed.batch_id, landed.mode) == ("crm/2017-11-26.001", "snapshot")
    assert landed.known_at == "2017-11-27T11:00:00+00:00"
    newest = crm.adapter.newest_change()
    assert newest is not None
    assert dt.datetime.fromisoformat(landed.watermark) == newest
    found = rows(landed)
    assert list(found) == ACCOUNTS
    assert (found["102"]["age_band"], found["103"]["active"]) == (None, "false")
    assert {row["as_of_date"] for row in found.values()} == {"2017-11-26"}


def test_then_what_changed_is_landed_beside_it_and_nothing_twice(crm: Crm) -> None:
    source.land(DAY, DAY)
    crm.edit("101", score_grade="A")
    assert source.land(DAY, DAY) == [], "our own scores are no news"
    crm.edit("104", age_band="65+", active=False)
    crm.create("201")
    crm.as_of_one_instant("104", "105", "201")
    (landed,) = source.land(DAY, DAY)
    assert (landed.batch_id, landed.mode) == ("crm/2017-11-26.002", "changes")
    assert list(rows(landed)) == ["104", "201"], "105 was read again and says the same"
    assert source.land(DAY, NEXT) == []
    crm.edit("104", age_band="45-54", active=True)
    (landed,) = source.land(DAY, NEXT)
    assert landed.batch_id == "crm/2017-11-27.001"
    assert list(rows(landed)) == ["104"], "back to what it was is a change as well"
    assert sorted(batches()) == batches()


def test_what_left_no_trace_shows_at_the_next_reconciliation(crm: Crm) -> None:
    crm.create("201", "202", "203")
    source.land(DAY, DAY)
    crm.delete("201")
    crm.merge("202", into="203")
    (landed,) = source.land(DAY, WEEK - dt.timedelta(days=1))
    found = rows(landed)
    assert (landed.mode, list(found)) == ("changes", ["202"])
    assert (found["202"]["replaced_by_code"], found["202"]["active"]) == ("203", "false")
    (landed,) = source.land(DAY, WEEK)
    assert (landed.mode, list(rows(landed))) == ("snapshot", [*ACCOUNTS, "202", "203"])
    crm.delete("202")
    (landed,) = source.reconcile(DAY, WEEK)
    assert (landed.batch_id, landed.mode) == ("crm/2017-12-03.002", "snapshot")
    assert list(rows(landed)) == [*ACCOUNTS, "203"]


def test_a_crm_whose_newest_write_is_older_than_before_is_read_as_a_whole(crm: Crm) -> None:
    crm.create("201")  # the newest write of all
    source.land(DAY, DAY)
    crm.delete("201")
    (landed,) = source.land(DAY, DAY)
    assert (landed.mode, list(rows(landed))) == ("snapshot", ACCOUNTS)


def test_a_write_that_comes_to_light_late_is_still_read(crm: Crm) -> None:
    """A transaction carries the instant at which it began; others may end before it."""
    source.land(DAY, DAY)
    crm.edit("101", age_band="65+")
    began = crm.as_of_one_instant("101")
    crm.edit("102", age_band="65+")
    crm.as_of_one_instant("102")
    assert list(rows(source.land(DAY, DAY)[0])) == ["101", "102"]
    crm.edit("103", age_band="65+")
    crm.as_of_one_instant("103", at=began)
    assert list(rows(source.land(DAY, DAY)[0])) == ["103"]


def test_a_day_before_the_newest_batch_gets_none_of_its_own(
    crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    source.land(DAY, DAY)
    crm.edit("101", active=False)
    assert source.land(DAY, DAY - dt.timedelta(days=1)) == []
    assert "nothing landed for 2017-11-25: the CRM tells only what is so now" in caplog.text
    assert batches() == ["crm/2017-11-26.001"]


def test_by_the_wall_clock_customers_of_today_were_not_known_last_month(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANY_CLOCK", "wall")
    settings.cache_clear()
    before = dt.datetime.now(dt.UTC)
    (landed,) = source.land(DAY, DAY)
    assert dt.datetime.fromisoformat(landed.known_at) >= before
    tomorrow = before.date() + dt.timedelta(days=1)
    assert source.known_at(tomorrow).hour == source.COMPLETE_AT.hour, "not complete before its time"


def test_other_records_of_tryton_are_read_with_those_that_they_lead_to(crm: Crm) -> None:
    way = Access("x", crm.settings.crm_url, "pipeline", crm.settings.secret("crm_pipeline"))
    ids, address = crm.ids(), "model.party.address"
    first, second = (
        crm.salesperson.call(f"{address}.create", [{"party": ids[a], "street": a}])[0]
        for a in ACCOUNTS[:2]
    )
    found = source.objects("tryton", way, "party.address", [["party.code", "in", ACCOUNTS[:2]]])
    assert found is not None
    fields = ["street", "party.code"]
    told = {r.id: tuple(r.values[name] for name in fields) for r in found.read(fields)}
    assert told == {str(first): ("101", "101"), str(second): ("102", "102")}
    newest = found.newest_change()
    crm.salesperson.call(f"{address}.write", [second], {"street": "elsewhere", "active": False})
    [changed] = [r for r in found.read(fields, newest) if r.id == str(second)]
    assert (changed.values["street"], changed.is_active) == ("elsewhere", False)
    crm.salesperson.call(f"{address}.delete", [first, second])
    assert found.newest_change() is None
    with pytest.raises(CrmError, match=r"Tryton's party\.address has no field town"):
        list(found.read(["town"]))


def test_tasks_that_were_made_in_tryton_are_activities(crm: Crm) -> None:
    pipeline = Session(crm.settings.crm_url, "pipeline", crm.settings.secret("crm_pipeline"))
    told = {"channel": "phone", "due_date": to_wire("date", "2017-11-29")}
    made = [
        {**told, "party": crm.ids()[account], "task_key": f"{account}|call|2017-11-13"}
        for account in ACCOUNTS[:3]
    ]
    pipeline.call("model.sales_scores.task.create", made)
    done, dismissed, _ = crm.tasks()
    crm.say(done, state="done")
    crm.say(dismissed, state="dismissed")
    source.land(DAY, DAY)
    [batch] = manifests("activities").values()
    said = {
        row["party.code"]: (row["activity"], row["is_open"], row["closed_date"] is None)
        for row in rows(batch, "party.code").values()
    }
    assert said == {
        done.partition("|")[0]: ("Call", "false", False),
        dismissed.partition("|")[0]: ("Dismissed", "false", False),
        crm.tasks().popitem()[0].partition("|")[0]: ("Call", "true", True),
    }


def test_a_model_that_tryton_has_not_is_none(crm: Crm) -> None:
    way = Access("x", crm.settings.crm_url, "pipeline", crm.settings.secret("crm_pipeline"))
    assert source.objects("tryton", way, "sale.opportunity", []) is None


@pytest.fixture
def killed() -> Callable[[str], int]:
    """Runs a program in a process of its own; gives its exit status."""

    def run(program: str) -> int:
        return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ).returncode

    return run


KILLED = """
import datetime as dt, os, signal
from jobs.sources import crm
crm.{step} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
day = dt.date(2017, 11, 26)
crm.land(day, day)
"""


@pytest.mark.parametrize("step", ["written_down", "take_over"])
def test_a_pull_killed_between_reading_and_landing_loses_nothing(
    crm: Crm, step: str, killed: Callable[[str], int]
) -> None:
    source.land(DAY, DAY)
    crm.edit("104", age_band="65+")
    assert killed(KILLED.format(step=step)) == -signal.SIGKILL
    assert batches() == ["crm/2017-11-26.001"]
    (landed,) = source.land(DAY, DAY)
    assert (landed.batch_id, list(rows(landed))) == ("crm/2017-11-26.002", ["104"])
