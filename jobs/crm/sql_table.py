"""A table of PostgreSQL as a destination: its name in SQL, its columns, and the keys it keeps."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from jobs.crm.adapter import CrmError, Field, Kind
from jobs.crm.sql_session import Work
from jobs.sql import identifier

REVISION, CHANGED_AT = "sales_revision", "sales_changed_at"  # kept by the trigger, see sql_install
TRIGGER = "sales_touch"

KINDS: Mapping[str, Kind] = {
    "character varying": "text",
    "character": "text",
    "text": "text",
    "numeric": "number",
    "double precision": "number",
    "real": "number",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "boolean": "boolean",
}
WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")  # as PostgreSQL writes an integer
BIGGEST = 1 << 63  # of an integer of PostgreSQL, not reached

COLUMNS = """
    select column_name as name, data_type as type, udt_schema, udt_name,
           character_maximum_length as length, numeric_scale as scale,
           is_nullable = 'NO' and column_default is null and is_identity = 'NO'
               and is_generated = 'NEVER' as is_required,
           is_generated = 'NEVER' and coalesce(identity_generation, '') <> 'ALWAYS'
               and has_column_privilege($1::regclass, column_name, 'update') as is_writable,
           (select json_agg(label.enumlabel order by label.enumsortorder)::text
            from pg_catalog.pg_enum label
            join pg_catalog.pg_type kind on kind.oid = label.enumtypid
            join pg_catalog.pg_namespace home on home.oid = kind.typnamespace
            where kind.typname = udt_name and home.nspname = udt_schema) as choices
    from information_schema.columns
    where table_schema = $2 and table_name = $3
"""
# One column that is never null; an index that may wait for the commit cannot arbitrate.
KEYS = """
    select a.attname as name
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = $1::regclass and i.indisunique and i.indimmediate and i.indisvalid
      and i.indnkeyatts = 1 and i.indpred is null and i.indexprs is null and a.attnotnull
    order by i.indisprimary desc, a.attname
"""
READY = """
    select to_regclass($1) is not null as is_there, to_regclass($2) is not null as has_marks,
           exists (
               select 1 from pg_catalog.pg_trigger
               where tgrelid = to_regclass($1) and tgname = $3 and tgenabled in ('O', 'A')
           ) as has_trigger
"""


@dataclass(frozen=True)
class Named:
    """A table by its schema and name."""

    schema: str
    name: str

    @classmethod
    def of(cls, told: str) -> "Named":
        """`schema.table`, or a table of `public`."""
        schema, dot, name = told.partition(".")
        return cls(schema, name) if dot else cls("public", schema)

    @cached_property
    def sql(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    @property
    def marks(self) -> "Named":
        """The side table: what became of each batch."""
        return Named(self.schema, f"{self.name}_sales_batches")


@dataclass(frozen=True)
class Table:
    """What the catalog says of a table.

    `casts` are the columns' types as SQL names them, without a length: a cast to one cuts texts.
    `keys` are columns that are each unique and never empty.
    """

    fields: Mapping[str, Field]
    casts: Mapping[str, str]
    keys: tuple[str, ...]

    def field(self, name: str) -> Field:
        return self.fields.get(name, Field(name, "text"))

    def cast(self, name: str) -> str:
        return self.casts.get(name, "text")

    def fits(self, name: str, key: str) -> bool:
        """Whether a text can be looked for in a column at all."""
        if self.field(name).kind == "integer":
            return bool(WHOLE.fullmatch(key)) and abs(int(key)) < BIGGEST
        return "\x00" not in key

    def among(self, name: str) -> str:
        """SQL: whether a column has one of the values of a JSON array in $1."""
        kind, column = self.field(name).kind, f"t.{identifier(name)}"
        told = "select x{} from jsonb_array_elements_text($1::jsonb) x"
        if kind == "integer":
            return f"{column} = any({told.format('::bigint')})"
        # what is neither is found by how it is written
        return f"{column if kind == 'text' else f'{column}::text'} = any({told.format('')})"


def described(work: Work, of: Named, key: str) -> Table:
    """Read the catalog.

    Raises:
        CrmError: the table is not there, or not made ready, or does not keep the key.
    """
    (ready,) = work.run(READY, of.sql, of.marks.sql, TRIGGER)
    if not ready["is_there"]:
        raise CrmError("permission", f"{of.sql} is not there, or not ours to see: install it")
    if not (ready["has_marks"] and ready["has_trigger"]):
        lacks = f"trigger {TRIGGER}" if ready["has_marks"] else f"table {of.marks.sql}"
        raise CrmError("data", f"{of.sql} has no {lacks}: install it (docs/drops.md)")
    found = {
        row["name"]: row
        for row in work.run(COLUMNS, of.sql, of.schema, of.name)
        if row["name"] not in (REVISION, CHANGED_AT)
    }
    keys = tuple(row["name"] for row in work.run(KEYS, of.sql) if row["name"] in found)
    if key not in keys:
        raise CrmError(
            "data",
            f"{of.sql}: column {key} is not kept unique and filled: make it the primary key, or "
            f"name one of these as `key`: {', '.join(keys) or 'there is none'}",
        )
    fields = {name: _field(row) for name, row in found.items()}
    if fields[key].kind not in ("text", "integer"):
        raise CrmError("data", f"{of.sql}: key {key} must be a text or an integer")
    casts = {
        name: f"{identifier(row['udt_schema'])}.{identifier(row['udt_name'])}"
        for name, row in found.items()
    }
    return Table(fields, casts, keys)


def _field(row: Mapping[str, object]) -> Field:
    choices = json.loads(str(row["choices"])) if row["choices"] else []
    kind: Kind = "choice" if choices else KINDS.get(str(row["type"]), "other")
    length, scale = row["length"], row["scale"]
    return Field(
        name=str(row["name"]),
        kind=kind,
        length=length if isinstance(length, int) else None,
        scale=scale if kind == "number" and isinstance(scale, int) else None,
        choices=tuple(choices),
        is_writable=bool(row["is_writable"]),
        is_required=bool(row["is_required"]),
    )
