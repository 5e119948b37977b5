"""Addresses, sizes and places: the only reader of environment variables, one home of ports.

What should hold at every start of a state folder stands in its `settings.env`, a line NAME=value
each; the environment goes before it.
"""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LAKE_SCHEMES = ("s3a", "abfss", "gs")  # of LAKE_URI, beside a plain folder
# Hadoop takes brackets, braces, * and ? for patterns, Spark's SQL ends a path at `, an address ends
# at #, and one of two readers decodes %41: they would look into another folder than was written.
NOT_IN_LAKE = re.compile(r"%[0-9A-Fa-f]{2}|[#`{}\[\]*?]")
# Folders of the kernel's: nothing can be kept there.
NO_DISK = (Path("/proc"), Path("/sys"))

ROOT = Path(__file__).resolve().parents[1]

MIB = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}  # the JVM's units
LEAST_MIB = 512  # Spark itself refuses less than 450

FILE = "settings.env"
# What it may say: everything but where the state is, which it lies in.
IN_FILE = (
    "LAKE_URI",
    "SALES_CACHE",
    "SALES_PORT_BASE",
    "SPARK_DRIVER_MEMORY",
    "SPARK_CORES",
    "SPARK_MASTER",
    "SPARK_HOST",
    "SPARK_PROPERTIES",
    "SPARK_CONNECT_PORT",
    "S3_ENDPOINT",
    "S3_REGION",
    "BI_MEMORY",
    "COMPANY_TIMEZONE",
    "COMPANY_CLOCK",
    "SALES_DEVICE",
    "WEBSHOP_URL",
    "CRM_CONNECTIONS",
    "CRM_DELIVERIES",
    "CRM_EXPERIMENTS",
    "CRM_SOURCE",
    "JAVA_HOME",
)


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
    spark_cores: int  # SPARK_CORES: cores that the Spark JVM, or it on its cluster, may use
    spark_master: str  # SPARK_MASTER: local, or a cluster: spark://host:port, yarn, k8s://https://…
    spark_host: str  # SPARK_HOST: address at which a cluster's workers reach the Spark JVM
    spark_properties: str  # SPARK_PROPERTIES: file of more settings of Spark's; they go before ours
    spark_port: int  # SPARK_CONNECT_PORT: Spark Connect
    s3_endpoint: str  # S3_ENDPOINT: an S3 server's address for a lake on s3a://; empty: Amazon's
    s3_region: str  # S3_REGION: where its bucket lies
    bi_memory: str  # BI_MEMORY: heap of the JVM that answers BI tools
    timezone: str  # COMPANY_TIMEZONE: the shops' time zone; a business day is a day there
    clock: str  # COMPANY_CLOCK: wall, or data: today is the newest day in the data (a past year)
    device: str  # SALES_DEVICE: auto, cpu or cuda
    webshop_url: str  # WEBSHOP_URL: address of the web shop's API; empty: there is none
    connections: Path  # CRM_CONNECTIONS: folder of the CRM connections, <name>.yaml each
    deliveries: tuple[str, ...]  # CRM_DELIVERIES: the connections that Airflow delivers to
    experiments: Path  # CRM_EXPERIMENTS: file of the experiments whose customers are held out
    crm_source: Path  # CRM_SOURCE: file that says which CRM is read, and what of it
    java_home: str  # JAVA_HOME: Java 17 or newer; empty: `java` on the path, else a fetched one

    @property
    def file(self) -> Path:
        """Settings that hold for every start of this state folder."""
        return self.state / FILE

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
    def thrift_port(self) -> int:
        """SQL for BI tools, HiveServer2 protocol."""
        return self.port_base + 4

    @property
    def object_store_port(self) -> int:
        """First of the ten ports of the S3 server for trying."""
        return self.port_base + 20

    @property
    def cluster_port(self) -> int:
        """First of the ports of the Spark cluster for trying: master, its page, the workers'."""
        return self.port_base + 40

    @property
    def delivery_dags(self) -> Mapping[str, str]:
        """Airflow's DAG by the connection that it delivers to."""
        first, *others = self.deliveries
        return {first: "crm_delivery"} | {name: f"crm_delivery_{name}" for name in others}

    @property
    def sandbox_ports(self) -> Mapping[str, int]:
        """Of the CRMs for trying; Odoo's database has the port after it."""
        names = ("salesforce", "hubspot", "odoo")
        return {name: self.port_base + 60 + place for place, name in enumerate(names)}

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
            "SPARK_MASTER": self.spark_master,
            "SPARK_HOST": self.spark_host,
            "SPARK_PROPERTIES": self.spark_properties,
            "SPARK_CONNECT_PORT": str(self.spark_port),
            "S3_ENDPOINT": self.s3_endpoint,
            "S3_REGION": self.s3_region,
            "BI_MEMORY": self.bi_memory,
            "COMPANY_TIMEZONE": self.timezone,
            "COMPANY_CLOCK": self.clock,
            "SALES_DEVICE": self.device,
            "WEBSHOP_URL": self.webshop_url,
            "CRM_CONNECTIONS": str(self.connections),
            "CRM_DELIVERIES": ",".join(self.deliveries),
            "CRM_EXPERIMENTS": str(self.experiments),
            "CRM_SOURCE": str(self.crm_source),
            "JAVA_HOME": self.java_home,
        }

    def s3_keys(self) -> dict[str, str]:
        """The keys of a lake on S3 by the names that every S3 client knows.

        Empty where neither is set: the clients then look for their own (the machine's role, say).
        """
        names = {"AWS_ACCESS_KEY_ID": "s3_key_id", "AWS_SECRET_ACCESS_KEY": "s3_secret_key"}
        if not self.lake_uri.startswith("s3a://") or not any(map(self.has_secret, names.values())):
            return {}
        return {variable: self.secret(name) for variable, name in names.items()}

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
            value = path.read_text().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"secret {name!r} is not set: export {variable}, or write it into {path} (those of "
                "our own services `make up` makes)"
            ) from None
        if not value:
            raise SettingsError(
                f"secret {name!r} is empty: put its value back into {path}, export {variable}, or "
                "start anew with `make clean`"
            )
        return value

    def has_secret(self, name: str) -> bool:
        """Whether `secret` would find it."""
        return (
            bool(os.environ.get(f"SALES_SECRET_{name.upper()}")) or (self.secrets / name).exists()
        )

    def make_secret(self, name: str) -> str:
        """The secret by name, generated at first use (256 bits, file mode 0600).

        Of two processes that make it at once both get the same, and nobody sees half of it.
        """
        path = self.secrets / name
        if not self.has_secret(name):
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.secrets, prefix=".new-") as new:
                new.write(secrets.token_urlsafe(32))
                new.flush()
                os.fsync(new.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(new.name, path)
        return self.secret(name)


@dataclass(frozen=True)
class _Told:
    """What was told, by name; what cannot be used of it is added to `faults`."""

    texts: Mapping[str, str]
    faults: list[str]

    def text(self, name: str, default: str) -> str:
        return self.texts.get(name, default)

    def names(self, name: str, default: str) -> tuple[str, ...]:
        """Different names with commas between; at least one."""
        text = self.text(name, default)
        found = tuple(part.strip() for part in text.split(","))
        if len({*found}) < len(found) or not all(re.fullmatch(r"\w{1,64}", n) for n in found):
            self.faults.append(f"{name}={text!r} must be names with commas between, each once")
        return found

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            self.faults.append(f"{name}={text!r} must be a whole number from {low} to {high}")
            return default
        return int(text)

    def choice(self, name: str, *allowed: str) -> str:
        """One of `allowed`; the first is the default."""
        text = self.text(name, allowed[0])
        if text not in allowed:
            self.faults.append(f"{name}={text!r} must be one of {', '.join(allowed)}")
        return text

    def memory(self, name: str, default: str) -> str:
        text = self.text(name, default)
        found = re.fullmatch(r"([0-9]{1,9})([kmgt])", text.lower())
        if not found or int(found[1]) * MIB[found[2]] < LEAST_MIB:
            self.faults.append(
                f"{name}={text!r} must be a size as the JVM writes it, {LEAST_MIB}m or more, "
                f"such as {default}"
            )
        return text

    def master(self, name: str) -> str:
        text = self.text(name, "local")
        if text not in ("local", "yarn") and not text.startswith(("spark://", "k8s://")):
            self.faults.append(
                f"{name}={text!r} must be local, spark://host:port, yarn or k8s://https://host:port"
            )
        return text

    def file(self, name: str) -> str:
        """The path of a file that is there; empty: none."""
        text = self.text(name, "")
        if text and not Path(text).is_file():
            self.faults.append(f"{name}={text!r} must be a file that is there")
        return text and str(Path(text).resolve())

    def folder(self, name: str, default: Path) -> Path:
        """A folder that is there or can be made. The default is not looked at: few need it."""
        if name not in self.texts:
            return default.resolve()
        path = Path(self.texts[name]).resolve()
        there = next((above for above in (path, *path.parents) if os.path.lexists(above)), path)
        can_be_made = there == path or os.access(there, os.W_OK)
        if any(path.is_relative_to(kernel) for kernel in NO_DISK) or not (
            os.path.isdir(there) and can_be_made
        ):
            self.faults.append(
                f"{name}={str(path)!r} must be a folder that is there or can be made: choose "
                "another one, or let this user write to the one above"
            )
        return path

    def lake(self, name: str, default: str) -> str:
        """Where tables lie: a whole path, however a folder is written, or an object store."""
        text = self.text(name, default)
        folder = (text.removeprefix("file://") if text.startswith("file:///") else text).rstrip("/")
        if not folder:
            self.faults.append(f"{name}={text!r} must be a folder of its own")
        is_plain = not re.match(r"[A-Za-z][\w+.-]*:", folder)
        folder = str(Path(folder).resolve()) if is_plain else folder
        if sign := NOT_IN_LAKE.search(folder):
            self.faults.append(
                f"{name}={folder!r} must not have {sign[0]} in it, which stands for something else "
                "in an address: choose another folder"
                + ("" if name in self.texts else " for SALES_STATE, in which the lake lies")
            )
        if is_plain:
            return folder
        if folder.partition("://")[0] not in LAKE_SCHEMES:
            schemes = ", ".join(f"{scheme}://" for scheme in LAKE_SCHEMES)
            self.faults.append(f"{name}={text!r} must be a folder, or begin with one of {schemes}")
        return folder

    def address(self, name: str, path: str = "") -> str:
        """An http address; empty: none.

        Args:
            path: pattern of what may stand behind host and port.
        """
        text = self.text(name, "").rstrip("/")
        if text and not re.fullmatch(rf"https?://[^/\s@?#]+{path}", text):
            end = "host/path" if path else "host:port"
            shown = re.sub(r"^.*@", "…@", text)  # before it stands a password
            secret = "" if shown == text else ", without user and password: they are secrets"
            self.faults.append(f"{name}={shown!r} must be http://{end} or https://{end}{secret}")
        return text

    def timezone(self, name: str, default: str) -> str:
        text = self.text(name, default)
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: it is a folder of zones
            self.faults.append(f"{name}={text!r} must be a time zone, such as {default}")
        return text


def _shipped(connections: Path) -> str:
    """The deliveries where none are named: to the CRM of these services, tasks where the folder has
    their mapping."""
    return "tryton,tryton_tasks" if (connections / "tryton_tasks.yaml").exists() else "tryton"


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    Raises:
        SettingsError: with all faults in one message.
    """
    faults: list[str] = []
    # set to nothing is not set: a folder "" would be whatever folder one stands in
    given = {name: value for name, value in environment.items() if value}
    state = _Told(given, faults).folder("SALES_STATE", ROOT / ".state")
    told = _Told(_from_file(state / FILE, faults) | given, faults)
    port_base = told.number("SALES_PORT_BASE", 18080, 1024, 65_000)
    connections = told.folder("CRM_CONNECTIONS", ROOT / "jobs/delivery/connections")
    settings = Settings(
        state=state,
        lake_uri=told.lake("LAKE_URI", str(state / "lake")),
        cache=told.folder("SALES_CACHE", ROOT / ".cache"),
        port_base=port_base,
        driver_memory=told.memory("SPARK_DRIVER_MEMORY", "3g"),
        spark_cores=told.number("SPARK_CORES", min(os.cpu_count() or 2, 8), 1, 512),
        spark_master=told.master("SPARK_MASTER"),
        spark_host=told.text("SPARK_HOST", "127.0.0.1"),
        spark_properties=told.file("SPARK_PROPERTIES"),
        spark_port=told.number("SPARK_CONNECT_PORT", port_base + 3, 1024, 65_535),
        s3_endpoint=told.address("S3_ENDPOINT"),
        s3_region=told.text("S3_REGION", "us-east-1"),
        bi_memory=told.memory("BI_MEMORY", "1g"),
        timezone=told.timezone("COMPANY_TIMEZONE", "America/New_York"),
        clock=told.choice("COMPANY_CLOCK", "wall", "data"),
        device=told.choice("SALES_DEVICE", "auto", "cpu", "cuda"),
        webshop_url=told.address("WEBSHOP_URL", path=r"(/[^\s@?#]*)?"),
        connections=connections,
        deliveries=told.names("CRM_DELIVERIES", _shipped(connections)),
        experiments=Path(
            told.text("CRM_EXPERIMENTS", str(ROOT / "jobs/delivery/experiments.yaml"))
        ).resolve(),
        crm_source=Path(
            told.text("CRM_SOURCE", str(ROOT / "jobs/sources/crm_tryton.yaml"))
        ).resolve(),
        java_home=told.text("JAVA_HOME", ""),
    )
    if faults:
        raise SettingsError("settings cannot be used: " + "; ".join(faults))
    return settings


def _from_file(path: Path, faults: list[str]) -> dict[str, str]:
    """What a state folder's file says: NAME=value lines, and comments."""
    told: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):  # that the latter is one has been told
        return told
    except UnicodeDecodeError as error:
        faults.append(f"{path} is not UTF-8 text from byte {error.start + 1} on: save it as UTF-8")
        return told
    except OSError as error:
        faults.append(f"{path} cannot be read ({error.strerror}): it must be a file of this user's")
        return told
    for number, line in enumerate(lines, start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if not equals or name not in IN_FILE:
            faults.append(f"{path}, line {number}: {line!r} is no NAME=value of a known setting")
        elif value:
            told[name] = value
    return told


@cache
def settings() -> Settings:
    """The process's settings, read once."""
    return from_environment(os.environ)
