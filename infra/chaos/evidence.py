"""What is known of a run when it is over: all that its judge needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.chaos import connection
from infra.chaos.crms import Crm, Snapshot
from infra.chaos.story import Story
from infra.chaos.watching import Read, Write
from infra.sandbox.dialects.plain import Touched
from infra.sandbox.witness import Entry
from jobs.delivery.ledger import Ledger, Plan

ITEMS = "ops.crm_plan_items"


@dataclass(frozen=True)
class Edit:
    """What a person wrote, and between which instants of the monotonic clock."""

    key: str
    field: str
    value: str
    begun: float
    ended: float
    when: str  # early, late, before (a write request reaches the server), after (it has answered)


@dataclass(frozen=True)
class Applied:
    """How one process of apply ended, and its last words."""

    code: int | None  # null: it hung
    said: str


@dataclass(frozen=True)
class Kill:
    """When the apply was killed, and the records of the write request at which it was."""

    at: float
    records: Sequence[Touched]


@dataclass(frozen=True)
class Told:
    """What the delivery says of itself. It is held against the rest, and never believed."""

    listed: Mapping[str, tuple[str, str]]  # customers that it did not write to: outcome, reason
    blocked: Mapping[tuple[str, str], str]  # fields of customers that the plan left alone, and why
    blocked_next: Mapping[tuple[str, str], str]  # and those of the next day's plan


@dataclass(frozen=True)
class Seen:
    """What passed the wire."""

    reads: Sequence[Read]
    writes: Sequence[Write]
    entries: Sequence[Entry]  # of the witness
    kill: Kill | None
    refusal_writes: int  # write requests while what had to be refused was applied


@dataclass(frozen=True)
class Evidence:
    """One run."""

    story: Story
    crm: Crm
    wanted: Mapping[str, Mapping[str, str | None]]  # by customer and field of the CRM
    before: Snapshot
    after: Snapshot
    edits: Sequence[Edit]
    wire: Seen
    told: Told
    refused: Applied
    applies: Sequence[Applied]
    seconds: float  # of the applies


def told(plan: Plan, following: Plan) -> Told:
    return Told(_listed(plan), _blocked(plan), _blocked(following))


def _listed(plan: Plan) -> dict[str, tuple[str, str]]:
    return {
        account: (str(event["event"]), str(event["reason"] or ""))
        for account, event in Ledger(connection.NAME).last_events(plan.plan_id).items()
        if event["event"] != "written"
    }


def _blocked(plan: Plan) -> dict[tuple[str, str], str]:
    left = f"plan_id = '{plan.plan_id}' and action = 'blocked'"
    items = Ledger(connection.NAME).rows(ITEMS, left)
    return {(item["account_id"], item["field"]): str(item["reason"]) for item in items}
