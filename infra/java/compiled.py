"""Our own Java classes, compiled once by what Spark brings along: there need not be a JDK."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from infra.jars import spark_home
from infra.java.find import java_home
from jobs.settings import Settings

FOLDER = Path(__file__).parent


class NotCompiled(Exception):
    """A class could not be made."""


def classes(settings: Settings, name: str, *sources: str, needs: Iterable[Path] = ()) -> Path:
    """Folder for a JVM's class path, one per content of the sources; made at the first call.

    Args:
        name: of the folder, for people.
        sources: files beside this one.
        needs: JARs and folders that the sources refer to, beside Spark's own.

    Raises:
        NotCompiled: with the compiler's words.
    """
    paths = [FOLDER / source for source in sources]
    sha256 = hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()
    home = settings.cache / f"{name}-{sha256[:16]}"
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / f"{name}.lock"):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=settings.cache, prefix=f".{name}-") as new:
                _compile(settings, Path(new, "made"), paths, needs)
                os.rename(Path(new, "made"), home)
    return home


def _compile(settings: Settings, folder: Path, paths: list[Path], needs: Iterable[Path]) -> None:
    """By Janino, which Spark compiles its queries with."""
    folder.mkdir()
    java, jars = java_home(settings) / "bin/java", spark_home() / "jars"
    compiler = "org.codehaus.commons.compiler.samples.CompilerDemo"
    janino = [*jars.glob("janino-*.jar"), *jars.glob("commons-compiler-*.jar")]
    known = [*sorted(jars.glob("*.jar")), *needs]
    done = subprocess.run(
        [java, "-cp", _path(janino), compiler, "-d", folder, "-classpath", _path(known), *paths],
        capture_output=True,
        text=True,
    )
    if done.returncode or not list(folder.rglob("*.class")):
        told = (done.stderr or done.stdout).strip().splitlines()[:1] or ["no message"]
        names = ", ".join(path.name for path in paths)
        raise NotCompiled(f"{names} in {FOLDER} could not be compiled: {told[0]}")


def _path(places: Iterable[Path]) -> str:
    return ":".join(str(place) for place in places)
