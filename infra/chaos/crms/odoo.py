"""The real Odoo on PostgreSQL, in processes of their own; a person is its administrator."""

import json
import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as postgres
import httpx
from tenacity import retry, stop_after_delay, wait_fixed

from infra.chaos.crms import NotHere, Row, Snapshot, free_port, text
from infra.odoo import prepare, serve
from infra.odoo.archive import CannotRun
from infra.odoo.prepare import Place
from jobs.crm import odoo_install, odoo_key
from jobs.crm.access import Access
from jobs.crm.json2 import Session
from jobs.crm.throttle import Throttle
from jobs.settings import Settings, from_environment

START_SECONDS = 180.0
PARTNER, SCORE = "res.partner", "x_sales_score"
OF_SCORE = "score."  # how the mapping's names of a score's fields begin
ON_PARTNER = ("recency_band", "spend_band", "next_action")
ON_SCORE = (
    *("next_products", "last_order_date", "score_name", "grade", "trend", "reasons"),
    *("churn_grade", "churn_trend", "churn_chance", "churn_reasons", "offer_grade"),
    "offer_chance",
)
COLUMNS = {name: f"x_sales_{name}" for name in ON_PARTNER}
COLUMNS |= {name: f"score.{name}" for name in (*ON_SCORE, "valid_until", "model_version")}
COLUMNS |= {"score": "score.value", "as_of_date": "score.as_of"}
COLUMNS |= {"segment_name": "x_sales_segment"}
COLUMNS |= {"offer_campaign_id": "score.offer_campaign"}
COLUMNS |= {"value_usd": "score.expected_usd", "value_grade": "score.expected_grade"}
NUMBERS = ("value", "churn_chance", "offer_chance", "expected_usd")  # of a score
# written by Odoo itself
STAMPS = {"id", "create_date", "create_uid", "write_date", "write_uid", "x_sales_guard"}
AT_ONCE = 1_000  # customers that are made in one request
SPOILT = "spoilt"  # of a model version: a rule of the database refuses it
RULE = f"alter table {SCORE} add constraint chaos check (x_model_version not like '%{SPOILT}')"
TABLES = ("res_partner", "mail_message", "mail_activity")
# of customers; the order matters
LEFT = (
    "delete from ir_model_data where module = 'sales_lakehouse' and model <> 'res.company'",
    f"delete from {SCORE}",  # noqa: S608 our own name
    "delete from res_partner where ref is not null",
)


class OdooCrm:
    name, tls, user = "odoo", None, odoo_key.USER
    key, fields = "ref", COLUMNS
    hand, other = "x_sales_next_action", "city"
    is_conditional, batch = False, 300

    def __init__(self, here: Settings, place: Place, process: subprocess.Popen[bytes]) -> None:
        self._settings, self._place, self._process = here, place, process
        self.url, self.server, self.needed = place.url, dict[str, str](), dict[str, str]()
        key = here.secret("odoo_admin_key")
        admin = Access("odoo", place.url, prepare.ADMIN, key, throttle=Throttle(1000))
        odoo_install.install(admin)
        self.secret, self._person = odoo_key.new_key(admin), Session(admin)
        self._say(RULE)

    def restart(self) -> None:
        self.stop()
        with (self._place.home / "again.log").open("a") as out:
            self._process = subprocess.Popen(
                prepare.argv(self._settings, self._place),
                env={**os.environ, **prepare.environment(self._settings)},
                stdout=out,
                stderr=out,
            )
        self._wait()

    @retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.2), reraise=True)
    def _wait(self) -> None:
        httpx.get(f"{self.url}/web/health", timeout=5).raise_for_status()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def has(self, keys: Collection[str]) -> None:
        self._say(*LEFT)
        rows = [{"name": f"Household {key}", "ref": key, "city": "Boston"} for key in keys]
        for at in range(0, len(rows), AT_ONCE):
            self._person.call(PARTNER, "create", vals_list=rows[at : at + AT_ONCE])

    @retry(stop=stop_after_delay(START_SECONDS), wait=wait_fixed(0.5), reraise=True)
    def edit(self, key: str, field: str, value: str) -> None:
        """Until it is done: the server may just be on its way up."""
        ids = self._person.call(PARTNER, "search", domain=[["ref", "=", key]])
        self._person.call(PARTNER, "write", ids, vals={field: value})

    def snapshot(self) -> Snapshot:
        scores: dict[str, list[dict[str, str | None]]] = {}
        for told in self._rows(SCORE, "true"):
            scores.setdefault(str(told["x_partner_id"]), []).append(_score(told))
        rows = []
        for told in self._rows("res_partner", "ref is not null and active"):
            own = {n: text(value) for n, value in told.items() if n not in STAMPS}
            # a second row of scores is a double too
            for score in scores.get(str(told["id"]), [_score({})]):
                rows.append(Row(str(told["id"]), str(told["ref"]), own | score))
        counts = {t: int(self._asked(f"select count(*) from {t}")[0][0]) for t in TABLES}  # noqa: S608
        return Snapshot(tuple(rows), counts)

    def spoil(self, row: dict[str, Any]) -> None:
        row["model_version"] = SPOILT

    def narrow(self) -> None:
        """It is so all the time."""

    def _rows(self, table: str, where: str) -> list[dict[str, Any]]:
        told = self._asked(f"select row_to_json(t)::text from {table} t where {where}")  # noqa: S608
        return [json.loads(row[0]) for row in told]

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        with postgres.connect(self._way) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _say(self, *statements: str) -> None:
        with postgres.connect(self._way, autocommit=True) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)

    @property
    def _way(self) -> str:
        lines = self._place.config.read_text().splitlines()
        told = dict(line.split(" = ", 1) for line in lines if " = " in line)
        password = told["db_password"]
        port = self._place.database_port
        return f"postgresql://odoo:{password}@127.0.0.1:{port}/{prepare.DATABASE}"


def _score(told: dict[str, Any]) -> dict[str, str | None]:
    """A row of scores by the mapping's names; what Odoo shows as 0 may be no number."""
    names = [name for name in COLUMNS.values() if name.startswith(OF_SCORE)]
    shown = {name: text(told.get(f"x_{name.removeprefix(OF_SCORE)}")) for name in names}
    none = [each for each in NUMBERS if not told.get(f"x_{each}_known")]
    return shown | {f"{OF_SCORE}{each}": None for each in none}


@contextmanager
def opened(folder: Path) -> Iterator[OdooCrm]:
    here = from_environment({**os.environ, "SALES_STATE": str(folder)})
    place = Place(folder / "crm" / "odoo", free_port(), free_port())
    try:
        prepare.prepare(here, place)
    except CannotRun as why:
        raise NotHere(str(why)) from None
    try:
        with serve.running(here, place, folder / "odoo.log") as process:
            crm = OdooCrm(here, place, process)
            try:
                yield crm
            finally:
                crm.stop()
    finally:
        prepare.remove(place)
