"""A state of its own for each test: drops, landing."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_state(state: Path) -> Path:
    return state
