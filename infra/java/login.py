"""The SQL port's login: a class that Hive's server asks.

Spark's own default lets any name and any password in, and whoever is in can run programs.
"""

from pathlib import Path

from infra.java import compiled
from jobs.settings import Settings

USER, SECRET = "bi", "thrift_bi"
CLASS = "saleslakehouse.Login"


def environment(settings: Settings) -> dict[str, str]:
    """What the class asks its process for; the password is made at the first use."""
    return {f"SALES_SECRET_{SECRET.upper()}": settings.make_secret(SECRET)}


def classes(settings: Settings) -> Path:
    """Folder for the JVM's class path."""
    return compiled.classes(settings, "login", "Login.java")
