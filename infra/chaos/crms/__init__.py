"""The CRMs that chaos is played at, one file each with `opened(folder)`: a server, its records as
they are kept there, and a person who edits them. Nothing here goes by the adapters.
"""

import importlib
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, cast

from infra.sandbox.upstream import Tls

NAMES = ("tryton", "odoo", "salesforce", "hubspot")

PLACES = 4  # digits after the point that scores have

# column of the outbox → field, of CRMs whose names are plain ones
COLUMNS = {
    name: f"score_{name}"
    for name in (
        *("next_products", "recency_band", "spend_band", "last_order_date", "grade", "trend"),
        *("reasons", "churn_grade", "churn_trend", "churn_chance", "churn_reasons"),
        *("offer_grade", "offer_chance", "valid_until", "model_version"),
    )
}
COLUMNS |= {"score_name": "score_name", "score": "score_value", "as_of_date": "score_as_of"}
COLUMNS |= {"offer_campaign_id": "score_offer_campaign", "value_usd": "score_expected_usd"}
COLUMNS |= {"value_grade": "score_expected_grade", "segment_name": "score_segment"}


class NotHere(Exception):
    """This CRM cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class Row:
    """One active record as the CRM keeps it, all fields that people or programs may write."""

    id: str
    key: str
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class Snapshot:
    """All records of customers, and how many rows there are of what hangs on them."""

    rows: tuple[Row, ...]
    counts: Mapping[str, int]


class Crm(Protocol):
    """A CRM, and a person at it."""

    name: str  # of its dialect and its adapter too
    url: str
    tls: Tls | None
    user: str
    secret: str
    server: Mapping[str, str]  # options of the connection's `server`
    key: str  # the field that holds our account_id
    fields: Mapping[str, str]  # by column of the outbox
    needed: Mapping[str, str]  # fields filled for new records only, by column
    hand: str  # a field of ours, `if_ours`, that people write into too
    other: str  # a field of theirs
    is_conditional: bool  # refuses a write to a record that moved after it was read
    batch: int  # records of one write request, about
    restart: Callable[[], None] | None  # null: what it knows would be gone

    def has(self, keys: Collection[str]) -> None:
        """Now it has these customers without scores, and no others."""
        ...

    def edit(self, key: str, field: str, value: str) -> None:
        """A person writes into a field of a customer."""
        ...

    def snapshot(self) -> Snapshot: ...

    def spoil(self, row: dict[str, Any]) -> None:
        """Change a row of the outbox so that the CRM refuses it, and nothing tells so before."""
        ...

    def narrow(self) -> None:
        """From now on it refuses what `spoil` made, where it did not all the time."""
        ...


def opened(name: str, folder: Path) -> AbstractContextManager[Crm]:
    """The CRM until the block's end.

    Raises:
        NotHere: it cannot be had.
    """
    module = importlib.import_module(f"infra.chaos.crms.{name}")
    return cast(AbstractContextManager[Crm], module.opened(folder))


def text(value: object) -> str | None:
    """A value as it is kept, as text: nothing is null, zeros after the point do not count."""
    if value is None or value is False or value == "":
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{round(Decimal(str(value)), PLACES).normalize() + 0:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
