"""Where a CRM is, with what we log in there, and how fast it may be asked."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import cast
from urllib.parse import urlsplit

from jobs.crm.adapter import Adapter, CrmError
from jobs.crm.throttle import Throttle
from jobs.settings import settings

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

    def need(self, *names: str) -> None:
        """Raise CrmError where the connection lacks options that the adapter cannot do without."""
        if missing := sorted(name for name in names if not self.options.get(name)):
            raise CrmError(
                "data", f"{self.connection}: server.{', server.'.join(missing)} is missing"
            )


def refuse_plain(url: str) -> None:
    """Raise CrmError where a secret or what is personal would go over a network unencrypted."""
    to = urlsplit(url)
    if to.scheme != "https" and to.hostname not in ON_THIS_MACHINE:
        raise CrmError("permission", f"{url}: secrets and what is personal go over https only")


def own_crm() -> Access:
    """The Tryton of these services, as the pipeline's own user."""
    here = settings()
    return Access("tryton", here.crm_url, "pipeline", here.secret("crm_pipeline"))


def connect(adapter: str, access: Access) -> Adapter:
    """The adapter by its file's name.

    Raises:
        ValueError: there is no such adapter.
    """
    found = module(adapter)
    if found is None:
        raise ValueError(f"no CRM adapter {adapter!r}: jobs/crm/{adapter}.py is missing")
    return cast(Adapter, found.connect(access))


def module(name: str) -> ModuleType | None:
    """A file of this folder; null: it is not there."""
    try:
        return importlib.import_module(f"jobs.crm.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"jobs.crm.{name}":
            raise
        return None
