import pytest

from tests.connections import connections  # noqa: F401
from tests.tryton_server import crm, tryton_server  # noqa: F401


@pytest.fixture(autouse=True)
def past_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox of these tests is of 2017, and so is their today."""
    monkeypatch.setenv("COMPANY_CLOCK", "data")
