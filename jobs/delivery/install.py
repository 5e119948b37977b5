"""Prepare a CRM for a connection: what its adapter makes there, as an administrator."""

import importlib
from collections.abc import Sequence
from dataclasses import replace

from jobs.crm.access import Access
from jobs.delivery.access import way
from jobs.delivery.ledger import DeliveryError
from jobs.delivery.mapping import ConnectionMap


def install(mapping: ConnectionMap, user: str, secret: str, dry_run: bool) -> Sequence[str]:
    """Make what is missing; returns what was made, or with `dry_run` would be.

    Args:
        user: the administrator's name; empty: the connection's own.
        secret: the administrator's; it is used here and kept nowhere.

    Raises:
        DeliveryError: this CRM is prepared by hand.
        CrmError: the CRM does not let us, or cannot be reached.
    """
    name = f"jobs.crm.{mapping.adapter}_install"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise DeliveryError(
            f"{mapping.adapter} is prepared by hand: docs/delivery.md names its page"
        ) from None
    own = way(mapping)
    admin: Access = replace(own, user=user or own.user, secret=secret)
    made: Sequence[str] = module.install(admin, dry_run=dry_run)
    return made
