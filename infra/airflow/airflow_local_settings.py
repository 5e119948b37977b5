"""Read by every Airflow process: the scheduler loads here what each of its tasks would load.

LocalExecutor forks its tasks from the scheduler, so a library imported here costs a task nothing.
Third-party libraries only: our own code is read by each task, as it is on disk at that moment.
Imports only: a gRPC channel or a session must not cross the fork.
"""

import importlib
import sys

__all__ = ()  # nothing here overrides a setting of Airflow's

PRELOADED = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.task_runner",
    "deltalake",
    "great_expectations",
    "httpx",
    "pandas",
    "pyarrow.parquet",
    "pyspark.sql.connect.session",
    "pyspark.sql.functions",
    "tenacity",
)

if "scheduler" in sys.argv[:2]:
    for module in PRELOADED:
        importlib.import_module(module)
