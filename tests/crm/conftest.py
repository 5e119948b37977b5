import pytest

from tests.connections import connections  # noqa: F401
from tests.tryton_server import crm, tryton_server  # noqa: F401


@pytest.fixture(autouse=True)
def past_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """The days that these tests land are of 2017, as if it were 2017."""
    monkeypatch.setenv("COMPANY_CLOCK", "data")
