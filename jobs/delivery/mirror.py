"""The CRM's records as read last, in ops.crm_mirror: brought up to date before a plan compares.

What was written since is read by the CRM's own clock. What left no trace there (a record deleted,
a write that came to light late) is found by reading everything, every `reconcile_hours`.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa

from jobs import lake
from jobs.crm.adapter import Adapter, Description, Record
from jobs.delivery import contact_keys
from jobs.delivery.entries import ID
from jobs.delivery.ledger import Ledger, log_of
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import ROWS, keep, load
from jobs.sql import literal

log = logging.getLogger(__name__)

NAME = "ops.crm_mirror"
# a write carries the instant at which its transaction began, and is seen when that has ended
OVERLAP = dt.timedelta(minutes=10)
COLUMNS = (
    "record_id varchar, is_active boolean, merged_into varchar, changed_at timestamptz, "
    "fields map(varchar,varchar), read_all_at timestamptz"
)


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
    as_kept(db, mapping.connection, instance)
    since = read_from(db, mapping, crm, now) if described.can_list else None
    if not described.can_list:
        records: Iterable[Record] = asked(db, mapping, crm, keys)
    else:
        records = crm.read(mapping.read_fields, since)
    count = taken(db, without_contacts(mapping, records), now)
    if since is None:
        db.execute("create or replace table mirror as select * from news")
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
    as_kept(db, mapping.connection, described.instance)
    records = crm.get(ids, mapping.read_fields).values()
    count = taken(db, without_contacts(mapping, records), dt.datetime.now(dt.UTC))
    db.register("asked_for", pa.table({"record_id": pa.array([*ids], pa.string())}))
    db.execute("delete from mirror where record_id in (select record_id from asked_for)")
    db.unregister("asked_for")
    db.execute("insert into mirror select * from news")
    keep(db, "mirror", NAME, mapping.connection, described.instance)
    return count


def as_kept(db: duckdb.DuckDBPyConnection, connection: str, instance: str) -> None:
    """Load `mirror` as it was written down last."""
    of = f"connection = {literal(connection)} and crm_instance = {literal(instance)}"
    load(db, "mirror", NAME, COLUMNS, of)


def read_from(
    db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, crm: Adapter, now: dt.datetime
) -> dt.datetime | None:
    """From which instant of the CRM's clock on to read; null: everything."""
    told = "max(changed_at), max(read_all_at), any_value(map_keys(fields))"
    seen, read_all_at, fields = db.sql(f"select {told} from mirror").fetchall()[0]  # noqa: S608
    if seen is None or set(fields) != set(mapping.read_fields) or has_others_keys(db, mapping):
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


def taken(db: duckdb.DuckDBPyConnection, records: Iterable[Record], now: dt.datetime) -> int:
    """Put what is read into `news`, the last state of each record; returns how many came."""
    db.execute(f"create or replace table arrived ({COLUMNS}, n bigint)")
    schema = _schema()
    count = 0
    for rows in _chunks(records):
        made = [_row(record, now) | {"n": count + n} for n, record in enumerate(rows)]
        count += len(made)
        db.register("rows", pa.Table.from_pylist(made, schema))
        db.execute("insert into arrived select * from rows")
        db.unregister("rows")
    db.execute(
        "create or replace table news as select * exclude (n) from arrived "
        "qualify row_number() over (partition by record_id order by n desc) = 1"
    )
    db.execute("drop table arrived")
    return count


def differing(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether what was read says other than the mirror."""
    said = "record_id, is_active, merged_into, fields::varchar"
    found = db.sql(f"select {said} from news except select {said} from mirror limit 1")  # noqa: S608
    return bool(found.fetchall())


def merge(db: duckdb.DuckDBPyConnection) -> None:
    """What was read goes into the mirror; when everything was read last stays."""
    db.execute("update news set read_all_at = (select max(read_all_at) from mirror)")
    db.execute("delete from mirror where record_id in (select record_id from news)")
    db.execute("insert into mirror select * from news")


def _schema() -> pa.Schema:
    of_us = {"connection", "crm_instance"}
    of_record = [field for field in lake.plain_schema(log_of(NAME)) if field.name not in of_us]
    return pa.schema([*of_record, pa.field("n", pa.int64())])


def _row(record: Record, now: dt.datetime) -> dict[str, object]:
    return {
        "record_id": record.id,
        "is_active": record.is_active,
        "merged_into": record.merged_into,
        "changed_at": record.changed_at,
        "fields": list(record.values.items()),
        "read_all_at": now,
    }


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
