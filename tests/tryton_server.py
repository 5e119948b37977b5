"""A real Tryton with a dozen customers for the tests of adapter, source and delivery."""

import contextlib
import datetime as dt
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.tryton import prepare, serve
from jobs.crm.jsonrpc import Session
from jobs.crm.tryton import Tryton
from jobs.settings import ROOT, Settings, from_environment, settings
from tests.conftest import free_ports, wait_for_port

ACCOUNTS = [str(number) for number in range(101, 113)]
REQUEST_SECONDS = 3.0  # this server has nothing else to do: a request has ended long before
AGE = "45-54"  # of all customers but one
NO_AGE = "102"
SAID_BY_PEOPLE = dict.fromkeys(
    ("no_marketing", "no_marketing_date", "replaced_by", "marital_status")
)
SCORES = [
    *("score_next_products", "score_recency_band", "score_spend_band", "score_last_order_date"),
    *("score_name", "score_value", "score_grade", "score_trend", "score_reasons"),
    *("score_churn_grade", "score_churn_trend", "score_churn_chance", "score_churn_reasons"),
    *("score_offer_campaign", "score_offer_grade", "score_offer_chance"),
    *("score_expected_usd", "score_expected_grade", "score_segment"),
    *("score_as_of", "score_valid_until", "score_model_version", "score_link"),
]


@dataclass(frozen=True)
class Crm:
    """The server, a salesperson at it, and the pipeline's adapter."""

    settings: Settings
    salesperson: Session
    adapter: Tryton
    database: Path

    def ids(self) -> dict[str, int]:
        rows = self.salesperson.call(
            *("model.party.party.search_read", [], 0, None, None, ["code"]),
            context={"active_test": False},
        )
        return {row["code"]: row["id"] for row in rows}

    def edit(self, account: str, **values: Any) -> None:
        """Someone at the CRM changes a customer."""
        self.salesperson.call("model.party.party.write", [self.ids()[account]], values)

    def create(self, *accounts: str) -> None:
        """New customers, all of one name."""
        self.salesperson.call("model.party.party.create", [party(a, "New") for a in accounts])

    def delete(self, *accounts: str) -> None:
        ids = self.ids()
        self.salesperson.call("model.party.party.delete", [ids[account] for account in accounts])

    def merge(self, account: str, into: str) -> None:
        """As a person does it, with the wizard `Replace`; it asks back where names differ."""
        ids, wizard = self.ids(), "wizard.party.replace"
        session, *_ = self.salesperson.call(f"{wizard}.create")
        asked = {"ask": {"source": ids[account], "destination": ids[into]}}
        self.salesperson.call(f"{wizard}.execute", session, asked, "replace")
        self.salesperson.call(f"{wizard}.delete", session)

    def write_email(self, account: str, value: str) -> None:
        """Change the contact, not the customer's own record."""
        contact = "model.party.contact_mechanism"
        ids = self.salesperson.call(
            f"{contact}.search", [["party.code", "=", account]], 0, None, None
        )
        self.salesperson.call(f"{contact}.write", ids, {"value": value})

    def as_of_one_instant(self, *accounts: str, at: dt.datetime | None = None) -> dt.datetime:
        """Let customers have been written at the same microsecond (now), as by one import."""
        instant = (at or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
        places = ", ".join("?" * len(accounts))
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(
                f"update party_party set write_date = ? where code in ({places})",
                (instant.isoformat(" "), *accounts),
            )
        return instant.replace(tzinfo=dt.UTC)

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks that are there, by their keys."""
        names = ["task_key", "party.code", "channel", "text", "reasons", "state", "outcome"]
        asked = ([], 0, None, None, [*names, "closed_date", "activity"])
        rows = self.salesperson.call("model.sales_scores.task.search_read", *asked)
        return {row["task_key"]: row | {"party": row["party."]["code"]} for row in rows}

    def say(self, key: str, **values: Any) -> None:
        """A salesperson says what they did with a task."""
        task = self.tasks()[key]["id"]
        self.salesperson.call("model.sales_scores.task.write", [task], values)

    def lose(self, *keys: str) -> None:
        """Tasks are gone, as people cannot make them: by the database itself."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            places = ", ".join("?" * len(keys))
            connection.execute(f"delete from sales_scores_task where task_key in ({places})", keys)

    def shows(self, account: str, field: str) -> str | None:
        return self.adapter.find("code", [account], [field])[account][0].values[field]

    def revisions(self) -> dict[str, str]:
        """Moves with every write to a customer."""
        return {str(r.values["code"]): r.revision for r in self.adapter.read(["code"])}


def party(account: str, name: str | None = None) -> dict[str, Any]:
    """A customer to create."""
    mail = {"type": "email", "value": f"household-{account}@example.com"}
    return {
        "code": account,
        "name": name or f"Household {account}",
        "age_band": AGE if account != NO_AGE else None,
        "contact_mechanisms": [["create", [mail]]],
    }


def undo(made: Crm) -> None:
    """The twelve customers as they were first, without scores, whatever a test did to them."""
    call, ids = made.salesperson.call, made.ids()
    made.lose(*made.tasks())
    if others := [ids[code] for code in ids if code not in ACCOUNTS]:
        call("model.party.party.write", list(ids.values()), {"replaced_by": None})
        call("model.party.party.delete", others)
    if missing := [party(account) for account in ACCOUNTS if account not in ids]:
        call("model.party.party.create", missing)
    ids = made.ids()
    first = {"active": True, "age_band": AGE} | dict.fromkeys(SCORES) | SAID_BY_PEOPLE
    bare = {"age_band": None}
    call("model.party.party.write", list(ids.values()), first, [ids[NO_AGE]], bare)


@contextlib.contextmanager
def served(home: Path) -> Iterator[tuple[Settings, Path]]:
    """A server without customers, and its database."""
    told = {"SALES_STATE": str(home), "SALES_PORT_BASE": str(free_ports(5))}
    here = from_environment({**os.environ, **told})
    prepare.prepare(here)
    log = home / "tryton.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            serve.argv(here),
            env={**os.environ, **serve.environment(here)},
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    try:
        wait_for_port(here.crm_port, process, log)
        yield here, here.state / "crm" / f"{prepare.DATABASE}.sqlite"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def tryton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with served(tmp_path_factory.mktemp("tryton-server")) as (here, _):
        admin = Session(here.crm_url, "admin", here.secret("crm_admin"))
        admin.call("model.party.party.create", [party(account) for account in ACCOUNTS])
        yield here


@pytest.fixture
def crm(tryton_server: Settings, state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crm]:
    """The CRM without scores, and settings that lead to it."""
    for user in ("admin", "pipeline"):
        secret = tryton_server.secret(f"crm_{user}")
        monkeypatch.setenv(f"SALES_SECRET_CRM_{user.upper()}", secret)
    monkeypatch.setenv("SALES_PORT_BASE", str(tryton_server.port_base))
    settings.cache_clear()
    url = tryton_server.crm_url
    salesperson = Session(url, "admin", tryton_server.secret("crm_admin"))
    pipeline = Session(url, "pipeline", tryton_server.secret("crm_pipeline"))
    database = tryton_server.state / "crm" / f"{prepare.DATABASE}.sqlite"
    made = Crm(settings(), salesperson, Tryton(pipeline, REQUEST_SECONDS), database)
    undo(made)
    return made
