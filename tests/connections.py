"""The shipped connection, with limits that a dozen customers changing as one are never out of."""

from pathlib import Path

import pytest

from jobs.settings import ROOT

SHIPPED = ROOT / "jobs/delivery/connections"
UNLIMITED = "limits: {changed_share: 1, flip_share: 1, clear_share: 1, mass_clear_share: 1}"


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of it; tests may write others into it."""
    folder = tmp_path / "connections"
    folder.mkdir()
    text = (SHIPPED / "tryton.yaml").read_text()
    (folder / "tryton.yaml").write_text(f"{text}{UNLIMITED}\n")
    monkeypatch.setenv("CRM_CONNECTIONS", str(folder))
    return folder
