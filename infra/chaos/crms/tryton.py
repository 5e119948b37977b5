"""The real Tryton on SQLite, in a process of its own; a person is its administrator."""

import contextlib
import datetime as dt
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenacity import retry, stop_after_delay, wait_fixed

from infra.chaos.crms import COLUMNS, Row, Snapshot, free_port, text
from infra.tryton import prepare, serve
from jobs.crm.jsonrpc import Session
from jobs.settings import ROOT, Settings, from_environment

START_SECONDS = 120.0
LOCK_SECONDS = 60.0  # that the server may hold its database when we look
NUMBERS = {"score_value", "score_churn_chance", "score_offer_chance", "score_expected_usd"}
STAMPS = {"create_date", "create_uid", "write_date", "write_uid"}
# what hangs on a customer
TABLES = ("party_contact_mechanism", "party_address", "party_identifier", "ir_note")


class TrytonCrm:
    name, tls, user = "tryton", None, "pipeline"
    key, fields = "code", COLUMNS
    hand, other = "score_next_products", "age_band"
    is_conditional, batch = True, 250

    def __init__(self, here: Settings, log: Path) -> None:
        self._settings, self._log = here, log
        self.server, self.needed = dict[str, str](), dict[str, str]()
        self._database = here.state / "crm" / f"{prepare.DATABASE}.sqlite"
        self.url, self.secret = here.crm_url, here.secret("crm_pipeline")
        self.start()
        self._person = Session(here.crm_url, "admin", here.secret("crm_admin"))

    def start(self) -> None:
        with self._log.open("a") as out:
            self._process = subprocess.Popen(
                serve.argv(self._settings),
                env={**os.environ, **serve.environment(self._settings)},
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._settings.crm_port), 1).close()
                return
            time.sleep(0.1)
        raise RuntimeError(f"Tryton did not start: {self._log.read_text()[-1000:]}")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def let_create(self) -> None:
        """What an administrator does so that the pipeline may create customers."""
        creators = [["name", "=", "Sales Pipeline: creates customers"]]
        group = self._person.call("model.res.group.search", creators)
        user = self._person.call("model.res.user.search", [["login", "=", self.user]])
        self._person.call("model.res.user.write", user, {"groups": [["add", group]]})

    def has(self, keys: Collection[str]) -> None:
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(" ")
        rows = [(key, f"Household {key}", "45-54", now) for key in keys]
        with self._opened() as connection:
            for table in (*TABLES[:-1], "party_party"):
                connection.execute(f"delete from {table}")  # noqa: S608 our own names
            connection.executemany(
                "insert into party_party (active, code, name, age_band, create_date, create_uid) "
                "values (1, ?, ?, ?, ?, 1)",
                rows,
            )

    @retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.5), reraise=True)
    def edit(self, key: str, field: str, value: str) -> None:
        """Until it is done: the server may just be on its way up."""
        ids = self._person.call("model.party.party.search", [["code", "=", key]])
        self._person.call("model.party.party.write", ids, {field: value})

    def snapshot(self) -> Snapshot:
        with self._opened() as connection:
            connection.row_factory = sqlite3.Row
            told = [dict(row) for row in connection.execute("select * from party_party")]
            counts = {
                table: connection.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608
                for table in TABLES
            }
        rows = [
            Row(str(row["id"]), row["code"], {n: _shown(n, row[n]) for n in row.keys() - STAMPS})
            for row in told
            if row["active"]
        ]
        return Snapshot(tuple(rows), counts)

    def spoil(self, row: dict[str, Any]) -> None:
        """Tryton wants what is valid until a day to be of no later day."""
        row["valid_until"] = row["as_of_date"] - dt.timedelta(days=1)

    def narrow(self) -> None:
        """It is so all the time."""

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        opened = sqlite3.connect(self._database, LOCK_SECONDS)
        with contextlib.closing(opened) as connection, connection:
            yield connection


def _shown(name: str, value: Any) -> str | None:
    # SQLite keeps a number as it came: as text, too
    return text(float(value)) if name in NUMBERS and value is not None else text(value)


@contextmanager
def opened(folder: Path) -> Iterator[TrytonCrm]:
    told = {"SALES_STATE": str(folder), "SALES_PORT_BASE": str(free_port() - 2)}
    here = from_environment({**os.environ, **told})
    prepare.prepare(here)
    crm = TrytonCrm(here, folder / "tryton.log")
    try:
        crm.let_create()
        yield crm
    finally:
        crm.stop()
