"""A company's connection led to another server, where nobody's data are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from jobs.settings import ROOT

SHIPPED = ROOT / "jobs/delivery/connections"
# Nothing waits for a person, and nothing is refused for its size
UNLIMITED = {f"{share}_share": 1 for share in ("changed", "flip", "clear", "mass_clear")}


def led_to(
    server: Mapping[str, str], source: Path, limits: Mapping[str, float] = UNLIMITED
) -> dict[str, Any]:
    """What a connection's file says, with another server and other limits.

    Args:
        server: what differs, such as the address.
        limits: empty: they stay.
    """
    told: dict[str, Any] = yaml.safe_load(source.read_text())
    if limits:
        told["limits"] = dict(limits)
    return told | {"server": {**told.get("server", {}), **server}}
