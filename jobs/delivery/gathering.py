"""All that a plan compares, loaded into a database: what is wanted, what is there, whose it is."""

import datetime as dt
from collections.abc import Iterator
from typing import get_args

import duckdb

from jobs import lake
from jobs.crm.adapter import Adapter, Description
from jobs.delivery import compare, mirror, state, subjects, tasks
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.controls import Controls
from jobs.delivery.entries import SCORES
from jobs.delivery.mapping import ConnectionMap, MappingError
from jobs.delivery.scratch import scratch
from jobs.delivery.tasks import Customer
from jobs.spark.playbooks import Channel


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
    # who only reads asks whose the records are, and not what they should show
    of = mapping if is_writer else mapping.model_copy(update={"fields": {}})
    subjects.load(db, of, described, told(mapping, described.instance, version, today))
    keys = [row[0] for row in db.sql("select k0 from subjects where k0 is not null").fetchall()]
    mirror.refreshed(db, mapping, crm, described, keys, is_writer)
    Controls(mapping.connection).load(db)
    compare.match(db, mapping)
    if mapping.customers:
        tasks.noted(db, mapping, described.instance)


def note_tasks(
    db: duckdb.DuckDBPyConnection, mapping: ConnectionMap, crm: Adapter, described: Description
) -> None:
    """Write down which tasks were made, and what became of them by now."""
    mirror.refreshed(db, mapping, crm, described, ())
    tasks.noted(db, mapping, described.instance)


def told(
    mapping: ConnectionMap, instance: str, version: int, today: dt.date | None
) -> Iterator[subjects.Told]:
    """The outbox, each row with why it is not shown.

    Args:
        instance: of the CRM that it is for.
    """
    if mapping.customers is None:
        return subjects.told(version, today)
    theirs = mappings.load(mapping.customers)
    return tasks.told(version, today, theirs, customers(mapping, theirs, instance, today))


def customers(
    mapping: ConnectionMap, theirs: ConnectionMap, instance: str, today: dt.date | None
) -> dict[str, Customer]:
    """Those of another connection, by account_id: their records, and what they do not want.

    Nothing is written down, so that it may deliver meanwhile.

    Args:
        instance: of the CRM that the tasks are for.
    """
    crm, described = of_same_crm(mapping, theirs, instance)
    with scratch() as db:
        at = lake.version(SCORES)
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


def of_same_crm(
    mapping: ConnectionMap, theirs: ConnectionMap, instance: str
) -> tuple[Adapter, Description]:
    """The CRM of the customers whom tasks are about.

    Args:
        instance: of the CRM that the tasks are for.

    Raises:
        MappingError: it is another CRM, where a record's id names another customer, or what it says
            of customers does not fit tasks.
    """
    faults = []
    if theirs.customers is not None:
        faults.append(f"customers {theirs.connection!r} makes tasks itself")
    channels = get_args(Channel)
    if unknown := sorted(theirs.restrictions.keys() - set(channels)):
        faults.append(
            f"{theirs.connection}.yaml has restrictions {', '.join(unknown)}: tasks are by "
            f"{', '.join(channels)}: name them so"
        )
    crm = connect(theirs)
    described = crm.describe()
    if described.instance != instance:
        faults.append(
            f"customers {theirs.connection!r} are of the CRM {described.instance[:8]}, the tasks "
            f"are for {instance[:8]}: their `server` must lead to one CRM"
        )
    if faults:
        raise MappingError(f"{mapping.connection}.yaml: {'; '.join(faults)}")
    return crm, described
