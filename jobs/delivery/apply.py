"""Send a plan, exactly and at most once.

Before each window of batches its records are read again (one that moved since the plan is left
alone) and what is meant is written down; after it, what became of it. A run that was killed is
taken up: first it is found out what became of the intents it left, then the rest is sent.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from jobs.crm.adapter import Adapter, CrmError
from jobs.delivery import approval, compare, limits
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.controls import Controls
from jobs.delivery.ledger import FINAL, OPEN_STATES, DeliveryError, Ledger, Plan, writer
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.sending import Sending, Stopped

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Applied:
    """What an apply did. `sent` counts records written by this call, `outcomes` all of the plan."""

    plan: Plan
    sent: int
    outcomes: Mapping[str, int]

    @property
    def left(self) -> int:
        """Customers that the next apply of the plan has still to write to."""
        return sum(n for outcome, n in self.outcomes.items() if outcome not in FINAL)


def apply(
    connection: str,
    plan: str | None = None,
    crm: Adapter | None = None,
    progress: Callable[[int], None] = lambda records: None,
) -> Applied:
    """Send a plan; where the CRM put customers off it is `partly` sent, and the next apply goes on.

    Args:
        plan: its id or the beginning of it, or its number; null: the newest.
        crm: null: the connection's own.
        progress: called with the number of records just dealt with.

    Raises:
        DeliveryError: there is no such plan, or it must not be sent, or too much of it is refused.
        Busy: another delivery is at work.
        CrmError: the CRM went away; run again, it goes on.
        AirflowUnreachable: the plan needs a person's answer, which stands there.
    """
    with writer(connection) as ledger:
        mapping = mappings.load(connection)
        chosen = ledger.plan(plan)
        if chosen.state not in OPEN_STATES:
            if chosen.state == "applied":
                return Applied(chosen, 0, Counter(ledger.outcomes(chosen.plan_id).values()))
            raise DeliveryError(f"plan {chosen.plan_number} is {chosen.state} {chosen.note or ''}")
        if chosen.kind == "deliver":
            Controls(connection).refuse_paused()
        refuse_altered(ledger, chosen, mapping)
        chosen = approved(ledger, chosen, mapping)
        crm = crm or connect(mapping)
        described = crm.describe()
        refuse_other_crm(chosen, described.instance)
        ledger.settle(crm, described.instance, mapping.create_by.field)
        chosen = ledger.record(chosen, "applying")
        done = {a for a, e in ledger.outcomes(chosen.plan_id).items() if e in FINAL}
        left = [account for account in ledger.to_send(chosen.plan_id) if account not in done]
        try:
            sent = Sending(ledger, crm, described, chosen, mapping).send(left, progress)
        except (Stopped, CrmError) as stopped:
            ledger.record(chosen, "partly", str(stopped))
            raise
        return ended(ledger, chosen, sent)


def ended(ledger: Ledger, plan: Plan, sent: int) -> Applied:
    """Write down how far a plan has come."""
    done = Applied(plan, sent, Counter(ledger.outcomes(plan.plan_id).values()))
    told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(done.outcomes.items()))
    note = told or "nothing to send"
    log.info("delivery plan %d for %s: %s", plan.plan_number, plan.connection, note)
    if plan.reverts and not done.left:
        ledger.record(ledger.plan(plan.reverts), "reverted", f"by plan {plan.plan_number}")
    return replace(done, plan=ledger.record(plan, "partly" if done.left else "applied", note))


def refuse_altered(ledger: Ledger, plan: Plan, mapping: ConnectionMap) -> None:
    """Raise DeliveryError where the plan was altered, or is too old."""
    has_same_items = compare.digest(ledger.item_batches(plan.plan_id)) == plan.items_sha256
    if not has_same_items or plan.named.plan_id != plan.plan_id:
        raise DeliveryError(
            f"plan {plan.plan_number}: it was altered after it was made; plan again"
        )
    if limits.is_too_old(ledger, plan, mapping):
        note = f"older than {limits.age_words(plan, mapping)}"
        ledger.record(plan, "expired", note)
        raise DeliveryError(f"plan {plan.plan_number} is {note}; plan again")


def refuse_other_crm(plan: Plan, crm_instance: str) -> None:
    """Raise DeliveryError where the plan is of another CRM."""
    if crm_instance != plan.crm_instance:
        raise DeliveryError(
            f"plan {plan.plan_number} was made for the CRM {plan.crm_instance[:8]}, this one is "
            f"{crm_instance[:8]}; plan again"
        )


def approved(ledger: Ledger, plan: Plan, mapping: ConnectionMap) -> Plan:
    """The plan, with a person's approval where it needs one: read anew, whatever was said of it.

    Raises:
        NotApproved: it needs one and has none.
    """
    if plan.needs_person is None:
        return plan
    given = approval.required(plan, mapping)
    if plan.state != "waiting":
        return plan
    Controls(plan.connection).say(
        "approve", given.person, plan_id=plan.plan_id, evidence=given.evidence
    )
    return ledger.record(plan, "approved", f"by {given.person} at {given.at:%Y-%m-%d %H:%M} UTC")
