"""The connection that chaos delivers by: its mapping leads to the wire; and a lake of its own."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra.chaos.adapters import BY_NAME
from infra.chaos.crms import Crm
from infra.chaos.story import COLUMNS, Story
from jobs.crm.access import Access
from jobs.crm.adapter import Adapter
from jobs.crm.throttle import Throttle
from jobs.settings import settings

NAME = "chaos"  # of the connection, and of its secret
A_SECOND = 1000.0  # requests: these servers are nobody else's
# of what nothing waits for a person, and nothing stops before its end
SHARES = ("changed", "flip", "clear", "mass_clear", "refused", "moved")


@contextmanager
def settled(story: Story, crm: Crm, folder: Path, port: int) -> Iterator[None]:
    """This process and its children have a lake in `folder`, and one connection, to `port`."""
    connections = folder / "connections"
    connections.mkdir(parents=True)
    scheme = crm.url.partition("://")[0]
    mapping = mapped(story, crm, f"{scheme}://127.0.0.1:{port}")
    (connections / f"{NAME}.yaml").write_text(yaml.safe_dump(mapping))
    told = {
        "SALES_STATE": str(folder / "state"),
        "LAKE_URI": str(folder / "lake"),
        "CRM_CONNECTIONS": str(connections),
        "SALES_SECRET_CHAOS": crm.secret,
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        settings.cache_clear()


def straight(story: Story, crm: Crm) -> Adapter:
    """An adapter that does not go by the wire: it meets no fault."""
    server = _server(story, crm)
    return BY_NAME[crm.name](
        Access(NAME, crm.url, crm.user, crm.secret, server, Throttle(A_SECOND))
    )


def mapped(story: Story, crm: Crm, url: str) -> dict[str, Any]:
    """The connection's file."""
    of = {column: COLUMNS[column] for column in crm.fields}
    if story.mode == "create":
        of |= {column: ([column], "as_is", "if_empty") for column in crm.needed}
    names = {**crm.fields, **crm.needed}
    limits = {f"{each}_share": 1 for each in SHARES} | {"creates": story.records}
    return {
        "adapter": crm.name,
        "server": {"url": url, "user": crm.user, "secret": NAME, **_server(story, crm)},
        "mode": story.mode,
        "match": [{"field": crm.key, "from": "account_id"}],
        "limits": limits,
        "rate": {"requests_a_second": A_SECOND, "daily_share": 1},
        "purposes": {"trial": {"text": "try it", "legal_basis": "these are nobody's data"}},
        "fields": {
            names[column]: _field(list(source), form, ownership)
            for column, (source, form, ownership) in of.items()
        },
    }


def _field(source: list[str], form: str, ownership: str) -> dict[str, Any]:
    return {"from": source, "as": form, "ownership": ownership, "purpose": "trial"}


def _server(story: Story, crm: Crm) -> Mapping[str, str]:
    return {**crm.server, "bulk_from": str(story.bulk_from)}
