"""Take a plan back: a plan of its own, which puts the old values back where the field is ours.

What a person changed since stays theirs, and what a later plan wrote stays. Who objects or is held
out today gets nothing back: their fields are emptied. Customers that the plan created are emptied
and listed, not deleted. The connection is paused until a person resumes it: the next delivery would
bring the same values again.
"""

import getpass
from dataclasses import replace

import duckdb

from jobs import lake
from jobs.crm.adapter import Adapter, Description
from jobs.delivery import compare, mirror, state, subjects
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.controls import Controls
from jobs.delivery.ledger import DeliveryError, Plan, writer
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.plan import business_day, numbered, written_down
from jobs.delivery.scratch import load, scratch
from jobs.delivery.subjects import OUTBOX
from jobs.sql import literal

REVERTIBLE = ("applying", "partly", "applied")


def revert(
    connection: str,
    plan: str | None = None,
    crm: Adapter | None = None,
    requester: str | None = None,
) -> Plan:
    """Plan what takes a plan back, and pause the connection; `apply` then sends it.

    Args:
        plan: its id or the beginning of it, or its number; null: the newest.
        crm: null: the connection's own.
        requester: who asks for it; null: the user of this machine.

    Raises:
        DeliveryError: there is no such plan, or nothing of it was sent.
        Busy: another delivery is at work.
        CrmError: the CRM cannot be asked.
    """
    mapping = mappings.load(connection)
    crm = crm or connect(mapping)
    described = crm.describe()
    person = requester or getpass.getuser()
    with writer(connection) as ledger, scratch() as db:
        chosen = ledger.plan(plan)
        if chosen.state not in REVERTIBLE:
            raise DeliveryError(f"plan {chosen.plan_number} is {chosen.state}: nothing was sent")
        Controls(connection).say("pause", person, f"plan {chosen.plan_number} is taken back")
        ledger.settle(crm, described.instance, mapping.create_by.field)
        gather(db, mapping, crm, described, chosen)
        compare_back(db, mapping)
        draft = replace(
            numbered(ledger, mapping, described, chosen.outbox_version, chosen.as_of_date),
            kind="revert",
            reverts=chosen.plan_id,
            requester=person,
        )
        # that many lose their values is what was asked for
        return written_down(ledger, draft, db, mapping, crm, described, allow_mass_clear=True)


def gather(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    plan: Plan,
) -> None:
    """Load what the plan sent, and the CRM as it is now."""
    mine = f"connection = {literal(mapping.connection)} and plan_id = {literal(plan.plan_id)}"
    state.refreshed(db, mapping.connection, plan.crm_instance)
    columns = (
        "plan_id varchar, account_id varchar, field varchar, action varchar, old_value varchar, "
        "new_value varchar"
    )
    load(db, "sent_items", "ops.crm_plan_items", columns, f"{mine} and action <> 'blocked'")
    keys = [r[0] for r in db.sql("select distinct account_id from sent_items").fetchall()]
    mirror.refreshed(db, mapping, crm, described, keys)
    subjects.load_barred(db, business_day(lake.version(OUTBOX)))
    db.execute("""
        create or replace table matched as
        select account_id, any_value(s.record_id) as record_id,
               case when any_value(m.record_id) is null then 'not_in_crm' end as why
        from state s left join mirror m on m.record_id = s.record_id and m.is_active
        where account_id in (select account_id from sent_items)
        group by account_id
    """)


def compare_back(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """The old values, where the field still shows what this plan wrote."""
    key = literal(mapping.create_by.field)
    db.execute(f"""
        create or replace table items as
        with told as (
            select i.account_id, t.record_id, i.field, i.action, r.fields[i.field] as now,
                   i.old_value, coalesce(b.why, {_unwanted(mapping)}) as barred,
                   t.plan_id <> i.plan_id and r.fields[i.field] is distinct from i.new_value
                       as is_later, t.value, t.echo, t.has_echo, t.maybe, t.is_written
            from sent_items i
            join state t on t.account_id = i.account_id and t.field = i.field
            join matched m on m.account_id = i.account_id and m.why is null
            join mirror r on r.record_id = m.record_id
            left join barred b on b.account_id = i.account_id
            where i.field <> {key} or i.action <> 'create'
        ),
        shown as (select *, case when barred is null then old_value end as back from told),
        judged as (
            select *,
                   case when barred is null and is_later then 'delivered_by_a_later_plan'
                        when {compare.is_ours("now")} then null
                        when now is null then 'cleared_by_a_person'
                        else 'edited_by_a_person' end as why
            from shown
            where now is distinct from back
        )
        select account_id, record_id, field,
               case when why is not null then 'blocked'
                    when back is null then 'clear' else 'update' end as action,
               now as old_value, back as new_value,
               coalesce(why, barred, case when action = 'create' then 'created_by_the_plan' end)
                   as reason
        from judged
    """)  # noqa: S608 quoted


def _unwanted(mapping: ConnectionMap) -> str:
    """SQL: why a field must not be shown, as the CRM says it of the customer; null: it may be."""
    whens = [
        f"when i.field = {literal(field)} and r.fields[{literal(said.field)}] = "
        f"{literal(said.value)} then {literal(reason)}"
        for field in mapping.fields
        for reason, said in mapping.unwanted(field)
    ]
    return f"case {' '.join(whens)} end" if whens else "null"
