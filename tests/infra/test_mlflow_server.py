"""The real MLflow server: it asks for a password, and our own jobs have it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import mlflow
import pytest

from infra import stack, supervision
from infra.services import services
from jobs.settings import Settings, settings
from jobs.training import tracking
from tests.conftest import free_ports

pytestmark = pytest.mark.services


@pytest.fixture
def here(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("SALES_PORT_BASE", str(free_ports(5)))
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    settings.cache_clear()
    tracking.client.cache_clear()
    yield settings()
    tracking.client.cache_clear()
    mlflow.set_tracking_uri(None)
    supervision.stop(settings())


def test_nobody_reads_runs_without_the_password_and_our_jobs_have_it(here: Settings) -> None:
    stack.start(here, [each for each in services(here) if each.name == "mlflow"])
    asked = f"{here.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert httpx.get(asked).status_code == 401
    assert httpx.get(asked, auth=("admin", "guessed")).status_code == 401
    assert httpx.get(f"{here.mlflow_url}/").status_code == 401
    assert [each.name for each in tracking.client().search_experiments()] == ["Default"]
    assert (here.state / "mlflow/auth.db").exists()
