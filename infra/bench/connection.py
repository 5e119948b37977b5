"""A shipped connection that leads to a server of a bench, with a lake of its own."""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.sandbox.leading import SHIPPED, led_to
from jobs.delivery import mapping as mappings
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import settings

SECRET = "bench"  # noqa: S105 a name
A_SECOND = 1000  # requests: these servers are nobody else's


def settled(folder: Path) -> None:
    """This process and its children have state, lake and connections in the folder."""
    (folder / "connections").mkdir()
    os.environ |= {
        "SALES_STATE": str(folder / "state"),
        "LAKE_URI": str(folder / "lake"),
        "CRM_CONNECTIONS": str(folder / "connections"),
        "COMPANY_CLOCK": "data",
    }
    settings.cache_clear()


def connected(name: str, secret: str, server: Mapping[str, str]) -> ConnectionMap:
    """The shipped mapping of a CRM, with another server."""
    told = led_to({**server, "secret": SECRET}, SHIPPED / f"{name}.yaml")
    told["rate"] = {"requests_a_second": A_SECOND}
    (settings().connections / f"{name}.yaml").write_text(yaml.safe_dump(told))
    os.environ[f"SALES_SECRET_{SECRET.upper()}"] = secret
    return mappings.load(name)
