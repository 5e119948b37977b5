"""The dialects that the wire proxy speaks: one file each."""

from infra.sandbox.dialects.hubspot import HubSpot
from infra.sandbox.dialects.odoo import Odoo
from infra.sandbox.dialects.plain import Plain, WireError
from infra.sandbox.dialects.salesforce import Salesforce
from infra.sandbox.dialects.tryton import Tryton

DIALECTS: dict[str, type[Plain]] = {
    each.name: each for each in (HubSpot, Odoo, Plain, Salesforce, Tryton)
}


def named(name: str) -> Plain:
    if name not in DIALECTS:
        raise WireError(f"the wire proxy speaks no {name!r}: one of {', '.join(sorted(DIALECTS))}")
    return DIALECTS[name]()
