"""What was planned, meant and done, in ops.crm_plans, crm_plan_items and crm_deliveries.

One writer per connection: `writer` holds a lock of the operating system, which kill -9 frees, and
a lease in the lake, for writers on other machines.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import pyarrow as pa
from deltalake import DeltaTable
from filelock import FileLock, Timeout

from jobs import lake
from jobs.crm.adapter import Adapter, Change, Result
from jobs.delivery.lease import Lease, LeaseLost
from jobs.settings import settings
from jobs.sql import literal
from jobs.table import Log, table

LOCK_SECONDS = 10.0  # how long a second delivery waits for the first

OPEN_STATES = ("planned", "waiting", "approved", "applying", "partly")
SENT_STATES = ("applying", "partly", "applied", "reverted")

# an event that `apply` has nothing to add to; `transient`, `intent`, `sent` are still to be sent
FINAL = ("written", "data", "permission", "conflict", "unknown")
REFUSED = ("data", "permission")  # what the CRM will not take as long as it is the same
UNRESOLVED = ("intent", "sent")  # it may or may not have reached the CRM
VERIFIED = "verified: "  # how the note of a plan begins that was read back


class DeliveryError(Exception):
    """Nothing was sent; the message says why and what to do."""


class Busy(Exception):
    """Another process delivers to this connection; later this one may."""


@dataclass(frozen=True)
class Item:
    """One field of one customer that is to change, or is blocked."""

    account_id: str
    record_id: str | None
    field: str
    action: str
    old_value: str | None
    new_value: str | None
    reason: str | None = None


ITEM_COLUMNS = tuple(Item.__dataclass_fields__)


@dataclass(frozen=True)
class Plan:
    """A plan in a state; as in ops.crm_plans."""

    connection: str
    plan_number: int
    plan_id: str
    state: str
    at: dt.datetime
    crm_instance: str
    mapping_sha256: str
    outbox_version: int
    as_of_date: dt.date | None
    records: int
    updates: int
    clears: int
    unchanged: int
    blocked: int
    calls: int
    kind: str = "deliver"
    items_sha256: str = ""
    customers: int = 0
    creates: int = 0
    cleared: int = 0
    flips: int = 0
    leaps: int = 0
    reads: int = 0
    quota_share: float | None = None
    minutes: float | None = None
    needs_person: str | None = None
    requester: str | None = None
    reverts: str | None = None
    note: str | None = None

    @property
    def named(self) -> "Plan":
        """With the id that says what the plan is: another word anywhere makes it another plan."""
        told = [
            *(self.connection, self.kind, self.reverts, self.crm_instance, self.mapping_sha256),
            *(self.outbox_version, str(self.as_of_date), self.plan_number, self.items_sha256),
            self.needs_person,
        ]
        return replace(self, plan_id=hashlib.sha256(json.dumps(told).encode()).hexdigest())


@dataclass(frozen=True)
class ToWrite:
    """What is written to customers: values by field, those that the plan saw there, the records."""

    wanted: dict[str, dict[str, str | None]]
    seen: dict[str, dict[str, str | None]]
    record_ids: dict[str, str | None]  # null: to be created


@contextmanager
def writer(connection: str) -> Iterator["Ledger"]:
    """The connection's only writer.

    Raises:
        Busy: another process is at it.
    """
    settings().locks.mkdir(parents=True, exist_ok=True)
    path = settings().locks / f"crm-{connection}.lock"
    try:
        with FileLock(path, timeout=LOCK_SECONDS):
            lease = Lease(connection)
            lease.take()
            try:
                yield Ledger(connection, lease)
            finally:
                lease.give_back()
    except LeaseLost as error:
        raise Busy(str(error)) from error
    except Timeout:
        raise Busy(
            f"another delivery to {connection} is at work ({path} is locked): wait for its end"
        ) from None


def log_of(name: str) -> Log:
    return cast(Log, table(name))


class Ledger:
    """The logs of one connection."""

    def __init__(self, connection: str, lease: Lease | None = None) -> None:
        self.connection, self.lease = connection, lease
        self._sequence: int | None = None  # of the last event; asked for by who adds one
        self._deliveries = lake.Appender(log_of("ops.crm_deliveries"))
        self._items: DeltaTable | None = None

    def plans(self) -> list[Plan]:
        """All plans in their newest state, oldest plan first."""
        rows = sorted(self.rows("ops.crm_plans"), key=lambda row: row["at"])
        newest = {row["plan_id"]: Plan(**row) for row in rows}
        return sorted(newest.values(), key=lambda plan: plan.plan_number)

    def plan(self, wanted: str | None) -> Plan:
        """The plan of an id or its beginning, or of a number; null: the newest.

        Raises:
            DeliveryError: there is none.
        """
        plans = self.plans()
        if not plans:
            raise DeliveryError(
                f"{self.connection} has no plan yet: run `python -m jobs.delivery plan "
                f"--connection {self.connection}`"
            )
        if wanted is None:
            return plans[-1]
        # a number is one plan's, though another's id may begin with it
        found = [p for p in plans if str(p.plan_number) == wanted]
        found = found or [p for p in plans if wanted and p.plan_id.startswith(wanted)]
        if len(found) != 1:
            raise DeliveryError(
                f"{'several plans begin' if found else 'no plan begins'} with {wanted!r} "
                f"for {self.connection}: see `python -m jobs.delivery status --connection "
                f"{self.connection}`"
            )
        return found[0]

    def made_at(self, plan: Plan) -> dt.datetime:
        """When it was made; the states it has been in since do not renew it."""
        (told,) = self.rows("ops.crm_plans", _of(plan.plan_id), columns="min(at) as made_at")
        made_at: dt.datetime = told["made_at"] or dt.datetime.now(dt.UTC)
        return made_at

    def verified_at(self, plan: Plan) -> dt.datetime | None:
        """When what it wrote was last read back; null: never."""
        told = f"{_of(plan.plan_id)} and note like {literal(f'{VERIFIED}%')}"
        (last,) = self.rows("ops.crm_plans", told, columns="max(at) as at")
        at: dt.datetime | None = last["at"]
        return at

    def echoes(self, plan: Plan, accounts: Collection[str]) -> dict[tuple[str, str], str]:
        """What the CRM made of values that this plan wrote, by customer and field."""
        told = f"{_of(plan.plan_id)} and {lake.one_of('account_id', accounts)}"
        rows = self.rows("ops.crm_echoes", told, "account_id, field, echo")
        return {(row["account_id"], row["field"]): row["echo"] for row in rows}

    def to_write(self, plan_id: str, accounts: Collection[str]) -> "ToWrite":
        """What a plan writes to some customers: column by column, for they are many."""
        names, found = set(accounts), ToWrite(defaultdict(dict), defaultdict(dict), {})
        sent = f"{self._among(plan_id, accounts)} and action <> 'blocked'"
        columns = "account_id, field, old_value, new_value, record_id"
        sql = f"select {columns} from t where {self._mine(sent)}"  # noqa: S608 quoted
        told = [each.to_pylist() for each in lake.query(self._items_now(), sql).columns]
        for account, field, old, new, record_id in zip(*told, strict=True):
            if account in names:
                found.wanted[account][field], found.seen[account][field] = new, old
                found.record_ids[account] = record_id
        return found

    def _items_now(self) -> DeltaTable:
        self._items = self._items or lake.opened("ops.crm_plan_items")
        self._items.update_incremental()
        return self._items

    def _among(self, plan_id: str, accounts: Collection[str]) -> str:
        """A plan's items lie in order: a range finds them without a look at the others."""
        ends = literal(min(accounts, default="")), literal(max(accounts, default=""))
        return f"{_of(plan_id)} and account_id between {ends[0]} and {ends[1]}"

    def knows(self, account: str) -> bool:
        """Whether a plan names a customer."""
        of = f"account_id = {literal(account)} limit 1"
        return bool(self.rows("ops.crm_plan_items", of, "account_id"))

    def item_batches(self, plan_id: str) -> pa.RecordBatchReader:
        """All items in the order in which they were hashed."""
        ordered = f"{self._mine(_of(plan_id))} order by account_id, field"
        names = ", ".join(ITEM_COLUMNS)
        return lake.stream("ops.crm_plan_items", sql=f"select {names} from t where {ordered}")  # noqa: S608

    def to_send(self, plan_id: str) -> list[str]:
        """The customers that a plan writes to, in order."""
        sent = f"{_of(plan_id)} and action <> 'blocked'"
        rows = self.rows("ops.crm_plan_items", sent, "distinct account_id")
        return sorted(row["account_id"] for row in rows)

    def record(self, plan: Plan, state: str, note: str | None = None) -> Plan:
        """Write down that a plan is now in `state`."""
        now = in_state(plan, state, note)
        lake.append(log_of("ops.crm_plans"), [asdict(now)])
        return now

    def add(self, plan: Plan, items: Iterable[pa.RecordBatch]) -> Plan:
        """Write down a new plan, in the place of every open one before it.

        Its items come first, then all states in one commit: where a kill comes between, no plan
        names the items, and the same plan made again finds them there.
        """
        log = log_of("ops.crm_plan_items")
        schema = lake.plain_schema(log)
        if not self.rows("ops.crm_plan_items", f"{_of(plan.plan_id)} limit 1", "plan_id"):
            told = {"connection": self.connection, "plan_id": plan.plan_id}
            stream = (_with(batch, told, schema) for batch in items)
            lake.append_stream(log, pa.RecordBatchReader.from_batches(schema, stream))
        closed = [
            in_state(older, "superseded", f"by plan {plan.plan_number}")
            for older in self.plans()
            if older.state in OPEN_STATES
        ]
        now = in_state(plan, plan.state)
        lake.append(log_of("ops.crm_plans"), [asdict(state) for state in (*closed, now)])
        return now

    def refuse_other_writer(self) -> None:
        """Before every batch: raise LeaseLost where another installation delivers now."""
        if self.lease:
            self.lease.keep()

    def intend(self, plan: Plan, changes: Sequence[Change], attempt: int) -> None:
        """Write down what is about to be sent."""
        self._log(plan, [(c, {"event": "intent", "attempt": attempt}) for c in changes])

    def started(self, plan: Plan, changes: Sequence[Change], job: str) -> None:
        """Write down by which bulk job it is sent."""
        self._log(plan, [(change, {"event": "sent", "job": job}) for change in changes])

    def resolve(
        self,
        plan: Plan,
        changes: Sequence[Change],
        results: Sequence[Result],
        next_try_at: dt.datetime | None = None,
    ) -> None:
        """Write down what became of it."""
        of = {result.subject: result for result in results}
        events = []
        for change in changes:
            result = of[change.subject]
            again = next_try_at if result.outcome == "transient" else None
            told = {"event": result.outcome, "reason": result.reason or None, "next_try_at": again}
            if result.record_id:
                told["record_id"] = result.record_id
            events.append((change, told))
        self._log(plan, events)

    def last_events(self, plan_id: str) -> dict[str, dict[str, Any]]:
        """The newest event of each customer in a plan."""
        return {e["account_id"]: e for e in self.events(_of(plan_id))}

    def outcomes(self, plan_id: str) -> dict[str, str]:
        """What the newest event of each customer in a plan is."""
        if not lake.exists("ops.crm_deliveries"):
            return {}
        sql = f"select account_id, event from t where {self._mine(_of(plan_id))} order by sequence"  # noqa: S608
        rows = lake.read("ops.crm_deliveries", sql=sql).to_pylist()
        return {row["account_id"]: row["event"] for row in rows}

    def events(self, where: str, columns: str = "*") -> list[dict[str, Any]]:
        found = self.rows("ops.crm_deliveries", where, columns)
        return sorted(found, key=lambda row: row["sequence"])

    def settle(self, crm: Adapter, crm_instance: str, create_by: str) -> int:
        """Find out what became of intents that a killed run left behind; returns how many.

        Args:
            create_by: the field that records which were to be created are found by.
        """
        by_job = defaultdict(list)
        for event in self.unresolved():
            if event["crm_instance"] == crm_instance:
                by_job[event["plan_id"], event["job"]].append(event)
        for (plan_id, job), events in by_job.items():
            wanted = self.to_write(plan_id, [e["account_id"] for e in events]).wanted
            changes = [meant(e, wanted[e["account_id"]], create_by) for e in events]
            results = crm.poll(changes, max(e["at"] for e in events), job)
            self.resolve(self.plan(plan_id), changes, results)
        return sum(len(events) for events in by_job.values())

    def unresolved(self) -> list[dict[str, Any]]:
        """What was sent and of which nothing is known yet: a run that was killed left it."""
        last = f"select max(sequence) from t where {self._mine()} group by plan_id, account_id"  # noqa: S608
        return self.events(f"{lake.one_of('event', UNRESOLVED)} and sequence in ({last})")

    def rows(self, name: str, where: str = "true", columns: str = "*") -> list[dict[str, Any]]:
        """Rows of this connection in one of the logs."""
        if not lake.exists(name):
            return []
        sql = f"select {columns} from t where {self._mine(where)}"  # noqa: S608
        return lake.read(name, sql=sql).to_pylist()

    def _mine(self, where: str = "true") -> str:
        return f"connection = {literal(self.connection)} and {where}"

    def _log(self, plan: Plan, events: Sequence[tuple[Change, Mapping[str, Any]]]) -> None:
        if not events:
            return
        of_all = {
            "connection": self.connection,
            "crm_instance": plan.crm_instance,
            "plan_id": plan.plan_id,
            "at": dt.datetime.now(dt.UTC),
        }
        first = 1 + (self._last_sequence() if self._sequence is None else self._sequence)
        self._sequence = first + len(events) - 1
        columns = {name: [value] * len(events) for name, value in of_all.items()}
        columns |= {
            "account_id": [change.subject for change, _ in events],
            "record_id": [told.get("record_id") or c.record_id or "" for c, told in events],
            "revision": [change.revision for change, _ in events],
            "sequence": [*range(first, first + len(events))],
        }
        for name in {name for _, told in events for name in told} - {"record_id"}:
            columns[name] = [told.get(name) for _, told in events]
        self._deliveries.append(columns)

    def _last_sequence(self) -> int:
        told = self.rows("ops.crm_deliveries", columns="max(sequence) as last")
        return (told[0]["last"] or 0) if told else 0


def in_state(plan: Plan, state: str, note: str | None = None) -> Plan:
    """The plan as it is from now on."""
    # a clock that was put back does not bring the states' order about
    at = max(dt.datetime.now(dt.UTC), plan.at + dt.timedelta(microseconds=1))
    return replace(plan, state=state, at=at, note=note)


def meant(event: Mapping[str, Any], wanted: Mapping[str, str | None], create_by: str) -> Change:
    """The change of an intent, as it was sent."""
    subject, revision = event["account_id"], event["revision"]
    if event["record_id"]:
        return Change(subject, event["record_id"], revision, wanted)
    return new_record(subject, wanted, create_by)


def new_record(subject: str, wanted: Mapping[str, str | None], create_by: str) -> Change:
    """A record to be created, which the CRM keeps alone by its key."""
    values = dict(wanted)
    return Change(subject, None, "", values, (create_by, str(values.pop(create_by))))


def _of(plan_id: str) -> str:
    return f"plan_id = {literal(plan_id)}"


def _with(batch: pa.RecordBatch, told: Mapping[str, str], schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the form of a log, with columns of one value each."""
    columns = [
        pa.array([told[field.name]] * batch.num_rows, field.type)
        if field.name in told
        else batch.column(field.name).cast(field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
