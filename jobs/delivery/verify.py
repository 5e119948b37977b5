"""Read back what a plan wrote, and compare."""

import logging
from dataclasses import dataclass

from jobs.crm.adapter import Adapter, connect
from jobs.delivery import mapping as mappings
from jobs.delivery.ledger import DeliveryError, Plan, wanted_values, writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verified:
    """What the CRM shows of a plan. `differing` names customers and fields, no values."""

    plan: Plan
    records: int
    fields: int
    differing: tuple[tuple[str, str], ...]


def verify(connection: str, plan: str | None = None, crm: Adapter | None = None) -> Verified:
    """Compare each field that a plan wrote with the CRM.

    A field differs if it was changed after it was delivered: the next plan says by whom.

    Raises:
        DeliveryError: there is no such plan, or it has not been applied to its end.
        CrmError: the CRM cannot be asked.
    """
    with writer(connection) as ledger:
        chosen = ledger.plan(plan)
        if chosen.state not in ("applied", "verified", "differs"):
            raise DeliveryError(
                f"plan {chosen.plan_number} is {chosen.state}, not applied: run `apply` first"
            )
        events = ledger.last_events(chosen.plan_id)
        written = {account for account, e in events.items() if e["event"] == "written"}
        wanted = {
            account: values
            for account, values in wanted_values(ledger.items(chosen.plan_id)).items()
            if account in written
        }
        crm = crm or connect(mappings.load(connection).adapter)
        found = crm.match(wanted, sorted({f for values in wanted.values() for f in values}))
        differing = tuple(
            (account, field)
            for account in sorted(wanted)
            for field, value in wanted[account].items()
            if len(found[account]) != 1 or found[account][0].values[field] != value
        )
        fields = sum(len(values) for values in wanted.values())
        state = "differs" if differing else "verified"
        note = f"{fields - len(differing)} of {fields} fields as delivered"
        log.info("delivery plan %d for %s: %s", chosen.plan_number, connection, note)
        return Verified(ledger.record(chosen, state, note), len(wanted), fields, differing)
