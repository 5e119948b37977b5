"""The CRM as a source: first all of it, then what changes, now and then all of it again."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest

from jobs.crm.tryton import Tryton
from jobs.landing import Manifest, manifests
from jobs.settings import ROOT, settings
from jobs.sources import crm as source
from jobs.spark.bronze.accounts import SCHEMA
from jobs.table import columns
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = pytest.mark.services
DAY = dt.date(2017, 11, 26)
NEXT = DAY + dt.timedelta(days=1)
WEEK = DAY + dt.timedelta(days=source.RECONCILE_DAYS)


def rows(batch: Manifest) -> dict[str, dict[str, str | None]]:
    return {row["code"]: row for row in pq.read_table(batch.folder / source.FILE).to_pylist()}


def batches() -> list[str]:
    return list(manifests("accounts"))


def test_its_columns_are_those_of_bronze() -> None:
    assert set(source.COLUMNS.values()) == {column.name for column in columns(SCHEMA)}


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


def test_pulls_while_people_write_miss_nothing(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages = Tryton(crm.adapter._session, page_records=2)
    monkeypatch.setattr(source, "connect", lambda *_: small_pages)
    ids, is_over = crm.ids(), threading.Event()

    def write(accounts: list[str]) -> None:
        for n in range(12):
            for account in accounts:
                values = {"age_band": f"{n}"}
                crm.salesperson.call("model.party.party.write", [ids[account]], values)
        is_over.set()

    writer = threading.Thread(target=write, args=(ACCOUNTS[::3],))
    source.land(DAY, DAY)
    writer.start()
    while not is_over.is_set():
        source.land(DAY, DAY)
    writer.join()
    source.land(DAY, DAY)
    picture = {code: row for b in source.landed() for code, row in rows(b).items()}
    now = {r.values["code"]: r.values["age_band"] for r in crm.adapter.read(["code", "age_band"])}
    assert {code: row["age_band"] for code, row in picture.items()} == now
    assert len(source.landed()) > 2, "there were pulls in between"


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
