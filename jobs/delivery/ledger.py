"""What was planned, meant and done, in ops.crm_plans, crm_plan_items and crm_deliveries.

One writer per connection: `writer` holds a lock of the operating system, which kill -9 frees.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from filelock import FileLock, Timeout

from jobs import lake
from jobs.crm.adapter import Adapter, Result, Update
from jobs.settings import settings
from jobs.table import Log, table

LOCK_SECONDS = 10.0  # how long a second delivery waits for the first
OPEN_STATES = ("waiting", "applying")


class DeliveryError(Exception):
    """Nothing was sent; the message says why and what to do."""


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
        DeliveryError: another process is at it.
    """
    settings().locks.mkdir(parents=True, exist_ok=True)
    path = settings().locks / f"crm-{connection}.lock"
    try:
        with FileLock(path, timeout=LOCK_SECONDS):
            yield Ledger(connection)
    except Timeout:
        raise DeliveryError(
            f"another delivery to {connection} is at work ({path} is locked): wait for its end"
        ) from None


class Ledger:
    """The logs of one connection."""

    def __init__(self, connection: str) -> None:
        self.connection = connection
        self._sequence = max((event["sequence"] for event in self._events()), default=0)

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
        plans = [p for p in self.plans() if p.plan_id.startswith(wanted or "")]
        if not plans or (wanted and len(plans) > 1):
            raise DeliveryError(
                f"{'several plans begin' if plans else 'no plan begins'} with {wanted or ''!r} "
                f"for {self.connection}: see `python -m jobs.delivery status`"
            )
        return plans[-1]

    def items(self, plan_id: str) -> list[Item]:
        rows = self._rows("ops.crm_plan_items", f"plan_id = '{plan_id}'")
        return [Item(**{k: row[k] for k in Item.__dataclass_fields__}) for row in rows]

    def record(self, plan: Plan, state: str, note: str | None = None) -> Plan:
        """Write down that a plan is now in `state`."""
        now = replace(plan, state=state, at=dt.datetime.now(dt.UTC), note=note)
        lake.append(_log("ops.crm_plans"), [asdict(now)])
        return now

    def add(self, plan: Plan, items: Sequence[Item]) -> Plan:
        """Write down a new plan; every open one before it is superseded."""
        for older in self.plans():
            if older.state in OPEN_STATES:
                self.record(older, "superseded", f"by plan {plan.plan_number}")
        told = {"connection": self.connection, "plan_id": plan.plan_id}
        if items:
            lake.append(_log("ops.crm_plan_items"), [told | asdict(item) for item in items])
        return self.record(plan, "waiting")

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
        return {e["account_id"]: e for e in self._events() if e["plan_id"] == plan_id}

    def ours(self, crm_instance: str) -> dict[tuple[str, str], set[str | None]]:
        """Values that count as ours by customer and field: the last one written, and any after it
        that may have been."""
        values: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
        for row in self._rows("ops.crm_plan_items", "action <> 'blocked'"):
            values[row["plan_id"], row["account_id"]].append((row["field"], row["new_value"]))
        found: dict[tuple[str, str], set[str | None]] = defaultdict(set)
        for event in self._events():
            if event["crm_instance"] != crm_instance:
                continue
            for field, value in values[event["plan_id"], event["account_id"]]:
                key = (event["account_id"], field)
                if event["event"] == "written":
                    found[key] = {value}
                elif event["event"] == "unknown":
                    found[key].add(value)
        return dict(found)

    def settle(self, crm: Adapter, crm_instance: str) -> int:
        """Find out what became of intents that a killed run left behind; returns how many."""
        open_events: dict[tuple[str, str], dict[str, Any]] = {}
        for event in self._events():
            open_events[event["plan_id"], event["account_id"]] = event
        by_plan = defaultdict(list)
        for (plan_id, _), event in open_events.items():
            if event["event"] == "intent" and event["crm_instance"] == crm_instance:
                by_plan[plan_id].append(event)
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

    def _events(self) -> list[dict[str, Any]]:
        return sorted(self._rows("ops.crm_deliveries"), key=lambda row: row["sequence"])

    def _rows(self, name: str, where: str = "true") -> list[dict[str, Any]]:
        if not lake.exists(name):
            return []
        sql = f"select * from t where connection = '{self.connection}' and {where}"  # noqa: S608
        return lake.read(name, sql=sql).to_pylist()


def wanted_values(items: Iterable[Item]) -> dict[str, dict[str, str | None]]:
    """The values that a plan sends, by customer."""
    wanted: dict[str, dict[str, str | None]] = defaultdict(dict)
    for item in items:
        if item.action != "blocked":
            wanted[item.account_id][item.field] = item.new_value
    return dict(wanted)


def _log(name: str) -> Log:
    return cast(Log, table(name))
