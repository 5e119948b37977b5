"""Airflow with a home of its own."""

import atexit
import logging
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from jobs.settings import ROOT

# Airflow reads its settings when it is imported, so they come first.
HOME = tempfile.mkdtemp(prefix="airflow-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}

# It also puts its own handlers in the place of those that other tests listen with.
root = logging.getLogger()
handlers, level = list(root.handlers), root.level
from airflow.dag_processing.dagbag import DagBag  # noqa: E402

root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def bag() -> DagBag:
    """All DAGs, as the scheduler reads them."""
    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's own, empty."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, check=True, capture_output=True)
