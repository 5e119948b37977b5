"""A shipped connection that leads to a server of a bench, with a lake of its own."""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from jobs.delivery import mapping as mappings
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import ROOT, settings

SECRET = "bench"  # noqa: S105 a name
A_SECOND = 1000  # requests: these servers are nobody else's
# nothing waits for a person, and nothing is refused for its size
SHARES = ("changed", "flip", "clear", "mass_clear")


def settled(folder: Path, state: Path | None = None) -> None:
    """This process and its children have a lake in the folder, and connections there.

    Args:
        state: null: in the folder too.
    """
    (folder / "connections").mkdir()
    os.environ |= {
        "SALES_STATE": str(state or folder / "state"),
        "LAKE_URI": str(folder / "lake"),
        "CRM_CONNECTIONS": str(folder / "connections"),
        "COMPANY_CLOCK": "data",
    }
    settings.cache_clear()


def connected(name: str, secret: str, server: Mapping[str, str]) -> ConnectionMap:
    """The shipped mapping of a CRM, with another server."""
    told = yaml.safe_load((ROOT / f"jobs/delivery/connections/{name}.yaml").read_text())
    told["server"] |= {**server, "secret": SECRET}
    told |= {
        "limits": {f"{each}_share": 1 for each in SHARES},
        "rate": {"requests_a_second": A_SECOND},
    }
    (settings().connections / f"{name}.yaml").write_text(yaml.safe_dump(told))
    os.environ[f"SALES_SECRET_{SECRET.upper()}"] = secret
    return mappings.load(name)
