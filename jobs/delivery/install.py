"""Prepare a CRM for a connection: what its adapter makes there, as an administrator."""

from collections.abc import Sequence
from dataclasses import replace

from jobs.crm.access import module
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
    found = module(f"{mapping.adapter}_install")
    if found is None:
        raise DeliveryError(
            f"{mapping.adapter} is prepared by hand: docs/delivery.md names its page"
        )
    own = way(mapping)
    admin = replace(own, user=user or own.user, secret=secret)
    made: Sequence[str] = found.install(admin, dry_run=dry_run)
    return made
