"""A state of its own for each test: drops, landing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.settings import settings


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SALES_STATE", str(tmp_path))
    monkeypatch.delenv("LAKE_URI", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()
