"""Take a plan back: a plan of its own, which puts the old values back where the field is ours.

What a person changed since stays theirs, and what a later plan wrote stays, also where it wrote the
same. Who objects or is held out today gets nothing back, and no value that has expired comes back:
these fields are emptied. Customers that the plan created are emptied and listed, not deleted. The
connection is paused until a person resumes it: the next delivery would bring the same values again.
"""

import datetime as dt
import getpass
from dataclasses import replace

import duckdb

from jobs import lake
from jobs.crm.adapter import Adapter, Description
from jobs.delivery import compare, mirror, state, subjects
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.controls import Controls
from jobs.delivery.entries import SCORES
from jobs.delivery.gathering import note_tasks
from jobs.delivery.ledger import DeliveryError, Ledger, Plan, writer
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.plan import numbered, written_down
from jobs.delivery.scratch import load, scratch
from jobs.delivery.tasks import REACHED
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
        if mapping.customers:
            note_tasks(db, mapping, crm, described)
            raise DeliveryError(left_to_people(ledger, chosen))
        gather(db, mapping, crm, described, ledger, chosen)
        compare_back(db, mapping)
        draft = replace(
            numbered(ledger, mapping, described, chosen.outbox_version, chosen.as_of_date),
            kind="revert",
            reverts=chosen.plan_id,
            requester=person,
        )
        # that many lose their values is what was asked for
        return written_down(ledger, draft, db, mapping, crm, described, allow_mass_clear=True)


def left_to_people(ledger: Ledger, plan: Plan) -> str:
    """What is said of tasks: none is taken back."""
    made = sum(event in REACHED for event in ledger.outcomes(plan.plan_id).values())
    return (
        f"plan {plan.plan_number} made {made:,} tasks, which are their salespeople's now: none is "
        f"taken back, people put them aside; {plan.connection} is paused and makes no more until "
        f"`resume --connection {plan.connection}`; they are listed in ops.crm_tasks"
    )


def gather(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    ledger: Ledger,
    plan: Plan,
) -> None:
    """Load what the plan sent, what others did before and after it, and the CRM as it is now."""
    mine = f"connection = {literal(mapping.connection)}"
    state.refreshed(db, mapping.connection, plan.crm_instance)
    values = "account_id varchar, field varchar, old_value varchar, new_value varchar"
    of_plan = f"{mine} and plan_id = {literal(plan.plan_id)} and action <> 'blocked'"
    columns = f"plan_id varchar, action varchar, {values}"
    load(db, "sent_items", "ops.crm_plan_items", columns, of_plan)
    load_later(db, ledger, plan)
    today = subjects.business_day(SCORES, lake.version(SCORES))
    subjects.load_barred(db, today)
    touched = "from state where account_id in (select account_id from sent_items)"
    ids = db.sql(f"select distinct record_id {touched} and record_id <> ''").fetchall()
    mirror.reread(db, mapping, crm, described, [row[0] for row in ids])
    db.execute(f"""
        create or replace table matched as
        select account_id, any_value(s.record_id) as record_id,
               case when any_value(m.record_id) is null then 'not_in_crm' end as why
        from (select account_id, record_id {touched}) s
        left join mirror m on m.record_id = s.record_id and m.is_active
        group by account_id
    """)  # noqa: S608 our own
    load_expired(db, mapping, ledger, plan, today)


def load_later(db: duckdb.DuckDBPyConnection, ledger: Ledger, plan: Plan) -> None:
    """Load `later`: the fields that plans after this one have written, with whatever value."""
    mine = f"connection = {literal(plan.connection)}"
    plans = [
        later.plan_id
        for later in ledger.plans()
        if later.plan_number > plan.plan_number
        and later.crm_instance == plan.crm_instance
        and (later.kind == "deliver" and later.state in REVERTIBLE)  # and was not taken back
    ]
    of = f"{mine} and {lake.one_of('plan_id', plans)}"
    key = "plan_id varchar, account_id varchar"
    load(db, "written", "ops.crm_deliveries", key, f"{of} and event = 'written'")
    load(
        db, "meant", "ops.crm_plan_items", f"{key}, field varchar", f"{of} and action <> 'blocked'"
    )
    db.execute("""
        create or replace table later as
        select distinct account_id, field from meant join written using (plan_id, account_id)
    """)


def load_expired(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    ledger: Ledger,
    plan: Plan,
    today: dt.date | None,
) -> None:
    """Load `expired`: the fields whose old values are ours, and hold no more: how long, the CRM
    shows itself."""
    until, day = mapping.until_field, literal(str(today or dt.date.min))
    shown = f"r.fields[{literal(until)}]" if until else "null"
    db.execute(f"""
        create or replace table over as
        select distinct i.account_id
        from sent_items i
        join matched m on m.account_id = i.account_id and m.why is null
        join mirror r on r.record_id = m.record_id
        left join sent_items u on u.account_id = i.account_id and u.field = {literal(until or "")}
        where try_cast(
            case when u.account_id is null then {shown} else u.old_value end as date
        ) < {day}::date
    """)  # noqa: S608 quoted
    before = [p.plan_id for p in ledger.plans() if p.plan_number < plan.plan_number]
    told = f"connection = {literal(plan.connection)} and {lake.one_of('plan_id', before)}"
    columns = "account_id varchar, field varchar, new_value varchar"
    is_any = db.sql("select 1 from over limit 1").fetchall()
    load(db, "before", "ops.crm_plan_items", columns, told if is_any else "false")
    db.execute("""
        create or replace table expired as
        select distinct i.account_id, i.field, 'expired' as expired
        from sent_items i
        join over using (account_id)
        join (
            from before union all select account_id, field, echo from echoes
        ) ours on ours.account_id = i.account_id and ours.field = i.field
              and ours.new_value = i.old_value
    """)


def compare_back(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """The old values, where the field still shows what this plan wrote."""
    key = literal(mapping.create_by.field)
    now = mirror.shown_in(mapping, "i.field")
    db.execute(f"""
        create or replace table items as
        with told as (
            select i.account_id, t.record_id, i.field, i.action, {now} as now,
                   i.old_value, coalesce(b.why, {_unwanted(mapping)}) as barred,
                   e.expired, l.field is not null or t.plan_id <> i.plan_id
                       and {now} is distinct from i.new_value as is_later,
                   t.value, t.echo, t.has_echo, t.maybe, t.is_written
            from sent_items i
            join state t on t.account_id = i.account_id and t.field = i.field
            join matched m on m.account_id = i.account_id and m.why is null
            join mirror r on r.record_id = m.record_id
            left join barred b on b.account_id = i.account_id
            left join later l on l.account_id = i.account_id and l.field = i.field
            left join expired e on e.account_id = i.account_id and e.field = i.field
            where i.field <> {key} or i.action <> 'create'
        ),
        shown as (
            select *, case when coalesce(barred, expired) is null then old_value end as back
            from told
        ),
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
               coalesce(why, barred, expired,
                        case when action = 'create' then 'created_by_the_plan' end) as reason
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
