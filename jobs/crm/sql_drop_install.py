"""What a destination table needs before scores are delivered to it, as SQL that one may read first.

The table with the fields that are delivered (one that is there gets what it lacks), a revision and
an instant that a trigger moves with every write, whoever writes, and the side table of batches.
"""

import uuid
from collections.abc import Sequence

from jobs.crm.access import Access
from jobs.crm.adapter import Field
from jobs.crm.fields import told_fields
from jobs.crm.sql_session import Session
from jobs.crm.sql_table import CHANGED_AT, REVISION, TRIGGER, Named
from jobs.sql import identifier, literal

TYPES = {
    "text": "text",
    "number": "numeric",
    "integer": "bigint",
    "date": "date",
    "timestamp": "timestamptz",
    "boolean": "boolean",
    "choice": "text",
}
DIGITS = 38  # of a number in all, where a scale is told


def install(access: Access, user: str = "", dry_run: bool = False) -> list[str]:
    """Make what is missing; returns the statements, which with `dry_run` are not run.

    They make nothing twice, and are one transaction. `fields` of the access's options are
    `name:kind`, see jobs/crm/fields.py; none: the table has all its fields.

    Args:
        access: of an administrator.
        user: the delivery's own, who gets the rights that it needs; it has to be there.

    Raises:
        CrmError: it is not allowed, or the database cannot be reached.
    """
    table, key = Named.of(access.options["table"]), access.options["key"]
    fields = list(told_fields(access.options.get("fields", "")).values())
    made = [*_table(table, key, fields), *_touched(table, key), *_marks(table)]
    if user:
        made += _rights(table, [key, *(field.name for field in fields)], user)
    if not dry_run:
        with Session(access).transaction() as work:
            for statement in made:
                work.run(statement)
    return made


def _table(table: Named, key: str, fields: Sequence[Field]) -> list[str]:
    made = [f"create table if not exists {table.sql} ({identifier(key)} text primary key)"]
    columns = [f"{identifier(field.name)} {_type(field)}" for field in fields if field.name != key]
    columns += [
        f"{REVISION} uuid not null default gen_random_uuid()",
        f"{CHANGED_AT} timestamptz not null default clock_timestamp()",
    ]
    return made + [f"alter table {table.sql} add column if not exists {each}" for each in columns]


def _type(field: Field) -> str:
    if field.kind == "text" and field.length is not None:
        return f"varchar({field.length})"
    if field.kind == "number" and field.scale is not None:
        return f"numeric({DIGITS}, {field.scale})"
    if field.choices:
        among = ", ".join(map(literal, field.choices))
        return f"text check ({identifier(field.name)} in ({among}))"
    return TYPES[field.kind]


def _touched(table: Named, key: str) -> list[str]:
    """Every write moves the revision to one that never was, also that of a row made anew."""
    function = Named(table.schema, f"{table.name}_{TRIGGER}").sql
    index = identifier(f"{table.name}_{CHANGED_AT}")
    return [
        f"""create or replace function {function}() returns trigger language plpgsql as $$
            begin
                new.{REVISION} := gen_random_uuid();
                new.{CHANGED_AT} := clock_timestamp();
                return new;
            end
        $$""",
        f"create or replace trigger {TRIGGER} before insert or update on {table.sql} "
        f"for each row execute function {function}()",
        f"create index if not exists {index} on {table.sql} ({CHANGED_AT}, {identifier(key)})",
    ]


def _marks(table: Named) -> list[str]:
    """The side table; its row `installed` is the table's name as a destination."""
    marks = table.marks.sql
    return [
        f"""create table if not exists {marks} (
            batch text primary key,
            state text not null check (state in ('installed', 'written', 'given_up')),
            told jsonb not null default '{{}}',
            at timestamptz not null default clock_timestamp()
        )""",
        f"insert into {marks} (batch, state) select '{uuid.uuid4().hex}', 'installed' "  # noqa: S608
        f"where not exists (select 1 from {marks} where state = 'installed')",
    ]


def _rights(table: Named, columns: Sequence[str], user: str) -> list[str]:
    """To read all, to write what is delivered, and nothing else."""
    names, to = ", ".join(map(identifier, columns)), identifier(user)
    delivered = ", ".join(map(identifier, columns[1:]))
    return [
        f"grant usage on schema {identifier(table.schema)} to {to}",
        f"grant select, insert ({names}) on {table.sql} to {to}",
        *([f"grant update ({delivered}) on {table.sql} to {to}"] if delivered else []),
        f"grant select, insert on {table.marks.sql} to {to}",
    ]
