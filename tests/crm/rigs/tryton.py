"""Tryton 8.0, the real server on SQLite."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.crm.adapter import Adapter, Kind
from jobs.crm.jsonrpc import Session
from jobs.crm.tryton import Tryton
from tests.tryton_server import REQUEST_SECONDS, Crm, party, served


class TrytonRig:
    name = "tryton"
    tls = None
    lacks: Mapping[str, str] = {}
    key = "code"
    age = "age_band"
    ages = ("45-54", "65+")
    probes: Mapping[Kind, str] = {
        "text": "score_reasons",
        "number": "score_value",
        "date": "score_as_of",
    }
    too_much = ("score_spend_band", "x" * 41)

    def __init__(self, crm: Crm) -> None:
        self.crm, self.url = crm, crm.settings.crm_url

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> Adapter:
        secret = secret or self.crm.settings.secret("crm_pipeline")
        return Tryton(Session(url or self.url, "pipeline", secret), REQUEST_SECONDS, **sizes)

    def has(self, keys: Collection[str]) -> None:
        call, ids = self.crm.salesperson.call, self.crm.ids()
        if ids:
            call("model.party.party.write", list(ids.values()), {"replaced_by": None})
            call("model.party.party.delete", list(ids.values()))
        call("model.party.party.create", [party(key, "New") for key in keys])

    def edit(self, key: str, field: str, value: str | None) -> None:
        self.crm.edit(key, **{field: value})

    def delete(self, key: str) -> None:
        self.crm.delete(key)

    def merge(self, key: str, into: str) -> None:
        self.crm.merge(key, into)

    def write_together(self, keys: Collection[str]) -> None:
        self.crm.as_of_one_instant(*keys)


@contextmanager
def rig(folder: Path) -> Iterator[TrytonRig]:
    with served(folder) as (settings, database):
        admin = Session(settings.crm_url, "admin", settings.secret("crm_admin"))
        pipeline = Session(settings.crm_url, "pipeline", settings.secret("crm_pipeline"))
        creators = [["name", "=", "Sales Pipeline: creates customers"]]
        group = admin.call("model.res.group.search", creators)
        user = admin.call("model.res.user.search", [["login", "=", "pipeline"]])
        admin.call("model.res.user.write", user, {"groups": [["add", group]]})
        yield TrytonRig(Crm(settings, admin, Tryton(pipeline, REQUEST_SECONDS), database))
