"""The shipped maps of CRMs that are read, led to a server of the tests."""

from pathlib import Path
from typing import Any

import yaml

from jobs.settings import ROOT, settings

SHIPPED = sorted((ROOT / "jobs/sources").glob("crm_*.yaml"))


def shipped(name: str) -> dict[str, Any]:
    """What jobs/sources/crm_<name>.yaml says."""
    told: dict[str, Any] = yaml.safe_load((ROOT / f"jobs/sources/crm_{name}.yaml").read_text())
    return told


def use(monkeypatch: Any, folder: Path, told: dict[str, Any], url: str, secret: str) -> Path:
    """Let a map count that leads to `url` and logs in with a secret."""
    told["server"] |= {"url": url, "secret": "of_the_test"}
    path = folder / "crm.yaml"
    path.write_text(yaml.safe_dump(told))
    monkeypatch.setenv("CRM_SOURCE", str(path))
    monkeypatch.setenv("SALES_SECRET_OF_THE_TEST", secret)
    settings.cache_clear()
    return path
