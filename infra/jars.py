"""Delta's JARs: resolved once by Spark's own Ivy, checked against pinned hashes, cached."""

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from infra.java.find import java_home
from jobs import command
from jobs.settings import ROOT, Settings, settings

log = logging.getLogger(__name__)

PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
# `sha256sum` of the JARs that Delta needs beside what pyspark ships; the other 26 are in pyspark.
PINNED = ROOT / "infra/java/jars.sha256"


class JarsMissing(Exception):
    """Delta's JARs could not be fetched, or are not the ones that were pinned."""


def spark_home() -> Path:
    """The Spark inside the installed pyspark."""
    found = importlib.util.find_spec("pyspark")
    if not found or not found.origin:
        raise JarsMissing("pyspark is not installed; run `make setup`")
    return Path(found.origin).parent


def jars(settings: Settings) -> list[Path]:
    """The JARs for `spark.driver.extraClassPath`; fetched at the first call.

    Raises:
        JarsMissing: they could not be fetched, or a hash differs.
    """
    folder = settings.cache / "jars"
    with FileLock(_made(settings.cache) / "jars.lock"):
        if _faults(folder):
            _resolve(settings, folder)
        if faults := _faults(folder):
            raise JarsMissing(
                f"{folder}: {', '.join(faults)} {'differ' if len(faults) > 1 else 'differs'} from "
                f"{PINNED.relative_to(ROOT)}; delete {folder} and run again"
            )
    return sorted(folder.glob("*.jar"))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _faults(folder: Path) -> list[str]:
    """Names of the pinned JARs that are missing or have another content."""
    pinned = [line.split() for line in PINNED.read_text().splitlines()]
    return [name for sha256, name in pinned if _sha256(folder / name) != sha256]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _resolve(settings: Settings, folder: Path) -> None:
    log.info("fetching Delta's JARs (%s), about 20 s", PACKAGE)
    with tempfile.TemporaryDirectory(dir=settings.cache, prefix="ivy-") as ivy:
        # there is no such class: spark-submit resolves the packages first, then fails, as it should
        command = [str(spark_home() / "bin/spark-submit"), "--packages", PACKAGE]
        command += ["--conf", f"spark.jars.ivy={ivy}", "--class", "none.Resolve", "spark-internal"]
        environment = {"JAVA_HOME": str(java_home(settings)), "SPARK_LOCAL_IP": "127.0.0.1"}
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, cwd=ivy
        )
        found = [*Path(ivy).glob("jars/io.delta_*"), *Path(ivy).glob("jars/io.unitycatalog_*")]
        if not found:
            told = [line.strip() for line in done.stderr.splitlines() if "rror" in line]
            raise JarsMissing(
                f"{PACKAGE} could not be fetched from Maven Central "
                f"({told[0] if told else 'no answer'}); check the network and run again"
            )
        _made(folder)
        for jar in found:
            shutil.copyfile(jar, folder / jar.name)


def main() -> None:
    """Fetch Delta's JARs where they are missing."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    jars(settings())


if __name__ == "__main__":
    command.run(main)
