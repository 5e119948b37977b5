"""What a connection's CRM should be told: the outbox against the CRM's values and what was sent.

A plan only says; `apply` sends. Values are compared as canonical texts, so that blanks, zeros after
the point or a time zone make no change.
"""

import datetime as dt
import getpass
import logging
from dataclasses import replace

import duckdb

from jobs import lake
from jobs.crm.adapter import Adapter, Description
from jobs.delivery import check, compare, limits, subjects
from jobs.delivery.access import connect
from jobs.delivery.compare import Totals
from jobs.delivery.controls import Controls
from jobs.delivery.gathering import gather
from jobs.delivery.ledger import SENT_STATES, DeliveryError, Ledger, Plan, writer
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import scratch

log = logging.getLogger(__name__)

NOT_BEGUN = ("planned", "waiting", "approved")


def plan(
    connection: str,
    today: dt.date | None = None,
    crm: Adapter | None = None,
    version: int | None = None,
    requester: str | None = None,
    allow_mass_clear: bool = False,
) -> Plan:
    """Compare, write the plan down, and return it; one that is open and says the same stays, and so
    does a revert that waits for a person.

    Args:
        today: business day after whose eve values have expired; null: as `business_day` says.
        crm: null: the connection's own.
        version: of the outbox, see `version_for`; null: the newest.
        requester: who asks for it; null: the user of this machine.
        allow_mass_clear: also where so many customers lose their values that it may be a mistake.

    Raises:
        MappingError: the mapping does not fit the CRM or the outbox.
        DeliveryError: the connection is paused, or the outbox has no such version.
        Busy: another delivery is at work.
        CrmError: the CRM cannot be asked.
    """
    mapping = check.load(connection, crm)
    crm = crm or connect(mapping)
    described = crm.describe()
    with writer(connection) as ledger, scratch() as db:
        if asked := waiting_revert(ledger, mapping):
            return asked
        Controls(connection).refuse_paused()
        at = version_for(ledger, mapping.outbox, version)
        check.check(mapping, described, subjects.outbox_columns(mapping, at))
        today = today or subjects.business_day(mapping.outbox, at)
        ledger.settle(crm, described.instance, mapping.create_by.field)
        gather(db, mapping, crm, described, at, today)
        compare.compare(db, mapping)
        draft = numbered(ledger, mapping, described, at, today)
        draft = replace(draft, requester=requester or getpass.getuser())
        return written_down(ledger, draft, db, mapping, crm, described, allow_mass_clear)


def waiting_revert(ledger: Ledger, mapping: ConnectionMap) -> Plan | None:
    """What takes a plan back and waits for a person: its own pause must not keep it from being
    asked about."""
    for newest in ledger.plans()[-1:]:
        is_asked = (newest.kind, newest.state) == ("revert", "waiting")
        if is_asked and not limits.is_too_old(ledger, newest, mapping):
            return newest if Controls(mapping.connection).pause() else None
    return None


def version_for(ledger: Ledger, outbox: str, wanted: int | None) -> int:
    """The version of the outbox to deliver: the wanted one, or one after it that was sent by hand.

    Without the second the clock would take back what a person delivered meanwhile.

    Raises:
        DeliveryError: there is no such version.
    """
    newest = lake.version(outbox)
    if wanted is None:
        return newest
    if wanted > newest:
        raise DeliveryError(
            f"{outbox} has no version {wanted}, its newest is {newest}: it was made anew; "
            f"`python -m jobs.delivery plan --connection {ledger.connection}` delivers what it "
            "says now"
        )
    sent = [p.outbox_version for p in ledger.plans() if p.state in SENT_STATES]
    return max([wanted, *(version for version in sent if version <= newest)])


def numbered(
    ledger: Ledger,
    mapping: ConnectionMap,
    described: Description,
    version: int,
    today: dt.date | None,
) -> Plan:
    """The next plan, which says nothing yet."""
    plans = ledger.plans()
    return Plan(
        connection=mapping.connection,
        plan_number=plans[-1].plan_number + 1 if plans else 1,
        plan_id="",
        state="planned",
        at=dt.datetime.now(dt.UTC),
        crm_instance=described.instance,
        mapping_sha256=mapping.sha256,
        outbox_version=version,
        as_of_date=today,
        records=0,
        updates=0,
        clears=0,
        unchanged=0,
        blocked=0,
        calls=0,
    )


def written_down(
    ledger: Ledger,
    draft: Plan,
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    allow_mass_clear: bool,
) -> Plan:
    """Count and judge what was compared, and write it down as a plan, unless the newest one is not
    begun yet and says the same."""
    totals, quota = compare.totals(db, mapping), crm.quota()
    # all that differs is judged: what is spread over days is no smaller
    draft = limits.judged(draft, totals, mapping, allow_mass_clear)
    plans = ledger.plans()
    newest = plans[-1] if plans else None
    most = limits.affordable(totals.records, described, quota, mapping)
    # what was wrong is taken back as a whole, and may take more than a day
    if draft.kind == "deliver" and most < totals.records:
        totals = cut(db, mapping, most, totals, newest)
    draft = limits.measured(draft, totals, described, quota, mapping)
    draft = replace(draft, items_sha256=compare.digest(compare.batches(db)))
    if newest and newest.state in NOT_BEGUN:
        same = replace(draft, plan_number=newest.plan_number).named
        if same.plan_id == newest.plan_id and not limits.is_too_old(ledger, newest, mapping):
            return newest
    made = ledger.add(draft.named, compare.batches(db))
    log.info(
        "delivery plan %d for %s: %d %s, %d updates, %d clears, %d unchanged, %d blocked",
        *(made.plan_number, made.connection, made.records, mapping.what),
        *(made.updates, made.clears, made.unchanged, made.blocked),
    )
    return made


def cut(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    most: int,
    totals: Totals,
    newest: Plan | None,
) -> Totals:
    """Leave for another day what today's requests are not enough for.

    A newest plan of the same customers stays as it is, though asking has cost requests since.

    Args:
        most: how many customers they are enough for.
    """
    if newest and newest.state in NOT_BEGUN and most <= newest.records < totals.records:
        compare.put_off(db, newest.records)
        if compare.digest(compare.batches(db)) == newest.items_sha256:
            return compare.totals(db, mapping)
    log.warning(
        "%s: what is left of today's requests is enough for %d of %d %s: the others are "
        "blocked (over_budget) and come with the next plan",
        *(mapping.connection, most, totals.records, mapping.what),
    )
    compare.put_off(db, most)
    return compare.totals(db, mapping)
