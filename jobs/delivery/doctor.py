"""Whether a connection's CRM is reached, lets us in, and has what the mapping names."""

import datetime as dt
from collections.abc import Iterator
from urllib.parse import urlsplit

from jobs.crm.adapter import Adapter, CrmError, Description
from jobs.crm.throttle import Later
from jobs.delivery import check
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect, way
from jobs.delivery.gathering import of_same_crm
from jobs.delivery.ledger import DeliveryError
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.subjects import outbox_columns

CLOCK_SLACK = dt.timedelta(minutes=5)


def examined(connection: str) -> Iterator[str]:
    """What is found well, line by line, until something is not.

    Raises:
        MappingError: the mapping does not fit the CRM or the outbox.
        DeliveryError: nobody answers, or a clock is wrong.
        CrmError: the CRM does not let us in.
    """
    mapping = check.load(connection)
    crm = connect(mapping, is_hurried=True)
    described = reached(mapping, crm)
    yield f"{connection}: {described.system} {described.version}, reached and logged in"
    check.check(mapping, described, outbox_columns(mapping))
    yield f"  {len(mapping.fields)} fields are there and may be written"
    creates = "are reported, not created" if mapping.mode == "update_only" else "are created"
    yield f"  {mapping.what} that it lacks {creates}; it finds ours by {mapping.match[0].field}"
    if mapping.customers:
        theirs = mappings.load(mapping.customers)
        of_same_crm(mapping, theirs, described.instance)
        yield f"  they are for the customers of {theirs.connection}, of the same CRM"
    yield from (f"  note: {lack}" for lack in lacks(mapping))
    if quota := crm.quota():
        share = f"{mapping.rate.daily_share:.0%}"
        yield f"  {quota.used:,} of {quota.limit:,} requests used today, we stop at {share}"
    newest = crm.newest_change() if described.can_list else None
    if newest:
        yield f"  last written to at {newest:%Y-%m-%d %H:%M:%S} UTC by its own clock"
    if newest and newest > dt.datetime.now(dt.UTC) + CLOCK_SLACK:
        raise DeliveryError(
            f"{connection}: its clock lies ahead of this machine's: set one of them right"
        )


def reached(mapping: ConnectionMap, crm: Adapter) -> Description:
    """What the CRM tells of itself.

    Raises:
        DeliveryError: nobody answers.
        CrmError: it does not let us in.
    """
    try:
        return crm.describe()
    except CrmError as error:
        place = urlsplit(way(mapping).url).netloc
        # what names no address is no CRM's silence: a folder that is not mounted
        is_silent = error.kind in ("transient", "unknown") and place in str(error)
        if isinstance(error, Later) or not is_silent:
            raise
        raise DeliveryError(
            f"{mapping.connection}: nobody answers at {place}: see that the CRM runs there, that "
            "server.url of the connection is its address, and that no firewall or proxy stands "
            f"between ({error})"
        ) from error


def lacks(mapping: ConnectionMap) -> list[str]:
    """What a company will want to know before the first plan."""
    found = []
    if not mapping.approvers:
        found.append("no approvers are named: a plan that needs a person cannot be sent")
    if mapping.objection is None:
        found.append("no field of the CRM says who objects to profiling: objection is not set")
    return found
