"""The CRM's records as read last, in ops.crm_mirror: brought up to date before a plan compares.

What was written since is read by the CRM's own clock. What left no trace there (a record deleted,
a write that came to light late) is found by reading everything, every `reconcile_hours`.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs import lake
from jobs.crm.adapter import Adapter, Description, Record
from jobs.delivery import contact_keys
from jobs.delivery.entries import ID
from jobs.delivery.ledger import Ledger
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import ROWS, insert, keep
from jobs.sql import identifier, literal

log = logging.getLogger(__name__)

NAME = "ops.crm_mirror"
# a write carries the instant at which its transaction began, and is seen when that has ended
OVERLAP = dt.timedelta(minutes=10)
NAMES = ("record_id", "is_active", "merged_into", "changed_at", "fields", "read_all_at")
TEXTS, INSTANT = pa.map_(pa.string(), pa.string()), pa.timestamp("us", "UTC")


def refreshed(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    keys: Collection[str],
    is_writer: bool = True,
) -> int:
    """Bring the mirror up to date and load it as `mirror`; returns the number of records read.

    Args:
        keys: customers to ask for, where the CRM does not list its records.
        is_writer: of the connection, who writes it down too.
    """
    instance, now = described.instance, dt.datetime.now(dt.UTC)
    is_whole = as_kept(db, mapping, instance)
    since = read_from(db, mapping, crm, now) if described.can_list and is_whole else None
    if not described.can_list:
        records: Iterable[Record] = asked(db, mapping, crm, keys)
    else:
        records = crm.read(mapping.read_fields, since)
    count = taken(db, mapping, without_contacts(mapping, records), now)
    if since is None:
        db.execute("drop table mirror")
        db.execute("alter table news rename to mirror")
    elif not without_gone(db, mapping, crm) and not differing(db):
        return count
    else:
        merge(db)
    if is_writer:
        keep(db, "mirror", NAME, mapping.connection, instance)
    log.info("%s: %d records of the CRM read since %s", mapping.connection, count, since or "ever")
    return count


def reread(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    ids: Collection[str],
) -> int:
    """The same for one who asks about some records only: a CRM that does not list its records is
    asked for no others.

    Args:
        ids: of the records.
    """
    if described.can_list:
        return refreshed(db, mapping, crm, described, ())
    as_kept(db, mapping, described.instance)
    records = crm.get(ids, mapping.read_fields).values()
    count = taken(db, mapping, without_contacts(mapping, records), dt.datetime.now(dt.UTC))
    db.register("asked_for", pa.table({"record_id": pa.array([*ids], pa.string())}))
    db.execute("delete from mirror where record_id in (select record_id from asked_for)")
    db.unregister("asked_for")
    db.execute("insert into mirror select * from news")
    keep(db, "mirror", NAME, mapping.connection, described.instance)
    return count


def as_kept(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, instance: str) -> bool:
    """Load `mirror` as it was written down last; returns whether it has the fields that are
    mapped."""
    db.execute(f"create or replace table mirror ({_columns(mapping)})")
    if not lake.exists(NAME):
        return False
    of = f"connection = {literal(mapping.connection)} and crm_instance = {literal(instance)}"
    rows = f"select {', '.join(NAMES)} from t where {of}"  # noqa: S608 quoted
    one = lake.read(NAME, sql=f"{rows} limit 1")["fields"].to_pylist()
    parts = (pa.Table.from_batches([batch]) for batch in lake.stream(NAME, sql=rows))
    insert(db, "mirror", (_as_struct(part, mapping.read_fields) for part in parts))
    return {name for fields in one for name, _ in fields or ()} == set(mapping.read_fields)


def read_from(
    db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, crm: Adapter, now: dt.datetime
) -> dt.datetime | None:
    """From which instant of the CRM's clock on to read; null: everything."""
    told = db.sql("select max(changed_at), max(read_all_at) from mirror").fetchall()
    [(seen, read_all_at)] = told
    if has_others_keys(db, mapping):
        return None
    if now - read_all_at > dt.timedelta(hours=mapping.reconcile_hours):
        return None
    newest = crm.newest_change()
    if newest is None or newest < seen:
        log.info("%s: its newest write lies before what was seen", mapping.connection)
        return None
    since: dt.datetime = seen.astimezone(dt.UTC) - OVERLAP
    return since


def without_gone(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, crm: Adapter) -> int:
    """Take out whom a delivery found gone since everything was read: what is read of changes may
    tell nothing of them. Returns how many."""
    [(read_all_at,)] = db.sql("select max(read_all_at) from mirror").fetchall()
    gone = "reason = 'record_is_gone'"
    rows = Ledger(mapping.connection).rows("ops.crm_deliveries", gone, 'record_id, "at"')
    ids = [row["record_id"] for row in rows if row["at"] > read_all_at]
    if not ids:
        return 0
    among = "from mirror where list_contains(?, record_id)"
    known = {row[0] for row in db.execute(f"select record_id {among}", [ids]).fetchall()}
    if lost := [*known - crm.get(known, mapping.read_fields).keys()]:
        db.execute(f"delete {among}", [lost])
    return len(lost)


def shown_in(mapping: ConnectionMap, field: str) -> str:
    """SQL: what a record `r` shows in the field that a column names; null where it is mapped no
    more."""
    each = " ".join(
        f"when {literal(name)} then r.fields[{literal(name)}]" for name in mapping.read_fields
    )
    return f"case {field} {each} end"


def has_others_keys(db: duckdb.DuckDBPyConnection, mapping: ConnectionMap) -> bool:
    """Whether another installation has hashed the addresses that customers are found by."""
    for field in mapping.contact_fields:
        key, ours = f"fields[{literal(field)}]", literal(contact_keys.beginning())
        where = f"{key} is not null and not starts_with({key}, {ours})"
        if db.sql(f"select 1 from mirror where {where} limit 1").fetchall():  # noqa: S608 quoted
            return True
    return False


def asked(
    db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, crm: Adapter, keys: Collection[str]
) -> Iterator[Record]:
    """The records of the customers, and of those that were delivered to before and have no key any
    more, from a CRM that must be asked by key."""
    told = db.sql("select distinct record_id from state where record_id <> ''").fetchall()
    left = {row[0] for row in told}
    rung = next(rung for rung in mapping.match if rung.field != ID)
    for records in crm.find(rung.field, keys, mapping.read_fields).values():
        left -= {record.id for record in records}
        yield from records
    yield from crm.get(left, mapping.read_fields).values()


def without_contacts(mapping: ConnectionMap, records: Iterable[Record]) -> Iterable[Record]:
    """The records, with hashes in the place of addresses that customers are found by."""
    fields = mapping.contact_fields
    if not fields:
        return records
    key = contact_keys.hashing()
    return (
        replace(r, values={n: key(v) if n in fields else v for n, v in r.values.items()})
        for r in records
    )


def taken(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    records: Iterable[Record],
    now: dt.datetime,
) -> int:
    """Put what is read into `news`, the last state of each record; returns how many came."""
    db.execute(f"create or replace table news ({_columns(mapping)}, n bigint)")
    insert(db, "news", _tables(records, mapping.read_fields, now))
    [(count,)] = db.sql("select count(*) from news").fetchall()
    # most come once: what is wide is not copied for the few that do not
    db.execute("delete from news where n not in (select max(n) from news group by record_id)")
    db.execute("alter table news drop column n")
    return int(count)


def differing(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether what was read says other than the mirror."""
    said = "record_id, is_active, merged_into, fields"
    found = db.sql(f"select {said} from news except select {said} from mirror limit 1")  # noqa: S608
    return bool(found.fetchall())


def merge(db: duckdb.DuckDBPyConnection) -> None:
    """What was read goes into the mirror; when everything was read last stays."""
    db.execute("update news set read_all_at = (select max(read_all_at) from mirror)")
    db.execute("delete from mirror where record_id in (select record_id from news)")
    db.execute("insert into mirror select * from news")


def _columns(mapping: ConnectionMap) -> str:
    """Of `mirror`, as SQL declares them: a column of its own for each field, where the lake has a
    map: a million maps take DuckDB a minute."""
    fields = ", ".join(f"{identifier(name)} varchar" for name in mapping.read_fields)
    return (
        "record_id varchar, is_active boolean, merged_into varchar, changed_at timestamptz, "
        f"fields struct({fields}), read_all_at timestamptz"
    )


def _as_struct(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Rows of the lake as rows of `mirror`."""
    place = rows.schema.get_field_index("fields")
    texts = rows.column(place).cast(TEXTS).combine_chunks()
    each = [pc.map_lookup(texts, query_key=name, occurrence="first") for name in names]
    return rows.set_column(place, "fields", pa.StructArray.from_arrays(each, names=[*names]))


def _tables(
    records: Iterable[Record], names: Sequence[str], now: dt.datetime
) -> Iterator[pa.Table]:
    """Rows of `news`, numbered as they come."""
    count = 0
    for some in _chunks(records):
        yield _rows(some, names, count, now)
        count += len(some)


def _rows(
    records: Sequence[Record], names: Sequence[str], first: int, now: dt.datetime
) -> pa.Table:
    """Rows of `news`. Args: first: number of the first of them."""
    each = [pa.array([record.values[name] for record in records], pa.string()) for name in names]
    columns: dict[str, Any] = {
        "record_id": pa.array([record.id for record in records], pa.string()),
        "is_active": pa.array([record.is_active for record in records], pa.bool_()),
        "merged_into": pa.array([record.merged_into for record in records], pa.string()),
        "changed_at": pa.array([record.changed_at for record in records], INSTANT),
        "fields": pa.StructArray.from_arrays(each, names=[*names]),
        "read_all_at": pa.array([now] * len(records), INSTANT),
        "n": pa.array(range(first, first + len(records)), pa.int64()),
    }
    return pa.table(columns)


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
