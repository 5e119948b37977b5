"""An MLflow store and a lake of a small company, for tests of bench, train, promote, predict."""

import shutil
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from deltalake import write_deltalake

from jobs import lake
from jobs.spark import cut
from jobs.table import table
from jobs.training import tracking
from jobs.training.recommenders import protocol
from tests.training.company import (
    described,
    interactions,
    listed,
    write_accounts,
    write_products,
)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """An MLflow database without a run: its migrations take seconds, a copy does not."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="module")
def one_store(empty_store, tmp_path_factory):
    """One MLflow store for all benches of a file of tests."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(empty_store, folder / "mlflow.db")
    tracking.client.cache_clear()
    tracking.mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    for room in tracking.ROOMS:  # their pictures lie there, not where the tests run
        tracking.client().create_experiment(room, f"{folder}/artifacts")
    yield
    tracking.mlflow.set_tracking_uri(None)
    tracking.client.cache_clear()


@pytest.fixture(autouse=True)
def features_made_again(monkeypatch):
    """Promotions without Spark: tests/spark/test_cut.py makes features again."""
    monkeypatch.setattr(cut, "compared", lambda name, date: cut.Compared(name, 1, 0))


@pytest.fixture
def store(state, empty_store, registry, monkeypatch):
    """A lake with the five tables, an empty MLflow store, and quick configurations only."""
    accounts = [f"account {n:02}" for n in range(31)]
    tables = {
        "features.interactions": interactions(),
        "silver.accounts": pd.DataFrame({"account_id": accounts}),
    }
    for name, frame in tables.items():
        write_deltalake(lake.location(name), frame)
    no_plan = lake.arrow_schema(table("gold.product_weeks").full_schema).empty_table()
    write_deltalake(lake.location("gold.product_weeks"), no_plan)
    write_products(*[listed(f"product {n:02}") for n in range(6)])
    write_accounts(*[described(account_id) for account_id in accounts])
    shutil.copy(empty_store, state / "mlflow.db")
    tracking.client().create_experiment("recommenders", artifact_location=str(state / "artifacts"))
    family = protocol.FAMILY
    quick = [
        family.baseline,
        family.configuration("repeat"),
        family.configuration("popular", weeks=52),
    ]
    monkeypatch.setattr(protocol.Recommenders, "configurations", lambda self: quick)
    monkeypatch.setattr(family, "terms", protocol.Terms(min_buyers=3))
    return tracking.client()
