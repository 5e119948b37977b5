"""Delta's JARs, and S3's where the lake is there: resolved once by Spark's own Ivy, hash-pinned."""

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from infra.java.find import java_home
from jobs import command
from jobs.settings import ROOT, Settings, settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pack:
    """JARs that belong together. `pinned` has the `sha256sum` of those that pyspark lacks."""

    what: str
    packages: tuple[str, ...]
    pinned: Path
    without: str = ""  # what nothing of it needs: hundreds of megabytes

    @property
    def names(self) -> dict[str, str]:
        """Each JAR's file name and its hash."""
        lines = (line.split() for line in self.pinned.read_text().splitlines())
        return {name: sha256 for sha256, name in lines}


DELTA = Pack("Delta", ("io.delta:delta-spark_4.2_2.13:4.4.0",), ROOT / "infra/java/jars.sha256")
# Hadoop 3.5.0 is what pyspark brings; of Amazon's library only what S3 is spoken with.
AMAZON = "software.amazon.awssdk"
S3 = Pack(
    "S3",
    (
        "org.apache.hadoop:hadoop-aws:3.5.0",
        *(f"{AMAZON}:{part}:2.35.4" for part in ("s3", "s3-transfer-manager", "sts")),
        f"{AMAZON}:apache-client:2.35.4",
    ),
    ROOT / "infra/java/jars-s3.sha256",
    without=f"{AMAZON}:bundle",
)


class JarsMissing(Exception):
    """JARs could not be fetched, or are not the ones that were pinned."""


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
    packs = [DELTA, S3] if settings.lake_uri.startswith("s3a://") else [DELTA]
    folder = settings.cache / "jars"
    with FileLock(_made(settings.cache) / "jars.lock"):
        for pack in packs:
            if _faults(folder, pack):
                _resolve(settings, folder, pack)
            if faults := _faults(folder, pack):
                raise JarsMissing(
                    f"{folder}: {', '.join(faults)} {'differ' if len(faults) > 1 else 'differs'} "
                    f"from {pack.pinned.relative_to(ROOT)}; delete {folder} and run again"
                )
    return [folder / name for pack in packs for name in sorted(pack.names)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _faults(folder: Path, pack: Pack) -> list[str]:
    """Names of the pinned JARs that are missing or have another content."""
    return [name for name, sha256 in pack.names.items() if _sha256(folder / name) != sha256]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _resolve(settings: Settings, folder: Path, pack: Pack) -> None:
    log.info("fetching the JARs of %s, about 20 s", pack.what)
    with tempfile.TemporaryDirectory(dir=settings.cache, prefix="ivy-") as ivy:
        # there is no such class: spark-submit resolves the packages first, then fails, as it should
        command = [str(spark_home() / "bin/spark-submit"), "--packages", ",".join(pack.packages)]
        command += ["--exclude-packages", pack.without] if pack.without else []
        command += ["--conf", f"spark.jars.ivy={ivy}", "--class", "none.Resolve", "spark-internal"]
        environment = {"JAVA_HOME": str(java_home(settings)), "SPARK_LOCAL_IP": "127.0.0.1"}
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, cwd=ivy
        )
        found = [path for path in Path(ivy).glob("jars/*.jar") if path.name in pack.names]
        if not found:
            told = [line.strip() for line in done.stderr.splitlines() if "rror" in line]
            raise JarsMissing(
                f"{', '.join(pack.packages)} could not be fetched from Maven Central "
                f"({told[0] if told else 'no answer'}); check the network and run again"
            )
        _made(folder)
        for jar in found:
            shutil.copyfile(jar, folder / jar.name)


def main() -> None:
    """Fetch the JARs that are missing."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    jars(settings())


if __name__ == "__main__":
    command.run(main)
