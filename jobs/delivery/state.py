"""What counts as ours in the CRM, in ops.crm_state: folded from the ledger, and made anew from it.

A field is ours if it shows the value that was written last, the CRM's own form of that value, or
one that was sent later and of which no answer came.
"""

import duckdb

from jobs import lake
from jobs.delivery.scratch import keep, load
from jobs.sql import literal

NAME = "ops.crm_state"
# after these the CRM may show what was sent: a record that it refuses may be written in part
REACHED = ("written", "unknown", "data", "permission", "transient")
COLUMNS = (
    "account_id varchar, field varchar, record_id varchar, is_written boolean, value varchar, "
    "maybe varchar[], echo varchar, has_echo boolean, plan_id varchar, sequence bigint, "
    '"at" timestamptz'
)

# Rows that are folded at once: what grows with each group of an aggregate cannot be put on disk.
SLICE = 500_000

# An old row stands for the events that made it: the written value, then what was sent after it.
FOLD = """
insert into state
with events as (
    select account_id, field, record_id, value, 'written' as event, 2 * sequence as place,
           plan_id, sequence, "at"
    from old where is_written and {slice}
    union all
    select account_id, field, record_id, unnest(maybe), 'unknown', 2 * sequence + 1,
           plan_id, sequence, "at"
    from old where {slice}
    union all
    select e.account_id, i.field, e.record_id, i.new_value,
           case when e.event = 'written' then e.event else 'unknown' end, 2 * e.sequence,
           e.plan_id, e.sequence, e."at"
    from (from reached where {slice}) e
    join (from sent where {slice}) i on i.plan_id = e.plan_id and i.account_id = e.account_id
),
written as (
    select account_id, field, max(place) as place, arg_max_null(value, place) as value
    from events where event = 'written' group by all
),
newest as (
    select account_id, field,
           arg_max(record_id, place) as record_id, arg_max(plan_id, place) as plan_id,
           max(sequence) as sequence, max("at") as "at"
    from events group by all
),
unsure as (
    select e.account_id, e.field, list(e.value order by e.place) as maybe
    from events e left join written w on w.account_id = e.account_id and w.field = e.field
    where e.event = 'unknown' and e.place > coalesce(w.place, -1)
    group by all
)
select n.account_id, n.field, n.record_id, w.place is not null as is_written, w.value,
       coalesce(u.maybe, []) as maybe, null::varchar as echo, false as has_echo, n.plan_id,
       n.sequence, n."at"
from newest n
left join written w on w.account_id = n.account_id and w.field = n.field
left join unsure u on u.account_id = n.account_id and u.field = n.field
"""

ECHO = """
update state set echo = shown.echo, has_echo = true
from (
    select account_id, field, value, arg_max_null(echo, "at") as echo from echoes group by all
) as shown
where shown.account_id = state.account_id and shown.field = state.field
  and shown.value is not distinct from state.value
"""


def refreshed(
    db: duckdb.DuckDBPyConnection, connection: str, instance: str, is_writer: bool = True
) -> None:
    """Fold in what was delivered since, write it down as its writer, and load it as `state`."""
    mine = f"connection = {literal(connection)}"
    here = f"{mine} and crm_instance = {literal(instance)}"
    load(db, "old", NAME, COLUMNS, here)
    (seen,) = db.sql("select coalesce(max(sequence), 0) from old").fetchall()[0]
    reached = f"{here} and {lake.one_of('event', REACHED)} and sequence > {seen}"
    events = "plan_id varchar, account_id varchar, record_id varchar, event varchar"
    load(
        db, "reached", "ops.crm_deliveries", f'{events}, sequence bigint, "at" timestamptz', reached
    )
    plans = [row[0] for row in db.sql("select distinct plan_id from reached").fetchall()]
    sent = f"{mine} and action <> 'blocked' and {lake.one_of('plan_id', plans)}"
    values = "plan_id varchar, account_id varchar, field varchar, new_value varchar"
    load(db, "sent", "ops.crm_plan_items", values, sent)
    shown = "plan_id varchar, account_id varchar, field varchar, value varchar, echo varchar"
    load(db, "echoes", "ops.crm_echoes", f'{shown}, "at" timestamptz', here)
    _fold(db)
    db.execute(ECHO)
    if is_writer and db.sql("select * from state except select * from old limit 1").fetchall():
        keep(db, "state", NAME, connection, instance)


def _fold(db: duckdb.DuckDBPyConnection) -> None:
    """Make `state`, a part of the accounts after another."""
    [(rows,)] = db.sql("select (from old select count(*)) + (from sent select count(*))").fetchall()
    parts = rows // SLICE + 1
    db.execute(f"create or replace table state ({COLUMNS})")
    for part in range(parts):
        db.execute(FOLD.format(slice=f"hash(account_id) % {parts} = {part}"))
