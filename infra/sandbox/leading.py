"""A company's connection led to another server, where nobody's data are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jobs.settings import ROOT

SHIPPED = ROOT / "jobs/delivery/connections"
# Nothing waits for a person, and nothing is refused for its size
UNLIMITED = {f"{share}_share": 1 for share in ("changed", "flip", "clear", "mass_clear")}


def led_to(server: Mapping[str, str], source: Path) -> dict[str, Any]:
    """What a connection's file says, with another server and without limits.

    Args:
        server: what differs, such as the address.
    """
    told: dict[str, Any] = yaml.safe_load(source.read_text())
    return told | {"server": {**told["server"], **server}, "limits": UNLIMITED}
