"""Prepare a CRM for a connection: what its adapter makes there, as an administrator.

An adapter's file `<name>_install.py` has `install(admin, dry_run)`. Where it needs other words than
those here, it has `ASKS`, what the administrator is asked for (empty: nothing), and
`left_to_do(admin)`, what no program can do for them.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

from jobs.crm.access import fitting, module
from jobs.delivery.access import way
from jobs.delivery.ledger import DeliveryError
from jobs.delivery.mapping import ConnectionMap

ASKS = "the administrator's key or password"


def secret_asked(mapping: ConnectionMap) -> str:
    """What the administrator is asked for, in words; empty: nothing.

    Raises:
        DeliveryError: this CRM is prepared by hand.
    """
    return str(getattr(_installer(mapping), "ASKS", ASKS))


def install(mapping: ConnectionMap, user: str, secret: str, dry_run: bool) -> Sequence[str]:
    """Make what is missing; returns what was made, or with `dry_run` would be.

    Args:
        user: the administrator's name; empty: the connection's own.
        secret: the administrator's; it is used here and kept nowhere.

    Raises:
        DeliveryError: this CRM is prepared by hand.
        CrmError: the CRM does not let us, or cannot be reached.
    """
    found, own = _installer(mapping), way(mapping)
    admin = replace(own, user=user or own.user, secret=secret)
    fitting(mapping.adapter, admin)
    made: Sequence[str] = found.install(admin, dry_run=dry_run)
    return made


def left_to_do(mapping: ConnectionMap) -> Sequence[str]:
    """What is left to a person once it was installed, line by line."""
    found = _installer(mapping)
    if not hasattr(found, "left_to_do"):
        return [f"{mapping.connection}: all that the mapping needs is there"]
    told: Sequence[str] = found.left_to_do(way(mapping))
    return told


def _installer(mapping: ConnectionMap) -> ModuleType:
    found = module(f"{mapping.adapter}_install")
    if found is None:
        raise DeliveryError(
            f"{mapping.adapter} is prepared by hand: see docs/delivery.md, Which CRMs"
        )
    return found
