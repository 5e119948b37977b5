"""Read back what a plan wrote, and compare."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.crm.adapter import Adapter, connect
from jobs.delivery import mapping as mappings
from jobs.delivery.ledger import DeliveryError, Ledger, Plan, wanted_values, writer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verified:
    """What the CRM shows of a plan. `differing` names customers and fields, no values; `missing`
    counts the customers that were not written to, by what became of them."""

    plan: Plan
    records: int
    fields: int
    differing: tuple[tuple[str, str], ...]
    missing: Mapping[str, int]

    def __str__(self) -> str:
        good = f"{self.fields - len(self.differing):,} of {self.fields:,} fields as delivered"
        missing = ", ".join(f"{n:,} {event}" for event, n in sorted(self.missing.items()))
        return f"{good}; customers not written to: {missing}" if missing else good


def verify(connection: str, plan: str | None = None, crm: Adapter | None = None) -> Verified:
    """Compare each field that a plan wrote with the CRM, and count whom it did not reach.

    A field differs if it was changed after it was delivered: the next plan says by whom. A plan
    that is `partly` sent stays so: the next apply goes on.

    Raises:
        DeliveryError: there is no such plan, or it has not been applied.
        Busy: another delivery is at work.
        CrmError: the CRM cannot be asked.
    """
    with writer(connection) as ledger:
        chosen = ledger.plan(plan)
        if chosen.state not in ("partly", "applied", "verified", "differs"):
            raise DeliveryError(
                f"plan {chosen.plan_number} is {chosen.state}, not applied: run `apply` first"
            )
        wanted = wanted_values(ledger.items(chosen.plan_id))
        events = ledger.last_events(chosen.plan_id)
        missing = Counter(str(events[a]["event"]) for a in wanted)
        written = {a: v for a, v in wanted.items() if events[a]["event"] == "written"}
        del missing["written"]
        crm = crm or connect(mappings.load(connection).adapter)
        found = crm.match(written, sorted({f for values in written.values() for f in values}))
        differing = tuple(
            (account, field)
            for account in sorted(written)
            for field, value in written[account].items()
            if len(found[account]) != 1 or found[account][0].values[field] != value
        )
        fields = sum(len(values) for values in written.values())
        seen = Verified(chosen, len(written), fields, differing, missing)
        return noted(ledger, seen)


def noted(ledger: Ledger, seen: Verified) -> Verified:
    """Write down what was seen."""
    plan = seen.plan
    log.info("delivery plan %d for %s: %s", plan.plan_number, plan.connection, seen)
    outcome = "differs" if seen.differing else "verified"
    state = plan.state if plan.state == "partly" else outcome
    return replace(seen, plan=ledger.record(plan, state, str(seen)))
