"""What the outbox wants shown of each customer, in the CRM's own canonical texts."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from jobs import lake
from jobs.crm.adapter import Description, NotCanonical, canonical
from jobs.delivery import contact_keys, holdout
from jobs.delivery.entries import SCORES
from jobs.delivery.mapping import ConnectionMap
from jobs.settings import settings

# of a task, beside the columns of scores.next_actions
TASK_KEY, CUSTOMER = "task_key", "customer_record_id"
OF_TASKS = {TASK_KEY: "string", CUSTOMER: "reference"}

# rows after which what a field makes of a value is forgotten; most values are few, some are unique
KNOWN_VALUES = 100_000

Row = Mapping[str, Any]
Told = tuple[Row, str | None]  # a row of the outbox, and why it is not shown (null: it is)


def load(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    described: Description,
    wanted: Iterable[Sequence[Told]],
) -> None:
    """Load `subjects`: a row per customer of the outbox, and per one that left it after delivery.

    Args:
        wanted: the outbox, part by part.
    """
    keys = [f"k{n} varchar" for n in range(len(mapping.match))]
    texts = [f"v{n} varchar, e{n} varchar" for n in range(len(mapping.fields))]
    columns = ", ".join(["account_id varchar", "gone varchar", *keys, *texts])
    db.execute(f"create or replace table subjects ({columns})")
    schema = pa.schema([(part.split()[0], pa.string()) for part in columns.split(", ")])
    makers = [Maker(mapping, described, field) for field in mapping.fields]
    for rows in wanted:
        made = [_subject(mapping, makers, row, why) for row, why in rows]
        db.register("rows", pa.Table.from_pylist(made, schema))
        db.execute("insert into subjects select * from rows")
        db.unregister("rows")
    contact_keys.load(db, mapping)
    if mapping.customers:
        return  # a task stays, whatever is to be done next
    db.execute("""
        insert into subjects (account_id, gone)
        select distinct account_id, 'vanished' from state
        where account_id not in (select account_id from subjects)
    """)


def told(version: int, today: dt.date | None) -> Iterator[list[Told]]:
    """The scores of customers, each with why they are not shown.

    Args:
        version: of the outbox.
        today: business day; values with valid_until before it are no more. Null: none is over.
    """
    willing, held = addressed(today)
    for batch in lake.stream(SCORES, at=version):
        yield [(row, gone(row, willing, held, today)) for row in batch.to_pylist()]


def business_day(outbox: str, version: int) -> dt.date | None:
    """Today at the shops; where a year of the past is played, the newest day that the outbox is of
    (null: it is empty)."""
    if settings().clock == "wall":
        return dt.datetime.now(ZoneInfo(settings().timezone)).date()
    newest = lake.read(outbox, at=version, sql="select max(as_of_date) as day from t")
    day: dt.date | None = newest["day"][0].as_py()
    return day


def load_barred(db: duckdb.DuckDBPyConnection, today: dt.date | None) -> None:
    """Load `barred`: who may be shown nothing, whichever plan is taken back, and why.

    Args:
        today: business day, by which hold-outs are drawn.
    """
    willing, held = addressed(today)
    why = dict.fromkeys(_accounts("true") - willing, "objected") | dict.fromkeys(held, "held_out")
    schema = pa.schema([("account_id", pa.string()), ("why", pa.string())])
    made = [{"account_id": account, "why": reason} for account, reason in why.items()]
    db.register("rows", pa.Table.from_pylist(made, schema))
    db.execute("create or replace table barred as select * from rows")
    db.unregister("rows")


def addressed(today: dt.date | None) -> tuple[set[str], set[str]]:
    """Who may be addressed, as the newest outbox says whichever is delivered, and who of them is
    held out."""
    willing = _accounts("is_contactable")
    return willing, holdout.held(willing, today)


def _accounts(where: str) -> set[str]:
    found = lake.read(SCORES, sql=f"select account_id from t where {where}")  # noqa: S608 our own
    return {str(each) for each in found["account_id"].to_pylist()}


def outbox_columns(mapping: ConnectionMap, version: int | None = None) -> dict[str, str]:
    """The columns of the outbox at a version (null: the newest), with their types."""
    fields = lake.opened(mapping.outbox, version).schema().fields
    columns = {field.name: str(getattr(field.type, "type", "array")) for field in fields}
    return columns | (OF_TASKS if mapping.customers else {})


def gone(row: Row, willing: set[str], held: set[str], today: dt.date | None) -> str | None:
    """Why a customer's values are not shown; null: they are."""
    if row["account_id"] not in willing:
        return "objected"
    if row["account_id"] in held:
        return "held_out"
    return "expired" if today is not None and row["valid_until"] < today else None


def _subject(
    mapping: ConnectionMap, makers: list["Maker"], row: Row, gone: str | None
) -> dict[str, str | None]:
    made: dict[str, str | None] = {"account_id": row["account_id"], "gone": gone}
    for n, rung in enumerate(mapping.match):
        key = None if rung.is_contact else row[rung.column]
        made[f"k{n}"] = None if key is None else str(key).strip() or None
    if gone is None:
        for n, maker in enumerate(makers):
            made[f"v{n}"], made[f"e{n}"] = maker.made(row)
    return made


class Maker:
    """Makes one field's canonical text, each different value once."""

    def __init__(self, mapping: ConnectionMap, described: Description, field: str) -> None:
        self._mapping, self._name = mapping, field
        self._field = described.fields[field]
        self._columns = mapping.fields[field].columns
        self._known: dict[tuple[Any, ...], tuple[str | None, str | None]] = {}

    def made(self, row: Row) -> tuple[str | None, str | None]:
        """The text, and why there is none."""
        told = tuple(row[column] for column in self._columns)
        try:
            known = self._known.get(told)
        except TypeError:  # a list has no hash
            return self._canonical(row)
        if known is None:
            if len(self._known) >= KNOWN_VALUES:
                self._known.clear()
            known = self._known[told] = self._canonical(row)
        return known

    def _canonical(self, row: Row) -> tuple[str | None, str | None]:
        try:
            return canonical(self._field, self._mapping.value(self._name, row)), None
        except NotCanonical as error:
            return None, str(error)
