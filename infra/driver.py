"""What a Spark driver must be told beside the usual: a cluster, a lake on S3, a person's own."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.jars import jars
from infra.java import compiled
from jobs.settings import ROOT, Settings

LOG_STORE = "saleslakehouse.ConditionalLogStore"
CLUSTER_SECRET = "spark_cluster"  # noqa: S105 a name

JOINED = {"extraClassPath": ":", "extraJavaOptions": " "}  # between what is ours and a person's
COLLECTOR = re.compile(r"-XX:\+Use\w+GC\s*")  # of garbage: a JVM does not start with two


def master(settings: Settings) -> str:
    """Spark's own word for where the tasks run."""
    is_local = settings.spark_master == "local"
    return f"local[{settings.spark_cores}]" if is_local else settings.spark_master


def cluster(settings: Settings, class_path: Iterable[Path]) -> dict[str, str]:
    """Settings of executors: none where the tasks run in the driver itself.

    Our code and its JARs lie at the same paths on every machine (a shared disk, or an image).
    """
    if settings.spark_master == "local":
        return {}
    told = {
        "spark.cores.max": str(settings.spark_cores),
        "spark.executor.extraClassPath": ":".join(str(each) for each in class_path),
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        # bronze reads files in Python workers, by functions of ours
        "spark.pyspark.python": sys.executable,
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
    }
    if settings.spark_master.startswith("spark://"):
        # YARN and Kubernetes make one for each application; a standalone cluster has one for all
        told["spark.authenticate.secret"] = settings.make_secret(CLUSTER_SECRET)
    return told


def classes(settings: Settings) -> list[Path]:
    """Folders of our own classes for the driver's class path."""
    if not settings.lake_uri.startswith("s3a://"):
        return []
    name = f"{LOG_STORE.rpartition('.')[2]}.java"
    return [compiled.classes(settings, "log-store", name, needs=jars(settings))]


def object_store(settings: Settings) -> dict[str, str]:
    """Settings of a lake on S3. No keys: they come by the environment (see `credentials`)."""
    if not settings.lake_uri.startswith("s3a://"):
        return {}
    told = {
        "spark.delta.logStore.s3a.impl": LOG_STORE,
        "spark.hadoop.fs.s3a.endpoint.region": settings.s3_region,
    }
    if settings.s3_endpoint:
        told |= {
            "spark.hadoop.fs.s3a.endpoint": settings.s3_endpoint,
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": str(
                settings.s3_endpoint.startswith("https://")
            ).lower(),
        }
    return told


def credentials(settings: Settings) -> dict[str, str]:
    """Environment of the JVM's process: from here Spark takes the keys, and hands them on itself.

    In its settings they would stand in a file, and in the answer to `SET`.
    """
    return settings.s3_keys()


def with_own(
    settings: Settings, ours: Mapping[str, str], only: tuple[str, ...] = ("",)
) -> dict[str, str]:
    """Ours, and over them what a person wrote into SPARK_PROPERTIES; lists are joined.

    Args:
        only: how the names begin that are taken.
    """
    told = dict(ours)
    for name, value in _own(settings).items():
        if not name.startswith(only):
            continue
        between = JOINED.get(name.rpartition(".")[2])
        if COLLECTOR.search(value) and name in told:
            told[name] = COLLECTOR.sub("", told[name])
        told[name] = f"{told[name]}{between}{value}" if between and name in told else value
    return told


def _own(settings: Settings) -> dict[str, str]:
    if not settings.spark_properties:
        return {}
    lines = map(str.strip, Path(settings.spark_properties).read_text().splitlines())
    # as Spark reads its own files: `name value` or `name=value`
    pairs = [
        re.split(r"\s*=\s*|\s+", line, maxsplit=1) for line in lines if line[:1] not in ("", "#")
    ]
    return {name: "".join(value) for name, *value in pairs}


def write(path: Path, properties: Mapping[str, str]) -> None:
    """Write Spark's settings into a file that only its owner can read: there are secrets in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name} {value}\n" for name, value in properties.items())
