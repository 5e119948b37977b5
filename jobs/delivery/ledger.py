"""What was planned, meant and done, in ops.crm_plans, crm_plan_items and crm_deliveries.

One writer per connection: `writer` holds a lock of the operating system, which kill -9 frees.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from filelock import FileLock, Timeout

from jobs import lake
from jobs.crm.adapter import Adapter, Result, Update
from jobs.settings import settings
from jobs.table import Log, table

LOCK_SECONDS = 10.0  # how long a second delivery waits for the first
PLAN_DAYS = 7  # a plan older than this is not sent any more

OPEN_STATES = ("waiting", "applying", "partly")
SENT_STATES = ("applying", "partly", "applied", "verified", "differs")

# an event that `apply` has nothing to add to; `transient` and a bare `intent` are still to be sent
FINAL = ("written", "data", "permission", "conflict", "unknown")


# (plan, customer) → fields and the values meant for them
_FieldValues = defaultdict[tuple[str, str], list[tuple[str, str | None]]]


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
    note: str | None = None


def plan_id(plan: Plan, items: Iterable[Item]) -> str:
    """The plan's name is what it says: an altered item makes it another plan."""
    ordered = sorted((list(asdict(item).values()) for item in items), key=lambda i: (i[0], i[2]))
    told = [
        plan.connection,
        plan.crm_instance,
        plan.mapping_sha256,
        plan.outbox_version,
        plan.plan_number,
        ordered,
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


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
            yield Ledger(connection)
    except Timeout:
        raise Busy(
            f"another delivery to {connection} is at work ({path} is locked): wait for its end"
        ) from None


class Ledger:
    """The logs of one connection."""

    def __init__(self, connection: str) -> None:
        self.connection = connection
        told = self._rows("ops.crm_deliveries", columns="max(sequence) as last")
        self._sequence = (told[0]["last"] or 0) if told else 0

    def plans(self) -> list[Plan]:
        """All plans in their newest state, oldest plan first."""
        rows = sorted(self._rows("ops.crm_plans"), key=lambda row: row["at"])
        newest = {row["plan_id"]: Plan(**row) for row in rows}
        return sorted(newest.values(), key=lambda plan: plan.plan_number)

    def plan(self, wanted: str | None) -> Plan:
        """The plan of an id or its beginning; null: the newest.

        Raises:
            DeliveryError: there is none.
        """
        plans = self.plans()
        if not plans:
            raise DeliveryError(
                f"{self.connection} has no plan yet: run `python -m jobs.delivery plan`"
            )
        if wanted is None:
            return plans[-1]
        found = [plan for plan in plans if plan.plan_id.startswith(wanted)]
        if len(found) != 1:
            raise DeliveryError(
                f"{'several plans begin' if found else 'no plan begins'} with {wanted!r} "
                f"for {self.connection}: see `python -m jobs.delivery status`"
            )
        return found[0]

    def is_too_old(self, plan: Plan) -> bool:
        """Whether it was made too long ago; the states it has been in since do not renew it."""
        of_plan = f"plan_id = '{plan.plan_id}'"
        (told,) = self._rows("ops.crm_plans", of_plan, columns="min(at) as made_at")
        return dt.datetime.now(dt.UTC) - told["made_at"] > dt.timedelta(days=PLAN_DAYS)

    def items(self, plan_id: str) -> list[Item]:
        rows = self._rows("ops.crm_plan_items", f"plan_id = '{plan_id}'")
        return [Item(**{k: row[k] for k in Item.__dataclass_fields__}) for row in rows]

    def record(self, plan: Plan, state: str, note: str | None = None) -> Plan:
        """Write down that a plan is now in `state`."""
        now = in_state(plan, state, note)
        lake.append(_log("ops.crm_plans"), [asdict(now)])
        return now

    def add(self, plan: Plan, items: Sequence[Item]) -> Plan:
        """Write down a new plan, in the place of every open one before it.

        Its items come first, then all states in one commit: where a kill comes between, no plan
        names the items, and the same plan made again finds them there.
        """
        if items and not self.items(plan.plan_id):
            told = {"connection": self.connection, "plan_id": plan.plan_id}
            lake.append(_log("ops.crm_plan_items"), [told | asdict(item) for item in items])
        closed = [self._closed(p, plan) for p in self.plans() if p.state in OPEN_STATES]
        waiting = in_state(plan, "waiting")
        lake.append(_log("ops.crm_plans"), [asdict(state) for state in (*closed, waiting)])
        return waiting

    def _closed(self, older: Plan, newer: Plan) -> Plan:
        if self.is_too_old(older):
            note = f"after {PLAN_DAYS} days; plan {newer.plan_number} stands in its place"
            return in_state(older, "expired", note)
        return in_state(older, "superseded", f"by plan {newer.plan_number}")

    def intend(self, plan: Plan, updates: Sequence[Update]) -> None:
        """Write down what is about to be sent."""
        self._log(plan.plan_id, plan.crm_instance, [(u, "intent", None) for u in updates])

    def resolve(self, plan: Plan, updates: Sequence[Update], results: Sequence[Result]) -> None:
        """Write down what became of it."""
        of = {result.key: result for result in results}
        events = [(u, of[u.key].outcome, of[u.key].reason or None) for u in updates]
        self._log(plan.plan_id, plan.crm_instance, events)

    def last_events(self, plan_id: str) -> dict[str, dict[str, Any]]:
        """The newest event of each customer in a plan."""
        return {e["account_id"]: e for e in self._events(f"plan_id = '{plan_id}'")}

    def ours(self, crm_instance: str) -> dict[tuple[str, str], set[str | None]]:
        """Values that count as ours by customer and field: the last one written, and any after it
        that may have been."""
        reached = f"crm_instance = {_quoted(crm_instance)} and event in ('written', 'unknown')"
        events = self._events(reached, "plan_id, account_id, event, sequence")
        values = self._values({event["plan_id"] for event in events})
        found: dict[tuple[str, str], set[str | None]] = defaultdict(set)
        for event in events:
            for field, value in values[event["plan_id"], event["account_id"]]:
                key = (event["account_id"], field)
                if event["event"] == "written":
                    found[key] = {value}
                else:
                    found[key].add(value)
        return dict(found)

    def _values(self, plan_ids: Collection[str]) -> _FieldValues:
        """Fields and values that plans had for each customer."""
        values: _FieldValues = defaultdict(list)
        if plan_ids:
            listed = ", ".join(f"'{plan_id}'" for plan_id in sorted(plan_ids))
            sent = f"action <> 'blocked' and plan_id in ({listed})"
            columns = "plan_id, account_id, field, new_value"
            for row in self._rows("ops.crm_plan_items", sent, columns):
                of = values[row["plan_id"], row["account_id"]]
                of.append((row["field"], row["new_value"]))
        return values

    def settle(self, crm: Adapter, crm_instance: str) -> int:
        """Find out what became of intents that a killed run left behind; returns how many."""
        of_connection = f"connection = {_quoted(self.connection)}"
        last = f"select max(sequence) from t where {of_connection} group by plan_id, account_id"  # noqa: S608
        is_open = f"event = 'intent' and sequence in ({last})"
        by_plan = defaultdict(list)
        for event in self._events(f"crm_instance = {_quoted(crm_instance)} and {is_open}"):
            by_plan[event["plan_id"]].append(event)
        for plan_id, events in by_plan.items():
            wanted = wanted_values(self.items(plan_id))
            updates = [
                Update(e["record_id"], e["account_id"], e["revision"], wanted[e["account_id"]])
                for e in events
            ]
            results = crm.poll(updates, max(e["at"] for e in events))
            self.resolve(self.plan(plan_id), updates, results)
        return sum(len(events) for events in by_plan.values())

    def _log(
        self, plan_id: str, instance: str, events: Sequence[tuple[Update, str, str | None]]
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        rows = []
        for update, event, reason in events:
            self._sequence += 1
            rows.append(
                {
                    "connection": self.connection,
                    "crm_instance": instance,
                    "plan_id": plan_id,
                    "account_id": update.key,
                    "record_id": update.id,
                    "revision": update.revision,
                    "event": event,
                    "reason": reason,
                    "sequence": self._sequence,
                    "at": now,
                }
            )
        if rows:
            lake.append(_log("ops.crm_deliveries"), rows)

    def _events(self, where: str, columns: str = "*") -> list[dict[str, Any]]:
        found = self._rows("ops.crm_deliveries", where, columns)
        return sorted(found, key=lambda row: row["sequence"])

    def _rows(self, name: str, where: str = "true", columns: str = "*") -> list[dict[str, Any]]:
        if not lake.exists(name):
            return []
        of_connection = f"connection = {_quoted(self.connection)}"
        sql = f"select {columns} from t where {of_connection} and {where}"  # noqa: S608
        return lake.read(name, sql=sql).to_pylist()


def in_state(plan: Plan, state: str, note: str | None = None) -> Plan:
    """The plan as it is from now on."""
    return replace(plan, state=state, at=dt.datetime.now(dt.UTC), note=note)


def wanted_values(items: Iterable[Item]) -> dict[str, dict[str, str | None]]:
    """The values that a plan sends, by customer."""
    wanted: dict[str, dict[str, str | None]] = defaultdict(dict)
    for item in items:
        if item.action != "blocked":
            wanted[item.account_id][item.field] = item.new_value
    return dict(wanted)


def _quoted(text: str) -> str:
    """A text of SQL; a CRM's token is whatever the CRM says."""
    return "'" + text.replace("'", "''") + "'"


def _log(name: str) -> Log:
    return cast(Log, table(name))
