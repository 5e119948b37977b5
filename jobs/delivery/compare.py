"""The outbox against the CRM's records and against what was delivered: who is whose, what differs.

All of it is sets, so it is SQL. Tables of the scratch database:

subjects  one row per customer of the outbox, and per one that it has no more but who was delivered:
          why it is gone (null: it is not), the keys k0, k1, … of the ladder, and for each field n
          of the mapping the canonical text vn, or en: why it cannot be one
mirror    the CRM's records; state: what counts as ours; released, dead: what was said of it
matched   one row per customer: its record, or why there is none
seen      one row per customer whose record is there, with what the record shows in o0, o1, …
made      of tasks: those that the ledger knows of
items     one row per customer and field that is to change or is blocked
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs.delivery.entries import ID, FieldMap, Rung
from jobs.delivery.ledger import ITEM_COLUMNS
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import stream
from jobs.sql import literal

MERGES = 8  # of one record into the next, followed at most
NULL, FIELD_END, ROW_END = "\x00", "\x1f", "\x1e"  # no text of a CRM has them


@dataclass(frozen=True)
class Totals:
    """What a comparison came to, as in ops.crm_plans."""

    customers: int
    graded: int  # of them: with a grade there
    ours: int  # of them: with a value of ours
    records: int
    creates: int
    updates: int
    clears: int
    unchanged: int
    blocked: int
    cleared: int
    flips: int
    leaps: int


def match(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """Find the record of each customer by the ladder, one to one both ways."""
    db.execute("create or replace table pairs (account_id varchar, record_id varchar)")
    for n, rung in enumerate(mapping.match):
        shown = f"m.{_shown(rung)}"
        db.execute(f"""
            insert into pairs
            select s.account_id, m.record_id from subjects s
            join mirror m on m.is_active and {shown} = s.k{n} {_free(mapping, rung)}
            where s.account_id not in (select account_id from pairs)
        """)  # noqa: S608 quoted
    _follow_merges(db, mapping)
    # one that left the outbox has no keys any more
    db.execute("""
        insert into pairs
        select s.account_id, any_value(t.record_id) from subjects s
        join state t on t.account_id = s.account_id
        join mirror m on m.record_id = t.record_id and m.is_active
        where s.gone = 'vanished' and s.account_id not in (select account_id from pairs)
        group by s.account_id
    """)
    db.execute("""
        create or replace table matched as
        with claims as (
            select p.*, s.gone is not distinct from 'vanished' as is_old,
                   count(*) over (partition by p.account_id) as records
            from pairs p join subjects s on s.account_id = p.account_id
        ),
        held as (
            select record_id, count(distinct account_id) filter (not is_old) as claimed,
                   count(distinct account_id) as ever_claimed
            from claims group by record_id
        ),
        judged as (
            select c.account_id, any_value(c.record_id) as record_id, any_value(c.is_old) as is_old,
                   max(c.records) as records, max(h.claimed) as claimed,
                   max(h.ever_claimed) as ever_claimed
            from claims c join held h on h.record_id = c.record_id
            group by c.account_id
        )
        select s.account_id, s.gone,
               case when j.records = 1 then j.record_id end as record_id,
               case when j.account_id is null then 'not_in_crm'
                    when j.records > 1 then 'several_in_crm'
                    when j.claimed > 1 or (j.is_old and j.ever_claimed > 1) then 'shared_in_crm'
               end as why
        from subjects s left join judged j on j.account_id = s.account_id
    """)


def _free(mapping: ConnectionMap, rung: Rung) -> str:
    """SQL: what is found by an address is not somebody else's by our own key: a household shares
    one address."""
    if not rung.is_contact:
        return ""
    own = f"m.{_shown(mapping.match[0])}"
    return f"""
        and m.record_id not in (select record_id from pairs)
        and ({own} is null or {own} not in (select account_id from contacts))
    """  # noqa: S608 quoted


def _shown(rung: Rung) -> str:
    """SQL: what a record shows where the rung looks."""
    return "record_id" if rung.field == ID else f"fields[{literal(rung.field)}]"


def _follow_merges(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """Who was merged into another record is looked for there."""
    shown = _shown(mapping.match[0])
    db.execute("""
        create or replace table survivors as
        select record_id, merged_into, is_active from mirror where merged_into is not null
    """)
    for _ in range(MERGES):
        db.execute("""
            update survivors set merged_into = next.merged_into
            from mirror next
            where next.record_id = survivors.merged_into and next.merged_into is not null
        """)
    db.execute(f"""
        insert into pairs
        select distinct s.account_id, e.record_id from subjects s
        join mirror m on m.{shown} = s.k0
        join survivors v on v.record_id = m.record_id
        join mirror e on e.record_id = v.merged_into and e.is_active
        where s.account_id not in (select account_id from pairs)
    """)  # noqa: S608 quoted


def compare(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """Decide field by field, and gather what is to change or is blocked."""
    db.execute("""
        create or replace table items (
            account_id varchar, record_id varchar, field varchar, action varchar,
            old_value varchar, new_value varchar, reason varchar
        )
    """)
    if mapping.mode == "create_only":
        _once(db, mapping)
        _leave_dead(db)
        return
    is_creating = mapping.mode == "create"
    shown = _look(db, mapping)
    for n, (field, of) in enumerate(mapping.fields.items()):
        db.execute(f"insert into items {_decided(mapping, n, field, of, shown)}")
        if is_creating:
            db.execute(f"insert into items {_created(n, field)}")
    if is_creating:
        db.execute(f"insert into items {_created_by(mapping)}")
    missing = "and why <> 'not_in_crm'" if is_creating else ""
    db.execute(f"""
        insert into items
        select account_id, null, '*', 'blocked', null, null, why
        from matched where why is not null and gone is distinct from 'vanished' {missing}
    """)  # noqa: S608 our own
    _leave_dead(db)


def _once(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> None:
    """What is not there is made, if it never was; what is there is no more ours."""
    db.execute("""
        update matched set why = 'made_before'
        from subjects s
        where s.account_id = matched.account_id and matched.why = 'not_in_crm'
          and s.k0 in (select task_key from made)
    """)
    for n, field in enumerate(mapping.fields):
        db.execute(f"insert into items {_created(n, field)}")
    # nobody would fill it later: what lacks a field is not made
    db.execute("""
        update matched set why = 'unfit' where account_id in (select account_id from items
                                                              where action = 'blocked')
    """)
    db.execute("""
        delete from items where action = 'create'
        and account_id in (select account_id from matched where why = 'unfit')
    """)
    db.execute(f"insert into items {_created_by(mapping)}")
    db.execute("""
        insert into items
        select account_id, null, '*', 'blocked', null, null,
               case when why = 'not_in_crm' then gone else why end
        from matched
        where why is not null and why <> 'unfit' and (why <> 'not_in_crm' or gone is not null)
    """)


def _look(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> dict[str, str]:
    """Make `seen`, once for all fields: field → its column there."""
    asked = [said.field for field in mapping.fields for _, said in mapping.unwanted(field)]
    names = dict.fromkeys([*mapping.fields, *asked])
    columns = {name: f"o{n}" for n, name in enumerate(names)}
    shown = ", ".join(f"r.fields[{literal(name)}] as {column}" for name, column in columns.items())
    db.execute(f"""
        create or replace table seen as
        select s.*, m.record_id, {shown}
        from matched m
        join subjects s on s.account_id = m.account_id
        join mirror r on r.record_id = m.record_id
        where m.why is null
    """)  # noqa: S608 quoted
    return columns


def _decided(
    mapping: ConnectionMap, n: int, field: str, of: FieldMap, shown: Mapping[str, str]
) -> str:
    """The items of one field of the records that are there. Args: shown: as `_look` gives it."""
    name = literal(field)
    reasons = ["s.gone"] + [
        f"case when s.{shown[said.field]} = {literal(said.value)} then {literal(reason)} end"
        for reason, said in mapping.unwanted(field)
    ]
    return f"""
        with freed as (
            select account_id, max("at") as "at" from released
            where coalesce(field, {name}) = {name} group by account_id
        ),
        shown as (
            select s.account_id, s.record_id, s.{shown[field]} as old,
                   coalesce({", ".join(reasons)}) as gone, s.v{n} as given, s.e{n} as fault,
                   t.account_id is not null as is_known, t.is_written, t.value, t.maybe, t.echo,
                   t.has_echo,
                   coalesce(greatest(l."at", (select max("at") from freed where account_id is null))
                            > coalesce(t."at", timestamptz 'epoch'), false) as is_released
            from seen s
            left join state t on t.account_id = s.account_id and t.field = {name}
            left join freed l on l.account_id = s.account_id
        ),
        meant as (
            select *, case when gone is null then given end as new,
                   case when gone is null then fault end as unfit,
                   {is_ours("old")} as is_ours
            from shown
        ),
        judged as (
            select *, coalesce(unfit, {_kept(of)}) as why from meant
            where unfit is not null
               or not (old is not distinct from new
                       or coalesce(has_echo and old is not distinct from echo
                                   and value is not distinct from new, false))
        )
        select account_id, record_id, {name},
               case when why is not null then 'blocked'
                    when new is null then 'clear' else 'update' end,
               old, new, coalesce(why, gone)
        from judged
    """  # noqa: S608 quoted


def is_ours(shown: str) -> str:
    """SQL over columns of `state`: whether a column shows what we wrote, or may have written."""
    return f"""(
        coalesce(is_written and {shown} is not distinct from value, false)
        or coalesce(has_echo and {shown} is not distinct from echo, false)
        or coalesce(list_contains(
            list_transform(maybe, lambda x: coalesce(x, chr(0))), coalesce({shown}, chr(0))
        ), false)
    )"""


def _kept(of: FieldMap) -> str:
    """SQL: why a field is left to the salesperson; null: it is ours to write."""
    if of.ownership == "always":  # what we never wrote is not ours to clear
        return """
            case when gone is not null and not (coalesce(is_written, false) or is_ours)
                 then 'filled_by_a_person' end
        """
    if of.ownership == "if_empty":
        return """
            case when old is null or is_released or (gone is not null and is_ours) then null
                 else 'not_empty' end
        """
    return """
        case when is_released or is_ours then null
             when not is_known then case when old is not null then 'filled_by_a_person' end
             when old is null then case when is_written then 'cleared_by_a_person' end
             else 'edited_by_a_person' end
    """


def _created(n: int, field: str) -> str:
    """The items of one field of the records that are to be created."""
    return f"""
        select account_id, null, {literal(field)},
               case when s.e{n} is null then 'create' else 'blocked' end, null, s.v{n}, s.e{n}
        from matched join subjects s using (account_id)
        where why = 'not_in_crm' and s.gone is null and (s.v{n} is not null or s.e{n} is not null)
    """  # noqa: S608 quoted


def _created_by(mapping: ConnectionMap) -> str:
    """The items of the key of the records that are to be created."""
    return f"""
        select account_id, null, {literal(mapping.create_by.field)}, 'create', null, k0, null
        from matched join subjects s using (account_id)
        where why = 'not_in_crm' and s.gone is null and s.k0 is not null
    """  # noqa: S608 quoted


def _leave_dead(db: duckdb.DuckDBPyConnection) -> None:
    """What the CRM refused is not sent again as long as it says the same."""
    db.execute("""
        create or replace table again as
        select i.account_id from items i
        join (select distinct account_id from dead) using (account_id)
        left join dead d on d.account_id = i.account_id and d.field = i.field
                        and d.new_value is not distinct from i.new_value
        where i.action <> 'blocked'
        group by i.account_id having count(*) = count(d.account_id)
    """)
    db.execute("""
        update items set action = 'blocked', reason = 'dead_letter'
        where action <> 'blocked' and account_id in (select account_id from again)
    """)


def put_off(db: duckdb.DuckDBPyConnection, most: int) -> None:
    """Leave all but so many customers for another day; those that lose a value come first."""
    db.execute(f"""
        update items set action = 'blocked', reason = 'over_budget'
        where action <> 'blocked' and account_id in (
            select account_id from items where action <> 'blocked' group by account_id
            order by bool_or(action = 'clear') desc, account_id offset {most}
        )
    """)  # noqa: S608 a number


def totals(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> Totals:
    grade = literal(mapping.grade_field or "")
    shown = f"fields[{grade}]" if mapping.grade_field else "null"
    told = db.sql(f"""
        with fields as (
            select count(*) filter (action = 'update') as updates,
                   count(*) filter (action = 'clear') as clears,
                   count(*) filter (action = 'blocked') as blocked,
                   count(distinct account_id) filter (action <> 'blocked') as records,
                   count(distinct account_id) filter (action = 'create') as creates,
                   count(*) filter (field <> '*' and action <> 'create' and record_id is not null)
                       as touched
            from items
        ),
        emptied as (
            select count(*) as cleared from (
                select account_id from items
                where action <> 'blocked'
                  and account_id in (select account_id from state where value is not null)
                group by account_id having count(*) = count(*) filter (action = 'clear')
            )
        ),
        grades as (
            select count(*) as flips,
                   count(*) filter (abs(ascii(old_value) - ascii(new_value)) > 1) as leaps
            from items
            where action = 'update' and field = {grade} and old_value <> new_value
        ),
        there as (
            select count(*) as customers,
                   count(*) filter ({shown} is not null) as graded
            from matched join mirror using (record_id) where why is null
        ),
        ours as (select count(distinct account_id) as ours from state where value is not null)
        select customers, graded, ours, records, creates, updates, clears,
               customers * {len(mapping.fields)} - touched as unchanged, blocked, cleared,
               flips, leaps
        from fields, emptied, grades, there, ours
    """)  # noqa: S608 quoted
    return Totals(**dict(zip(told.columns, told.fetchall()[0], strict=True)))


def batches(db: duckdb.DuckDBPyConnection) -> pa.RecordBatchReader:
    """The items in their order."""
    names = ", ".join(ITEM_COLUMNS)
    return stream(db, f"select {names} from items order by account_id, field")  # noqa: S608


def digest(items: Iterator[pa.RecordBatch] | pa.RecordBatchReader) -> str:
    """sha256 of items in their order, however they are cut into batches."""
    told = hashlib.sha256()
    for batch in items:
        columns: list[Any] = [batch.column(name).cast(pa.string()) for name in ITEM_COLUMNS]
        lines = pc.binary_join_element_wise(*(pc.fill_null(c, NULL) for c in columns), FIELD_END)
        whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
        one: Any = pc.binary_join(whole, ROW_END)
        told.update(one[0].as_buffer())
        told.update(ROW_END.encode() if len(lines) else b"")
    return told.hexdigest()
