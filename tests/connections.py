"""The shipped connections to Tryton, with limits that a dozen customers are never out of."""

import shutil
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
    shutil.copy(SHIPPED / "tryton_tasks.yaml", folder)
    monkeypatch.setenv("CRM_CONNECTIONS", str(folder))
    return folder
