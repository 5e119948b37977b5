"""Odoo 19 Community, the real server on PostgreSQL."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.crm.adapter import Adapter, Kind
from tests.odoo_server import Crm, served


class OdooRig:
    name = "odoo"
    tls = None
    lacks: Mapping[str, str] = {
        "a_merged_record_says_into_which": (
            "Odoo deletes the merged partner; only the row of its score still names it, and these "
            "have none (test_odoo.py merges one that has)"
        ),
        "an_ended_session_is_opened_again": (
            "a request carries the API key, there is no session; a key that was good a moment ago "
            "is shown once more (test_odoo.py)"
        ),
    }
    key = "ref"
    age = "city"
    ages = ("Boston", "Reno")
    probes: Mapping[Kind, str] = {
        "text": "score.reasons",
        "number": "score.value",
        "date": "score.as_of",
    }
    too_much = ("x_sales_spend_band", "no_such_band")

    def __init__(self, crm: Crm) -> None:
        self.crm, self.url = crm, crm.url

    def adapter(self, url: str | None = None, secret: str | None = None, **sizes: Any) -> Adapter:
        return self.crm.adapter(url, secret, **sizes)

    def has(self, keys: Collection[str]) -> None:
        self.crm.has(keys)

    def edit(self, key: str, field: str, value: str | None) -> None:
        self.crm.edit(key, **{field: value or False})

    def delete(self, key: str) -> None:
        self.crm.delete(key)

    def merge(self, key: str, into: str) -> None:
        self.crm.merge(key, into)

    def write_together(self, keys: Collection[str]) -> None:
        self.crm.edit(*keys, city="Together")


@contextmanager
def rig(folder: Path) -> Iterator[OdooRig]:
    with served(folder) as crm:
        yield OdooRig(crm)
