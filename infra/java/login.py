"""The SQL port's login: a class that Hive's server asks, compiled once by what Spark brings along.

Spark's own default lets any name and any password in, and whoever is in can run programs.
"""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from infra.jars import spark_home
from infra.java.find import java_home
from jobs.settings import Settings

USER, SECRET = "bi", "thrift_bi"
CLASS = "saleslakehouse.Login"
SOURCE = Path(__file__).with_name("Login.java")


class NotCompiled(Exception):
    """The login's class could not be made."""


def environment(settings: Settings) -> dict[str, str]:
    """What the class asks its process for; the password is made at the first use."""
    return {f"SALES_SECRET_{SECRET.upper()}": settings.make_secret(SECRET)}


def classes(settings: Settings) -> Path:
    """Folder for the JVM's class path, one per content of the source; made at the first call.

    Raises:
        NotCompiled: with the compiler's words.
    """
    sha256 = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    home = settings.cache / f"login-{sha256[:16]}"
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / "login.lock"):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=settings.cache, prefix=".login-") as new:
                _compile(settings, Path(new, "made"))
                os.rename(Path(new, "made"), home)
    return home


def _compile(settings: Settings, folder: Path) -> None:
    """By Janino, which Spark compiles its queries with: there need not be a JDK."""
    folder.mkdir()
    java, jars = java_home(settings) / "bin/java", f"{spark_home()}/jars/*"
    compiler = "org.codehaus.commons.compiler.samples.CompilerDemo"
    interface = next((spark_home() / "jars").glob("spark-hive-thriftserver_*.jar"))
    done = subprocess.run(
        [java, "-cp", jars, compiler, "-d", folder, "-classpath", interface, SOURCE],
        capture_output=True,
        text=True,
    )
    if not (folder / f"{CLASS.replace('.', '/')}.class").exists():
        told = (done.stderr or done.stdout).strip().splitlines()[:1] or ["no message"]
        raise NotCompiled(f"{SOURCE} could not be compiled for the SQL port's login: {told[0]}")
