"""All that a plan compares, loaded into a database: what is wanted, what is there, whose it is."""

import datetime as dt
from collections.abc import Iterator

import duckdb

from jobs import lake
from jobs.crm.adapter import Adapter, Description
from jobs.delivery import compare, mirror, state, subjects, tasks
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.controls import Controls
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import scratch
from jobs.delivery.tasks import Customer


def gather(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    crm: Adapter,
    described: Description,
    version: int,
    today: dt.date | None,
    is_writer: bool = True,
) -> None:
    """Load all that is compared, and find each subject's record.

    Args:
        version: of the outbox.
        today: business day; null: nothing is over.
        is_writer: of the connection, who writes down what was read of it; another only reads.
    """
    state.refreshed(db, mapping.connection, described.instance, is_writer)
    subjects.load(db, mapping, described, told(mapping, version, today))
    keys = [row[0] for row in db.sql("select k0 from subjects where k0 is not null").fetchall()]
    mirror.refreshed(db, mapping, crm, described, keys, is_writer)
    Controls(mapping.connection).load(db)
    compare.match(db, mapping)
    if mapping.customers:
        tasks.load_made(db, mapping, described.instance)
        tasks.refreshed(db, mapping, described.instance)


def told(
    mapping: ConnectionMap, version: int, today: dt.date | None
) -> Iterator[list[subjects.Told]]:
    """The outbox, each row with why it is not shown."""
    if mapping.customers is None:
        return subjects.told(version, today)
    theirs = mappings.load(mapping.customers)
    return tasks.told(version, today, theirs, customers(theirs, today))


def customers(theirs: ConnectionMap, today: dt.date | None) -> dict[str, Customer]:
    """Those of a connection, by account_id: their records, and what they do not want.

    Nothing is written down, so that it may deliver meanwhile.
    """
    crm = connect(theirs)
    described = crm.describe()
    with scratch() as db:
        at = lake.version(subjects.OUTBOX)
        gather(db, theirs, crm, described, at, today, is_writer=False)
        rows = db.sql("""
            select m.account_id, m.record_id, m.why, r.fields
            from matched m left join mirror r on r.record_id = m.record_id
        """).fetchall()
    return {
        account: Customer(
            record_id, why, {name: (fields or {}).get(name) for name in theirs.rights_fields}
        )
        for account, record_id, why, fields in rows
    }
