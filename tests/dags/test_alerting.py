"""Alerts by a real mail server, from real runs: told once, well again once, no values of rows."""

import datetime as dt
import email
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email import policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import Envelope
from airflow.dag_processing.dagbag import DagBag

from dags.alerting import told
from infra.overview import overview
from jobs import alerts, lake
from jobs.crm.adapter import CrmError
from jobs.ops import builds
from jobs.settings import SettingsError, settings
from jobs.spark.build import Refused
from jobs.watch import look
from tests.conftest import free_ports
from tests.dags.runs import DAY, drop, run

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("database")]


class Inbox(Sink):
    """A mail server's handler that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str]] = []  # subject, text

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        letter = email.message_from_bytes(envelope.content, policy=policy.default)
        body = letter.get_body(("plain", "html"))
        self.letters.append((letter["Subject"], body.get_content()))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.letters]


@pytest.fixture
def port() -> int:
    return free_ports(1)


@pytest.fixture
def addressed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone is told, by a server that may be up or not."""
    address = f"mailto://localhost:{port}?smtp=127.0.0.1&mode=insecure&from=a@example.com"
    monkeypatch.setenv("SALES_SECRET_ALERTS", f"{address}&to=ops@example.com")


@pytest.fixture
def inbox(port: int, addressed: None) -> Iterator[Inbox]:
    handler = Inbox()
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    yield handler
    server.stop()


def fault(unit: str = "silver.products") -> alerts.Fault:
    return alerts.Fault(unit, "failed", "no room", "free some", "the log", alerts.now())


def test_a_refused_table_is_told_of_once_and_once_when_it_is_well(
    bag: DagBag, lake: Path, inbox: Inbox
) -> None:
    units = ("land.till", "bronze.redemptions")
    drop(lake.parent, f"anna@example.com,,8,{DAY}\n" * 101)
    assert run(bag, *units).state == "failed"
    assert run(bag, *units).state == "failed"
    ((subject, text),) = inbox.letters
    assert subject == "Sales Lakehouse: bronze.redemptions is refused"
    assert "101 of 101 rows: not_null(coupon_upc)" in text
    assert "To do: land a corrected batch" in text
    assert "/dags/sales_daily/runs/" in text
    assert "anna" not in text
    assert list(alerts.open_faults()) == ["bronze.redemptions"]
    drop(lake.parent, f"900,10000085207,8,{DAY}\n")
    assert run(bag, *units).state == "success"
    assert run(bag, *units).state == "success"
    assert inbox.subjects[1:] == ["Sales Lakehouse: bronze.redemptions is well again"]
    assert alerts.open_faults() == {}


def test_a_dead_mail_server_hides_no_error_and_gets_the_message_later(
    bag: DagBag, state: Path, addressed: None, port: int
) -> None:
    done = run(bag, "land.till", start=DAY, end="2017-03-04")
    task = next(ti for ti in done.get_task_instances() if ti.task_id == "land.till")
    assert (task.state, task.try_number) == ("failed", 1)
    assert "the earlier first" in alerts.open_faults()["land.till"].what
    (state / "airflow").mkdir()
    # no plain copy: what Airflow wrote last is in the database's WAL file
    with (
        closing(sqlite3.connect(f"{os.environ['AIRFLOW_HOME']}/airflow.db")) as database,
        closing(sqlite3.connect(state / "airflow/airflow.db")) as copy,
    ):
        database.backup(copy)
    seen = {(line.section, line.what): line.told for line in overview(settings())}
    assert seen["runs", "sales_daily"].startswith("failed: land.till in run manual__")
    assert seen["alerts", "land.till"].startswith("failed: start=2017-03-05")
    handler = Inbox()
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    try:
        for _ in range(2):
            assert run(bag, "watch.lateness", dag="watch").state == "success"
    finally:
        server.stop()
    assert handler.subjects == ["Sales Lakehouse: land.till is failed"]


def test_what_is_late_is_told_once_until_it_is_there(state: Path, inbox: Inbox) -> None:
    now = dt.datetime(2026, 3, 2, 15, tzinfo=dt.UTC)
    built("silver.products", now - dt.timedelta(days=3))
    assert look(now) == look(now) == {"open": ["late tables"]}
    ((subject, text),) = inbox.letters
    assert subject == "Sales Lakehouse: late tables is late"
    assert "1 tables: silver.products: due every day by 09:00" in text
    built("silver.products", now)
    assert look(now) == {"open": []}
    assert inbox.subjects[1:] == ["Sales Lakehouse: late tables is well again"]


def test_a_table_that_was_built_by_hand_is_well(state: Path, inbox: Inbox) -> None:
    assert alerts.report(fault())
    built("silver.products", alerts.now())
    look(alerts.now())
    assert inbox.subjects[-1] == "Sales Lakehouse: silver.products is well again"


def test_who_has_a_message_gets_it_once_though_another_server_is_dead(
    state: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = os.environ["SALES_SECRET_ALERTS"]
    dead = heard.replace(f":{urlsplit(heard).port}", f":{free_ports(1)}")
    monkeypatch.setenv("SALES_SECRET_ALERTS", f"{dead}\n{heard}")
    assert alerts.report(fault())
    look(alerts.now())
    assert inbox.subjects == ["Sales Lakehouse: silver.products is failed"]
    assert "line 1 of the secret `alerts` took no message" in caplog.text


def test_without_addresses_a_fault_is_open_and_closed_in_the_log_alone(state: Path) -> None:
    assert alerts.report(fault())
    assert not alerts.report(fault())
    assert alerts.well("silver.products")
    assert not alerts.well("silver.products")
    sent = [row["sending"] for row in lake.read("ops.alerts").to_pylist()]
    assert sent == ["nobody", "nobody"]


def test_an_address_that_is_none_is_told_by_its_place(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SALES_SECRET_ALERTS", "hunter2")
    assert alerts.send("a", "b") == "waiting"
    assert "line 1 of the secret" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("101 of 101 rows"), "101 of 101 rows"),
        (SettingsError("no token"), "no token"),
        (ValueError("'anna@example.com' is no number"), "ValueError; its words are in the task's"),
        (CrmError("data", "Anna Miller is there twice"), "CrmError; its words are in the task's"),
        (None, "it ended without an error: killed, or its time was over"),
    ],
)
def test_only_words_that_were_written_for_people_are_sent(
    error: Exception | None, words: str
) -> None:
    assert told(error).startswith(words)


def built(name: str, finished: dt.datetime) -> None:
    words = {"table_name": name, "run_id": "a", "kind": "nothing", "why": "no input changed"}
    times = {"started_at": finished, "finished_at": finished}
    lake.append(builds.TABLE, [words | times | {"outcome": "unchanged"}])


def test_a_task_that_ends_loads_no_library_that_learns() -> None:
    """Seconds at the end of each of eighty tasks, in which its slot does nothing else."""
    heavy = {"lightgbm", "mlflow", "pyspark", "scipy", "sklearn", "torch"}
    asked = f"import dags.alerting, jobs.alerts, sys; print(*{heavy} & {{*sys.modules}})"
    ended = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert (ended.stdout.strip(), ended.returncode) == ("", 0), ended.stderr
