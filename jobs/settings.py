"""Addresses, sizes and places: the only reader of environment variables, one home of ports."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class SettingsError(Exception):
    """What the environment says cannot be used; the message names every fault at once."""


@dataclass(frozen=True)
class Settings:
    """Where everything is. Every field can be set from the environment variable in its comment."""

    state: Path  # SALES_STATE: everything that is not code: lake, drops, databases, logs, secrets
    lake_uri: str  # LAKE_URI: folder or s3a:// / abfss:// / gs:// address of the Delta tables
    cache: Path  # SALES_CACHE: what can be fetched again (JARs, the CRM's environment)
    port_base: int  # SALES_PORT_BASE: all ports are this one and the next few
    driver_memory: str  # SPARK_DRIVER_MEMORY: heap of the Spark JVM, as the JVM writes sizes
    spark_cores: int  # SPARK_CORES: cores that the Spark JVM may use
    timezone: str  # COMPANY_TIMEZONE: the shops' time zone; a business day is a day there
    clock: str  # COMPANY_CLOCK: wall, or data: today is the newest day in the data (a past year)
    device: str  # SALES_DEVICE: auto, cpu or cuda
    java_home: str  # JAVA_HOME: Java 17 or newer; empty: `java` on the path, else a fetched one

    @property
    def landing(self) -> Path:
        """Batches as received, with their manifests."""
        return self.state / "landing"

    @property
    def drops(self) -> Path:
        """Where the source systems put their files."""
        return self.state / "drops"

    @property
    def staging(self) -> str:
        """Candidates of running builds; wiped by the build that made them."""
        return f"{self.lake_uri}/.staging"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def secrets(self) -> Path:
        """One file a secret, readable by the owner only."""
        return self.state / "secrets"

    @property
    def endpoints(self) -> Path:
        return self.state / "endpoints.json"

    @property
    def airflow_port(self) -> int:
        return self.port_base

    @property
    def mlflow_port(self) -> int:
        return self.port_base + 1

    @property
    def crm_port(self) -> int:
        return self.port_base + 2

    @property
    def spark_port(self) -> int:
        """Spark Connect."""
        return self.port_base + 3

    @property
    def thrift_port(self) -> int:
        """SQL for BI tools, HiveServer2 protocol."""
        return self.port_base + 4

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def crm_url(self) -> str:
        return f"http://127.0.0.1:{self.crm_port}"

    def environment(self) -> dict[str, str]:
        """The variables that give a child process these settings."""
        return {
            "SALES_STATE": str(self.state),
            "LAKE_URI": self.lake_uri,
            "SALES_CACHE": str(self.cache),
            "SALES_PORT_BASE": str(self.port_base),
            "SPARK_DRIVER_MEMORY": self.driver_memory,
            "SPARK_CORES": str(self.spark_cores),
            "COMPANY_TIMEZONE": self.timezone,
            "COMPANY_CLOCK": self.clock,
            "SALES_DEVICE": self.device,
            "JAVA_HOME": self.java_home,
        }

    def secret(self, name: str) -> str:
        """A secret by name: from the environment (SALES_SECRET_<NAME>), else from its file.

        Raises:
            SettingsError: neither is there; `make up` makes the files.
        """
        variable = f"SALES_SECRET_{name.upper()}"
        if value := os.environ.get(variable):
            return value
        path = self.secrets / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"secret {name!r} is not set: export {variable}, or run `make up`: it makes {path}"
            ) from None

    def make_secret(self, name: str) -> str:
        """The secret by name, generated at first use (256 bits, file mode 0600)."""
        path = self.secrets / name
        if not path.exists() and not os.environ.get(f"SALES_SECRET_{name.upper()}"):
            self.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
        return self.secret(name)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    Raises:
        SettingsError: with all faults in one message.
    """
    faults = []
    # set to nothing is not set: a folder "" would be whatever folder one stands in
    environment = {name: value for name, value in environment.items() if value}

    def number(name: str, default: int, low: int, high: int) -> int:
        text = environment.get(name, str(default))
        if not text.isdigit() or not low <= int(text) <= high:
            faults.append(f"{name}={text!r} must be a whole number from {low} to {high}")
            return default
        return int(text)

    def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
        text = environment.get(name, default)
        if text not in allowed:
            faults.append(f"{name}={text!r} must be one of {', '.join(allowed)}")
        return text

    state = Path(environment.get("SALES_STATE", ROOT / ".state")).resolve()
    settings = Settings(
        state=state,
        lake_uri=environment.get("LAKE_URI", str(state / "lake")).rstrip("/"),
        cache=Path(environment.get("SALES_CACHE", ROOT / ".cache")).resolve(),
        port_base=number("SALES_PORT_BASE", 18080, 1024, 65_000),
        driver_memory=environment.get("SPARK_DRIVER_MEMORY", "3g"),
        spark_cores=number("SPARK_CORES", min(os.cpu_count() or 2, 8), 1, 512),
        timezone=environment.get("COMPANY_TIMEZONE", "America/New_York"),
        clock=choice("COMPANY_CLOCK", "wall", ("wall", "data")),
        device=choice("SALES_DEVICE", "auto", ("auto", "cpu", "cuda")),
        java_home=environment.get("JAVA_HOME", ""),
    )
    if faults:
        raise SettingsError("settings cannot be used: " + "; ".join(faults))
    return settings


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return from_environment(os.environ)
