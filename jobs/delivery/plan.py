"""What a connection's CRM should be told: the outbox against the CRM's values and what was sent.

A plan only says; `apply` sends. Values are compared as canonical texts, so that blanks, zeros after
the point or a time zone make no change. Update-only: customers that the CRM lacks are reported.
"""

import datetime as dt
import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from jobs import lake
from jobs.crm.adapter import (
    Adapter,
    Description,
    NotCanonical,
    Record,
    canonical,
    connect,
)
from jobs.delivery import mapping as mappings
from jobs.delivery.ledger import SENT_STATES, DeliveryError, Item, Ledger, Plan, plan_id, writer
from jobs.delivery.mapping import ConnectionMap, FieldMap
from jobs.settings import settings

log = logging.getLogger(__name__)

OUTBOX = "scores.crm_outbox"

Row = Mapping[str, Any]
Ours = Mapping[tuple[str, str], set[str | None]]


def plan(
    connection: str,
    today: dt.date | None = None,
    crm: Adapter | None = None,
    version: int | None = None,
) -> Plan:
    """Compare, write the plan down, and return it; a plan that already waits and says the same
    stays.

    Args:
        today: business day after whose eve values have expired; null: as `business_day` says.
        crm: null: the connection's own.
        version: of the outbox, see `version_for`; null: the newest.

    Raises:
        MappingError: the mapping does not fit the CRM or the outbox.
        DeliveryError: the outbox has no such version.
        Busy: another delivery is at work.
        CrmError: the CRM cannot be asked.
    """
    mapping = mappings.load(connection)
    crm = crm or connect(mapping.adapter)
    described = crm.describe()
    with writer(connection) as ledger:
        at = version_for(ledger, version)
        outbox = lake.read(OUTBOX, at=at)
        mappings.check(mapping, described, outbox.column_names)
        rows = outbox.to_pylist()
        today = today or business_day(rows)
        wanted = without_objecting({row[mapping.key_column]: row for row in rows})
        ledger.settle(crm, described.instance)
        ours = ledger.ours(described.instance)
        keys = {*wanted, *(account for account, _ in ours)}
        found = crm.match(keys, [of.field for of in mapping.fields])
        items, unchanged = compared(mapping, described, wanted, found, ours, today)
        draft = drafted(mapping, described, at, today, items, unchanged)
        return written_down(ledger, draft, items)


def version_for(ledger: Ledger, wanted: int | None) -> int:
    """The outbox version to deliver: the wanted one, or one after it that was sent by hand.

    Without the second the clock would take back what a person delivered meanwhile.

    Raises:
        DeliveryError: there is no such version.
    """
    newest = lake.version(OUTBOX)
    if wanted is None:
        return newest
    if wanted > newest:
        raise DeliveryError(
            f"{OUTBOX} has no version {wanted}, its newest is {newest}: it was made anew; "
            "`python -m jobs.delivery plan` delivers what it says now"
        )
    sent = [p.outbox_version for p in ledger.plans() if p.state in SENT_STATES]
    return max([wanted, *(version for version in sent if version <= newest)])


def without_objecting(rows: Mapping[str, Row]) -> dict[str, Row | None]:
    """Rows by key, null for who objects to marketing or has left: what was delivered is cleared.

    The newest outbox says who may be addressed, whichever version is delivered.
    """
    asked = "select account_id from t where is_contactable"
    willing = set(lake.read(OUTBOX, sql=asked)["account_id"].to_pylist())
    return {key: row if row["account_id"] in willing else None for key, row in rows.items()}


def business_day(rows: Iterable[Row]) -> dt.date | None:
    """Today at the shops; where a year of the past is played, the newest day that the rows are of
    (null: there are none)."""
    if settings().clock == "wall":
        return dt.datetime.now(ZoneInfo(settings().timezone)).date()
    return max((row["as_of_date"] for row in rows), default=None)


def compared(
    mapping: ConnectionMap,
    described: Description,
    rows: Mapping[str, Row | None],
    found: Mapping[str, Sequence[Record]],
    ours: Ours,
    today: dt.date | None,
) -> tuple[list[Item], int]:
    """The plan's items, and the number of fields that already are as they should be."""
    items: list[Item] = []
    unchanged = 0
    for account in sorted(found):
        records = found[account]
        if len(records) != 1:
            if account in rows:
                reason = "several_in_crm" if records else "not_in_crm"
                items.append(Item(account, None, "*", "blocked", None, None, reason))
            continue
        row = valid(rows.get(account), today)
        for of in mapping.fields:
            item = decided(mapping, described, of, row, records[0], ours.get((account, of.field)))
            unchanged += item is None
            items += [item] if item else []
    return items, unchanged


def valid(row: Row | None, today: dt.date | None) -> Row | None:
    """The outbox's row, or null where it is gone or its time is over: its values are cleared."""
    expired = row is not None and today is not None and row["valid_until"] < today
    return None if expired else row


def decided(
    mapping: ConnectionMap,
    described: Description,
    of: FieldMap,
    row: Row | None,
    record: Record,
    ours: Collection[str | None] | None,
) -> Item | None:
    """What to do with one field of one customer; null: it already is as it should be.

    Args:
        ours: values that count as ours; null: we never wrote this field.
    """
    old, new, reason = record.values[of.field], None, None
    try:
        if row is not None:
            new = canonical(described.fields[of.field], mapping.value(of, row))
    except NotCanonical as error:
        reason = str(error)
    if old == new and reason is None:
        return None
    reason = reason or kept(of, old, ours)
    action = "blocked" if reason else "clear" if new is None else "update"
    return Item(str(record.key), record.id, of.field, action, old, new, reason)


def kept(of: FieldMap, old: str | None, ours: Collection[str | None] | None) -> str | None:
    """Why a field is left to the salesperson; null: it is ours to write."""
    if of.ownership == "always":
        return None
    if of.ownership == "if_empty":
        return None if old is None else "not_empty"
    if ours is None:
        return None if old is None else "filled_by_a_person"
    if old in ours:
        return None
    return "cleared_by_a_person" if old is None else "edited_by_a_person"


def drafted(
    mapping: ConnectionMap,
    described: Description,
    version: int,
    today: dt.date | None,
    items: Sequence[Item],
    unchanged: int,
) -> Plan:
    """The plan, still without number and id."""
    count = {a: sum(i.action == a for i in items) for a in ("update", "clear", "blocked")}
    records = len({item.account_id for item in items if item.action != "blocked"})
    return Plan(
        connection=mapping.connection,
        plan_number=0,
        plan_id="",
        state="waiting",
        at=dt.datetime.now(dt.UTC),
        crm_instance=described.instance,
        mapping_sha256=mapping.sha256,
        outbox_version=version,
        as_of_date=today,
        records=records,
        updates=count["update"],
        clears=count["clear"],
        unchanged=unchanged,
        blocked=count["blocked"],
        calls=math.ceil(records / described.batch_records),
    )


def written_down(ledger: Ledger, draft: Plan, items: Sequence[Item]) -> Plan:
    plans: list[Plan] = ledger.plans()
    newest = plans[-1] if plans else None
    if newest and newest.state == "waiting":
        same = replace(draft, plan_number=newest.plan_number)
        if plan_id(same, items) == newest.plan_id and not ledger.is_too_old(newest):
            return newest
    numbered = replace(draft, plan_number=newest.plan_number + 1 if newest else 1)
    made = ledger.add(replace(numbered, plan_id=plan_id(numbered, items)), items)
    log.info(
        "delivery plan %d for %s: %d customers, %d updates, %d clears, %d unchanged, %d blocked",
        *(made.plan_number, made.connection, made.records),
        *(made.updates, made.clears, made.unchanged, made.blocked),
    )
    return made
