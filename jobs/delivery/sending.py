"""The windows of a plan on their way: read again, written down, sent, found out."""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tenacity import wait_random_exponential
from tenacity.wait import wait_base

from jobs.crm.adapter import Adapter, Change, CrmError, Description, Record, Result
from jobs.delivery.echo import is_same
from jobs.delivery.ledger import (
    REFUSED,
    DeliveryError,
    Ledger,
    Plan,
    ToWrite,
    new_record,
)
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.tasks import Consent
from jobs.delivery.waiting import next_attempt, pause_until

log = logging.getLogger(__name__)

# Between two commits to the ledger, in whole write requests: what is read again lies so long before
# the last of them, and where the CRM takes no condition an edit in between is written over.
WINDOW_RECORDS = 1_000
ROUNDS = 3  # how often a record is tried whose write was refused for a passing reason
BETWEEN_ROUNDS: wait_base = wait_random_exponential(0.5, max=20)  # seconds
SMALLEST_BATCH = 10
TOO_FEW = 10  # records: fewer refused or moved ones say nothing of the whole

NOTHING_AHEAD: tuple[Sequence[str], None] = ((), None)
AGAIN = ("transient", "conflict")
MOVED = "moved_since_the_plan"


class Stopped(DeliveryError):
    """So much was refused or had moved that the rest was not sent."""


@dataclass(frozen=True)
class Window:
    """Customers that are written to between two commits to the ledger: read again, written down."""

    of: ToWrite
    ready: Sequence[Change]
    spared: Sequence[Result]  # need no write, or must not have one


class Sending:
    """The rest of one plan."""

    def __init__(
        self,
        ledger: Ledger,
        crm: Adapter,
        described: Description,
        plan: Plan,
        mapping: ConnectionMap,
    ) -> None:
        self.ledger, self.crm = ledger, crm
        self.plan, self.mapping = plan, mapping
        self.size = self.largest = described.batch_size(plan.records)
        # by field: why a customer may not be shown it, and what of the CRM says so
        self.unwanted = {f: told for f in mapping.fields if (told := mapping.unwanted(f))}
        self.consent = Consent(plan, mapping) if mapping.customers else None
        self.counts: Counter[str] = Counter()
        self.put_off = 0  # records of the last batches, of which the CRM took none
        self._behind: Future[None] | None = None  # what became of a window, being written down
        self._ahead: tuple[Sequence[str], Future[ToWrite] | None] = NOTHING_AHEAD

    def send(self, accounts: Sequence[str], progress: Callable[[int], None]) -> int:
        """Returns the number of records written.

        Raises:
            Stopped: too much was refused, or had moved.
            CrmError: the CRM takes nothing.
        """
        with ThreadPoolExecutor(1) as self._thread:
            try:
                return self._in_rounds(accounts, progress)
            finally:
                self._written_down()

    def _in_rounds(self, accounts: Sequence[str], progress: Callable[[int], None]) -> int:
        todo, sent = accounts, 0
        for attempt in range(1, ROUNDS + 1):
            self.put_off = 0
            again: list[str] = []
            next_try_at = next_attempt(BETWEEN_ROUNDS, attempt)
            for n, (part, then) in enumerate(self.parts(todo, is_first=attempt == 1)):
                window = self.ready(part, attempt)
                self._read_ahead(then)
                results = self.sent(window, next_try_at)
                sent += sum(r.outcome == "written" for r in results)
                again += [r.subject for r in results if r.outcome in AGAIN]
                progress(len(part) if attempt == 1 else 0)
                self.stop_if_out_of_limits()
                if attempt == 1 and n == 0 and len(part) < len(todo):
                    self.stop_if_not_shown(window, results)
            todo = again
            if not todo:
                break
            if attempt < ROUNDS:
                pause_until(next_try_at)
        return sent

    def parts(
        self, todo: Sequence[str], is_first: bool
    ) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
        """Each with what comes after it where the batches stay as they are. The first one is small:
        a canary."""

        def following(at: int) -> Sequence[str]:
            return todo[at : at + self.size * max(1, WINDOW_RECORDS // self.size)]

        at = 0
        if is_first and len(todo) > self.mapping.limits.canary:
            at = self.mapping.limits.canary
            yield todo[:at], following(at)
        while at < len(todo):
            part = following(at)
            at += len(part)
            yield part, following(at)

    def _read_ahead(self, accounts: Sequence[str]) -> None:
        """Read from the plan, which never changes, while the CRM writes what comes before."""
        if accounts:
            told = self._thread.submit(self.ledger.to_write, self.plan.plan_id, accounts)
            self._ahead = accounts, told

    def _planned(self, accounts: Sequence[str]) -> ToWrite:
        (ahead, told), self._ahead = self._ahead, NOTHING_AHEAD
        found = told.result() if told else None
        if found is not None and ahead == accounts:
            return found
        return self.ledger.to_write(self.plan.plan_id, accounts)

    def ready(self, accounts: Sequence[str], attempt: int) -> Window:
        """Read a window's records again, and write down what is meant."""
        of = self._planned(accounts)
        found = self.read_again(of)
        refused = self.consent.refused(of) if self.consent else {}
        ready, spared, left_alone = [], [], []
        for account in accounts:
            change = self.change(account, of, found.get(account))
            if why := self.spared(account, of, found.get(account)) or refused.get(account):
                spared.append(why)
                left_alone.append(change)
            else:
                ready.append(change)
        self._written_down()
        self.ledger.resolve(self.plan, left_alone, spared)
        self.ledger.intend(self.plan, ready, attempt)
        return Window(of, ready, spared)

    def change(self, account: str, of: ToWrite, found: Record | None) -> Change:
        record_id = of.record_ids[account]
        if record_id is None:
            return new_record(account, of.wanted[account], self.mapping.create_by.field)
        return Change(account, record_id, found.revision if found else "", of.wanted[account])

    def sent(self, window: Window, next_try_at: dt.datetime) -> list[Result]:
        """Send a window; what became of it, and of what needed no write."""
        self.counts.update(result.reason for result in window.spared)
        results = self.write(window.ready, next_try_at)
        self.counts.update(result.outcome for result in results)
        return results

    def read_again(self, of: ToWrite) -> dict[str, Record]:
        """The records as they are now, by customer; those that are not there are absent."""
        fields = {field for values in of.wanted.values() for field in values}
        fields |= self.mapping.rights_fields
        ids = {id_: account for account, id_ in of.record_ids.items() if id_ is not None}
        found = {ids[id_]: r for id_, r in self.crm.get(ids, fields).items() if r.is_active}
        key = self.mapping.create_by.field
        new = {str(of.wanted[a][key]): a for a, id_ in of.record_ids.items() if id_ is None}
        if new:
            there = self.crm.find(key, new, fields)
            found |= {new[k]: records[0] for k, records in there.items() if records}
        return found

    def spared(self, account: str, of: ToWrite, found: Record | None) -> Result | None:
        """The result of a record that needs no write, or must not have one."""
        is_new = of.record_ids[account] is None
        if found is None:
            return None if is_new else Result(account, "conflict", "record_is_gone")
        wanted, seen, values = of.wanted[account], of.seen[account], found.values
        if wanted.items() <= values.items():
            return Result(account, "written", "was_there", found.id if is_new else None)
        # what shows the plan's value already may be half of a write that was cut short
        if is_new:
            is_half = any(value is not None and values[f] == value for f, value in wanted.items())
            if is_half and all(values[f] in (None, value) for f, value in wanted.items()):
                return None
            return Result(account, "conflict", "created_meanwhile")
        for field in self.unwanted.keys() & wanted:
            for reason, said in self.unwanted[field]:
                if wanted[field] is not None and values[said.field] == said.value:
                    return Result(account, "conflict", reason)
        is_as_planned = seen.items() <= values.items()  # nearly always
        if not is_as_planned and any(values[f] not in (seen[f], v) for f, v in wanted.items()):
            return Result(account, "conflict", MOVED)
        return None

    def write(self, ready: Sequence[Change], next_try_at: dt.datetime) -> list[Result]:
        """Write batch by batch; if the CRM goes away the ledger still learns what is certain."""
        results: list[Result] = []
        begun = 0
        try:
            while begun < len(ready):
                batch = ready[begun : begun + self.size]
                begun += len(batch)
                told = self.answered(batch)
                results += told
                self.adapt(told)
                self.stop_if_hopeless(told)
        finally:
            results += [Result(c.subject, "transient", "not_sent") for c in ready[begun:]]
            told_of = {result.subject for result in results}
            known = [change for change in ready if change.subject in told_of]
            self._written_down()
            # while the next window is read: nothing is sent before it is there
            self._behind = self._thread.submit(
                self.ledger.resolve, self.plan, known, results, next_try_at
            )
        return results

    def _written_down(self) -> None:
        """Wait until the ledger has what became of the last window."""
        if self._behind:
            self._behind.result()
            self._behind = None

    def answered(self, batch: Sequence[Change]) -> list[Result]:
        """Write a batch; where the answer is lost, find out before anything else is sent."""
        self.ledger.refuse_other_writer()
        sent_at, jobs = dt.datetime.now(dt.UTC), list[str]()

        def started(job: str) -> None:
            self.ledger.started(self.plan, batch, job)
            jobs.append(job)

        told = self.crm.write(batch, started)
        lost = {result.subject for result in told if result.outcome == "unknown"}
        if not lost:
            return told
        log.warning("%s: %d records without an answer", self.plan.connection, len(lost))
        known = [result for result in told if result.subject not in lost]
        unclear = [change for change in batch if change.subject in lost]
        return known + self.crm.poll(unclear, sent_at, jobs[-1] if jobs else None)

    def adapt(self, told: Sequence[Result]) -> None:
        """Smaller batches where the CRM put some off, larger ones again where it took all."""
        if any(result.outcome == "transient" for result in told):
            self.size = max(min(SMALLEST_BATCH, self.largest), self.size // 2)
        else:
            self.size = min(self.largest, self.size * 2)

    def stop_if_not_shown(self, window: Window, results: Sequence[Result]) -> None:
        """Raise Stopped where the canary was written and the CRM shows something else."""
        written = {
            str(r.record_id or window.of.record_ids[r.subject]): r.subject
            for r in results
            if r.outcome == "written"
        }
        fields = {field for account in written.values() for field in window.of.wanted[account]}
        shown = self.crm.get(written, fields)
        wrong = [
            field
            for id_, account in written.items()
            for field, value in window.of.wanted[account].items()
            if id_ in shown and not is_same(value, shown[id_].values[field])
        ]
        if len(wrong) > self.mapping.limits.refused_share * max(1, len(written)):
            raise Stopped(
                f"the CRM took the first {len(written):,} {self.mapping.what} and shows other "
                f"values for {', '.join(sorted(set(wrong)))}: the rest was not sent; see what "
                "changes these fields there"
            )

    def stop_if_out_of_limits(self) -> None:
        """Raise Stopped where so much was refused or had moved that something is wrong."""
        limits, counts = self.mapping.limits, self.counts
        refused = sum(counts[outcome] for outcome in REFUSED)
        tried = refused + counts["written"]
        if refused > max(TOO_FEW, limits.refused_share * tried):
            raise Stopped(
                f"the CRM refused {refused:,} of {tried:,} {self.mapping.what}, more than "
                f"{limits.refused_share:.0%}: see `python -m jobs.delivery dead list "
                f"--connection {self.plan.connection}`; the rest was not sent, plan again when it "
                "is mended"
            )
        if counts[MOVED] > max(TOO_FEW, limits.moved_share * self.plan.records):
            raise Stopped(
                f"{counts[MOVED]:,} of {self.plan.records:,} {self.mapping.what} changed in the "
                f"CRM since the plan, more than {limits.moved_share:.0%}: the rest was not sent; "
                "plan again"
            )

    def stop_if_hopeless(self, told: Sequence[Result]) -> None:
        """Raise CrmError where batches are refused as a whole for one reason of the CRM's own: that
        is no matter of single records."""
        kinds = {result.outcome for result in told}
        self.put_off = self.put_off + len(told) if kinds == {"transient"} else 0
        if self.put_off >= SMALLEST_BATCH or (len(told) > 1 and kinds == {"permission"}):
            kind = told[0].outcome
            assert kind != "written"
            raise CrmError(kind, f"the CRM takes nothing: {told[0].reason}; run again when it does")
