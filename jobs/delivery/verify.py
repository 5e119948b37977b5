"""Read back what a plan wrote, and compare."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs import lake
from jobs.crm.adapter import Adapter, Record
from jobs.delivery import mapping as mappings
from jobs.delivery import state
from jobs.delivery.access import connect
from jobs.delivery.echo import is_same
from jobs.delivery.gathering import note_tasks
from jobs.delivery.ledger import VERIFIED, DeliveryError, Ledger, Plan, log_of, writer
from jobs.delivery.scratch import scratch

log = logging.getLogger(__name__)

AT_ONCE = 5_000  # customers


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
        return f"{good}; not written: {missing}" if missing else good


def verify(connection: str, plan: str | None = None, crm: Adapter | None = None) -> Verified:
    """Compare each field that a plan wrote with the CRM, and count whom it did not reach.

    A field differs if it was changed after it was delivered: the next plan says by whom. What the
    CRM made of a value in its own way is written down in ops.crm_echoes, and counts as delivered.

    Raises:
        DeliveryError: there is no such plan, or it has not been applied.
        Busy: another delivery is at work.
        CrmError: the CRM cannot be asked.
    """
    with writer(connection) as ledger:
        chosen = ledger.plan(plan)
        if chosen.state not in ("partly", "applied"):
            raise DeliveryError(
                f"plan {chosen.plan_number} is {chosen.state}, not applied: run `apply` first"
            )
        mapping = mappings.load(connection)
        crm = crm or connect(mapping)
        events = ledger.last_events(chosen.plan_id)
        accounts = ledger.to_send(chosen.plan_id)
        missing = Counter(str(events[a]["event"]) if a in events else "not_sent" for a in accounts)
        records = missing.pop("written", 0)
        written = [a for a in accounts if a in events and events[a]["event"] == "written"]
        verified_at = ledger.verified_at(chosen)
        fields, differing = 0, list[tuple[str, str]]()
        for at in range(0, len(written), AT_ONCE):
            part = written[at : at + AT_ONCE]
            looked, wrong = looked_at(ledger, crm, chosen, part, events, verified_at)
            fields += looked
            differing += wrong
        with scratch() as db:
            state.refreshed(db, connection, chosen.crm_instance)
            if mapping.customers:
                note_tasks(db, mapping, crm, crm.describe())
        return noted(ledger, Verified(chosen, records, fields, tuple(differing), missing))


def looked_at(
    ledger: Ledger,
    crm: Adapter,
    plan: Plan,
    accounts: Sequence[str],
    events: Mapping[str, Mapping[str, Any]],
    verified_at: dt.datetime | None,
) -> tuple[int, list[tuple[str, str]]]:
    """How many fields of these customers were compared, and which differ; echoes are kept.

    Args:
        verified_at: what was written before and looks otherwise only now, a person has changed.
    """
    wanted = ledger.to_write(plan.plan_id, accounts).wanted
    ids = {account: str(events[account]["record_id"]) for account in accounts}
    found = crm.get(set(ids.values()), sorted({f for of in wanted.values() for f in of}))
    before = ledger.echoes(plan, accounts)
    differing, echoes = [], []
    for account, field, value in each(wanted):
        record = found.get(ids[account])
        if record is None:
            differing.append((account, field))
            continue
        shown = record.values[field]
        if shown in (value, before.get((account, field), value)):
            continue
        is_first = verified_at is None or events[account]["at"] > verified_at
        if is_first and is_same(value, shown):
            echoes.append(echo(plan, account, field, value, record))
        else:
            differing.append((account, field))
    if echoes:
        lake.append(log_of("ops.crm_echoes"), echoes)
    return sum(len(of) for of in wanted.values()), differing


def each(wanted: Mapping[str, Mapping[str, str | None]]) -> Iterator[tuple[str, str, str | None]]:
    for account in sorted(wanted):
        for field, value in wanted[account].items():
            yield account, field, value


def echo(
    plan: Plan, account: str, field: str, value: str | None, record: Record
) -> dict[str, object]:
    return {
        "connection": plan.connection,
        "crm_instance": plan.crm_instance,
        "plan_id": plan.plan_id,
        "account_id": account,
        "field": field,
        "value": value,
        "echo": record.values[field],
        "at": dt.datetime.now(dt.UTC),
    }


def noted(ledger: Ledger, seen: Verified) -> Verified:
    """Write down what was seen."""
    plan = seen.plan
    log.info("delivery plan %d for %s: %s", plan.plan_number, plan.connection, seen)
    return replace(seen, plan=ledger.record(plan, plan.state, f"{VERIFIED}{seen}"))
