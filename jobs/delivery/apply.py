"""Send a plan, exactly and at most once.

Before each window of batches its records are read again (one that moved since the plan is left
alone) and what is meant is written down; after it, what became of it. A run that was killed is
taken up: first it is found out what became of the intents it left, then the rest is sent.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from jobs.crm.adapter import Adapter, CrmError, Record, Result, Update, connect
from jobs.delivery import mapping as mappings
from jobs.delivery.ledger import (
    FINAL,
    OPEN_STATES,
    PLAN_DAYS,
    DeliveryError,
    Item,
    Ledger,
    Plan,
    plan_id,
    wanted_values,
    writer,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

WINDOW_BATCHES = 4  # write requests between two commits to the ledger
ROUNDS = 3  # how often a record is tried whose write was refused for a passing reason

AGAIN = ("transient", "conflict")


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
        plan: its id or the beginning of it; null: the newest.
        crm: null: the connection's own.
        progress: called with the number of records just dealt with.

    Raises:
        DeliveryError: there is no such plan, or it must not be sent.
        Busy: another delivery is at work.
        CrmError: the CRM went away; run again, it goes on.
    """
    with writer(connection) as ledger:
        chosen = ledger.plan(plan)
        if chosen.state in ("superseded", "expired"):
            raise DeliveryError(f"plan {chosen.plan_number} is {chosen.state} {chosen.note}")
        if chosen.state not in OPEN_STATES:
            return Applied(chosen, 0, outcomes(ledger, chosen))
        crm = crm or connect(mappings.load(connection).adapter)
        described = crm.describe()
        items = ledger.items(chosen.plan_id)
        refuse_unfit(ledger, chosen, items, described.instance)
        ledger.settle(crm, described.instance)
        chosen = ledger.record(chosen, "applying")
        done = {a for a, e in ledger.last_events(chosen.plan_id).items() if e["event"] in FINAL}
        left = [item for item in items if item.account_id not in done]
        sent = Sending(ledger, crm, chosen, left, described.batch_records).send(progress)
        return ended(ledger, chosen, sent)


def ended(ledger: Ledger, plan: Plan, sent: int) -> Applied:
    """Write down how far a plan has come."""
    done = Applied(plan, sent, outcomes(ledger, plan))
    told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(done.outcomes.items()))
    note = told or "nothing to send"
    log.info("delivery plan %d for %s: %s", plan.plan_number, plan.connection, note)
    return replace(done, plan=ledger.record(plan, "partly" if done.left else "applied", note))


def refuse_unfit(ledger: Ledger, plan: Plan, items: Sequence[Item], crm_instance: str) -> None:
    """Raise DeliveryError where the plan was altered, is too old, or is of another CRM."""
    if plan_id(plan, items) != plan.plan_id:
        raise DeliveryError(
            f"plan {plan.plan_number}: its items were altered after it was made; plan again"
        )
    if ledger.is_too_old(plan):
        raise DeliveryError(f"plan {plan.plan_number} is older than {PLAN_DAYS} days; plan again")
    if crm_instance != plan.crm_instance:
        raise DeliveryError(
            f"plan {plan.plan_number} was made for the CRM {plan.crm_instance[:8]}, this one is "
            f"{crm_instance[:8]}; plan again"
        )


class Sending:
    """The rest of one plan on its way."""

    def __init__(
        self, ledger: Ledger, crm: Adapter, plan: Plan, items: Sequence[Item], size: int
    ) -> None:
        self.ledger, self.crm, self.plan, self.size = ledger, crm, plan, size
        self.wanted = wanted_values(items)
        self.planned = {(i.account_id, i.field): i.old_value for i in items}
        self.record_ids = {i.account_id: str(i.record_id) for i in items}

    def send(self, progress: Callable[[int], None]) -> int:
        """Returns the number of records written."""
        todo, sent = sorted(self.wanted), 0
        for attempt in range(ROUNDS):
            again: list[str] = []
            for window in chunks(todo, self.size * WINDOW_BATCHES):
                results = self.window(window)
                sent += sum(r.outcome == "written" for r in results)
                again += [r.key for r in results if r.outcome in AGAIN]
                progress(len(window) if attempt == 0 else 0)
            todo = again
        return sent

    def window(self, accounts: Sequence[str]) -> list[Result]:
        """Read a window's records again, write down what is meant, and send it."""
        fields = sorted({field for account in accounts for field in self.wanted[account]})
        found = self.crm.match(accounts, fields)
        ready, spared = [], []
        for account in accounts:
            if why := self.spared(account, found[account]):
                spared.append(why)
            else:
                ready.append(self.update(account, found[account][0].revision))
        self.ledger.resolve(self.plan, [self.update(r.key, "") for r in spared], spared)
        self.ledger.intend(self.plan, ready)
        return self.write(ready)

    def spared(self, account: str, found: Sequence[Record]) -> Result | None:
        """The result of a record that needs no write, or must not have one."""
        if [record.id for record in found] != [self.record_ids[account]]:
            return Result(account, "conflict", "record_is_gone")
        values = found[0].values
        if all(values[field] == value for field, value in self.wanted[account].items()):
            return Result(account, "written", "was_there")
        if any(values[field] != self.planned[account, field] for field in self.wanted[account]):
            return Result(account, "conflict", "moved_since_the_plan")
        return None

    def update(self, account: str, revision: str) -> Update:
        return Update(self.record_ids[account], account, revision, self.wanted[account])

    def write(self, ready: Sequence[Update]) -> list[Result]:
        """Write batch by batch; if the CRM goes away the ledger still learns what is certain."""
        results: list[Result] = []
        begun = 0
        try:
            for batch in chunks(ready, self.size):
                begun += len(batch)
                told = self.answered(batch)
                results += told
                stop_if_hopeless(told)
        finally:
            results += [Result(u.key, "transient", "not_sent") for u in ready[begun:]]
            told_of = {result.key for result in results}
            self.ledger.resolve(self.plan, [u for u in ready if u.key in told_of], results)
        return results

    def answered(self, batch: Sequence[Update]) -> list[Result]:
        """Write a batch; where the answer is lost, find out before anything else is sent."""
        sent_at = dt.datetime.now(dt.UTC)
        told = self.crm.write(batch)
        lost = {result.key for result in told if result.outcome == "unknown"}
        if not lost:
            return told
        log.warning("%s: %d records without an answer", self.plan.connection, len(lost))
        known = [result for result in told if result.key not in lost]
        return known + self.crm.poll([u for u in batch if u.key in lost], sent_at)


def stop_if_hopeless(told: Sequence[Result]) -> None:
    """A whole batch refused for one reason of the CRM's own is no matter of single records."""
    kinds = {result.outcome for result in told}
    if (told and kinds <= {"transient"}) or (len(told) > 1 and kinds == {"permission"}):
        kind = told[0].outcome
        assert kind != "written"
        raise CrmError(kind, f"the CRM takes nothing: {told[0].reason}; run again when it does")


def outcomes(ledger: Ledger, plan: Plan) -> Counter[str]:
    return Counter(str(e["event"]) for e in ledger.last_events(plan.plan_id).values())


def chunks(of: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for at in range(0, len(of), size):
        yield of[at : at + size]
