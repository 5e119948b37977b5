"""Where a CRM is, with what we log in there, and how fast it may be asked."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from jobs.crm.adapter import Adapter
from jobs.crm.throttle import Throttle
from jobs.settings import settings


@dataclass(frozen=True)
class Access:
    """A connection's way to its CRM. The secret is known in this process only, and never shown."""

    connection: str  # jobs/delivery/connections/<connection>.yaml
    url: str
    user: str
    secret: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)  # of the adapter, such as its object
    throttle: Throttle = field(default_factory=Throttle)


def own_crm() -> Access:
    """The Tryton of these services, as the pipeline's own user."""
    here = settings()
    return Access("tryton", here.crm_url, "pipeline", here.secret("crm_pipeline"))


def connect(adapter: str, access: Access) -> Adapter:
    """The adapter by its file's name.

    Raises:
        ValueError: there is no such adapter.
    """
    try:
        module = importlib.import_module(f"jobs.crm.{adapter}")
    except ModuleNotFoundError as error:
        if error.name != f"jobs.crm.{adapter}":
            raise
        raise ValueError(f"no CRM adapter {adapter!r}: jobs/crm/{adapter}.py is missing") from None
    return cast(Adapter, module.connect(access))
