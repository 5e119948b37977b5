"""The adapters as chaos has them: told that these servers, which have nothing else to do, end a
request within seconds. With the vendors' own longest times each lost request costs minutes.
"""

from collections.abc import Callable, Mapping

from jobs.crm.access import Access
from jobs.crm.adapter import Adapter
from jobs.crm.hubspot import HubSpot
from jobs.crm.hubspot_calls import Session as HubSpotSession
from jobs.crm.json2 import Session as OdooSession
from jobs.crm.jsonrpc import Session as TrytonSession
from jobs.crm.odoo import Odoo
from jobs.crm.salesforce import BULK_FROM, Salesforce
from jobs.crm.tryton import Tryton

REQUEST_SECONDS = 8.0
HUBSPOT_LAG = 0.2  # seconds, of the double's searches
SEARCHES_A_SECOND = 1000.0


def tryton(access: Access) -> Adapter:
    session = TrytonSession(access.url, access.user, access.secret, throttle=access.throttle)
    return Tryton(session, REQUEST_SECONDS)


def odoo(access: Access) -> Adapter:
    return Odoo(OdooSession(access), request_seconds=REQUEST_SECONDS)


def salesforce(access: Access) -> Adapter:
    """By jobs or by Collections, as the connection's option `bulk_from` has it."""
    bulk_from = int(access.options.get("bulk_from", BULK_FROM))
    return Salesforce(access, REQUEST_SECONDS, bulk_from=bulk_from)


def hubspot(access: Access) -> Adapter:
    told = (access.url, access.secret, access.throttle)
    session = HubSpotSession(*told, searches_a_second=SEARCHES_A_SECOND)
    key, kind = access.options["key"], access.options["object"]
    return HubSpot(session, key, kind, REQUEST_SECONDS, search_lag=HUBSPOT_LAG + 0.1)


BY_NAME: Mapping[str, Callable[[Access], Adapter]] = {
    made.__name__: made for made in (tryton, odoo, salesforce, hubspot)
}
