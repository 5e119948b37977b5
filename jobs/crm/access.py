"""Where a CRM is, with what we log in there, and how fast it may be asked."""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlsplit

from jobs.crm.adapter import Adapter, CrmError
from jobs.crm.objects import Objects
from jobs.crm.throttle import Throttle
from jobs.reviewed import near
from jobs.settings import settings

WAY = ("url", "user", "secret")  # of a `server`; what else stands there is the adapter's
ON_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Access:
    """A connection's way to its CRM. The secret is known in this process only, and never shown."""

    connection: str  # jobs/delivery/connections/<connection>.yaml
    url: str
    user: str
    secret: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)  # of the adapter, such as its object
    throttle: Throttle = field(default_factory=Throttle)

    def request_seconds(self, usual: float) -> float:
        """After how long a request has had its effect or never will: as the connection says (a
        server of one's own has a limit of its own), else as is usual for this CRM.

        Raises:
            CrmError: what it says is no such time.
        """
        told = self.options.get("request_seconds", usual)
        try:
            seconds = float(told)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < math.inf:
            raise CrmError(
                "data",
                f"{self.connection}: server.request_seconds {told!r}: write seconds above 0: the "
                "longest time that a request takes at this server",
            )
        return seconds


@dataclass(frozen=True)
class Options:
    """What an adapter asks of a `server` beside the way to its CRM; its file's OPTIONS."""

    needed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def refuse_faults(self, access: Access) -> None:
        """Raise CrmError with all that the connection lacks, and all that no adapter reads."""
        lacking = sorted(name for name in self.needed if not access.options.get(name))
        faults = [f"server.{', server.'.join(lacking)} is missing"] if lacking else []
        known = (*WAY, *self.needed, *self.others)
        for name in sorted(access.options.keys() - set(known)):
            faults.append(f"server.{name}: there is no such setting; {near(name, known)}")
        if faults:
            raise CrmError("data", f"{access.connection}: {'; '.join(faults)}")


def refuse_plain(url: str) -> None:
    """Raise CrmError where a secret or what is personal would go over a network unencrypted."""
    to = urlsplit(url)
    if to.scheme != "https" and to.hostname not in ON_THIS_MACHINE:
        raise CrmError("permission", f"{url}: secrets and what is personal go over https only")


def led_by(connection: str, server: Mapping[str, str], throttle: Throttle | None = None) -> Access:
    """Where a reviewed file's `server` leads to, without its secret.

    Raises:
        CrmError: it leads over a network without TLS.
    """
    # without an address it is the CRM of these services
    url = (server.get("url") or settings().crm_url).strip()
    try:
        to = urlsplit(url)  # its scheme is in small letters
    except ValueError:
        raise CrmError("data", f"{connection}: server.url is no address") from None
    if "@" in to.netloc:
        raise CrmError(
            "data", f"{connection}: server.url must be without user and password: they are secrets"
        )
    if to.scheme == "http":  # others are databases and folders
        refuse_plain(url)
    options = {name: value for name, value in server.items() if name not in WAY}
    return Access(connection, url, server.get("user", ""), "", options, throttle or Throttle())


def own_crm() -> Access:
    """The Tryton of these services, as the pipeline's own user."""
    here = settings()
    return Access("tryton", here.crm_url, "pipeline", here.secret("crm_pipeline"))


def connect(adapter: str, access: Access) -> Adapter:
    """The adapter by its file's name.

    Raises:
        ValueError: there is no such adapter.
        CrmError: the connection's options are not the adapter's.
    """
    return cast(Adapter, fitting(adapter, access).connect(access))


def objects(adapter: str, access: Access, name: str, only: Sequence[Any]) -> Objects | None:
    """Records of another kind than customers; null: this CRM has none of that kind.

    Args:
        name: of the kind, as the CRM calls it.
        only: which of them, as the CRM writes conditions.

    Raises:
        CrmError: the adapter reads customers only, or the connection's options are not its own.
    """
    opened = getattr(fitting(adapter, access), "objects", None)
    if opened is None:
        raise CrmError("data", f"jobs/crm/{adapter}.py reads customers only: leave {name} out")
    return cast(Objects | None, opened(access, name, only))


def fitting(adapter: str, access: Access) -> ModuleType:
    """The adapter's file, whose options the connection's are.

    Raises:
        ValueError: there is no such adapter.
        CrmError: the connection lacks options, or has others.
    """
    found = module(adapter)
    if found is None:
        raise ValueError(f"no CRM adapter {adapter!r}: jobs/crm/{adapter}.py is missing")
    found.OPTIONS.refuse_faults(access)
    return found


def module(name: str) -> ModuleType | None:
    """A file of this folder; null: it is not there."""
    try:
        return importlib.import_module(f"jobs.crm.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"jobs.crm.{name}":
            raise
        return None
