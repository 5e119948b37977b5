"""What the outbox wants shown of each customer, in the CRM's own canonical texts."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs import lake
from jobs.crm.adapter import KNOWN_VALUES, Description, NotCanonical, canonical
from jobs.delivery import contact_keys, holdout
from jobs.delivery.entries import SCORES
from jobs.delivery.mapping import ConnectionMap
from jobs.delivery.scratch import insert
from jobs.settings import settings

# of a task, beside the columns of scores.next_actions
TASK_KEY, CUSTOMER = "task_key", "customer_record_id"
OF_TASKS = {TASK_KEY: "string", CUSTOMER: "reference"}

Row = Mapping[str, Any]
# what a field makes of its columns' values, and why it makes nothing of them
Made = tuple[str | None, str | None]


@dataclass(frozen=True)
class Told:
    """Some rows of the outbox, and why each is not shown (null: it is)."""

    rows: pa.Table
    gone: Sequence[str | None]


def load(
    db: duckdb.DuckDBPyConnection,
    mapping: ConnectionMap,
    described: Description,
    wanted: Iterable[Told],
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
    made = (_columns(mapping, makers, told) for told in wanted)
    insert(db, "subjects", (pa.Table.from_arrays(columns, schema=schema) for columns in made))
    contact_keys.load(db, mapping)
    if mapping.customers:
        return  # a task stays, whatever is to be done next
    db.execute("""
        insert into subjects (account_id, gone)
        select distinct account_id, 'vanished' from state
        where account_id not in (select account_id from subjects)
    """)


def told(version: int, today: dt.date | None) -> Iterator[Told]:
    """The scores of customers, each with why they are not shown.

    Args:
        version: of the outbox.
        today: business day; values with valid_until before it are no more. Null: none is over.
    """
    willing, held = addressed(today)
    for batch in lake.stream(SCORES, at=version):
        asked = batch.select(["account_id", "valid_until"]).to_pylist()
        why = [gone(row, willing, held, today) for row in asked]
        yield Told(lake.plain(pa.Table.from_batches([batch])), why)


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


def _columns(mapping: ConnectionMap, makers: Sequence["Maker"], told: Told) -> list[Any]:
    """The columns of `subjects`, in their order."""
    rows, is_shown = told.rows, pa.array([why is None for why in told.gone], pa.bool_())
    made = [rows.column("account_id").cast(pa.string()), pa.array(told.gone, pa.string())]
    for rung in mapping.match:
        if rung.is_contact:
            made.append(pa.nulls(len(rows), pa.string()))
            continue
        keys = rows.column(rung.column).to_pylist()
        texts = [None if key is None else str(key).strip() or None for key in keys]
        made.append(pa.array(texts, pa.string()))
    for maker in makers:
        made += [pc.if_else(is_shown, column, None) for column in maker.made(rows)]
    return made


class Maker:
    """Makes one field's canonical texts, each different value once."""

    def __init__(self, mapping: ConnectionMap, described: Description, field: str) -> None:
        self._mapping, self._name = mapping, field
        self._field = described.fields[field]
        self._columns = mapping.fields[field].columns
        self._once = lru_cache(KNOWN_VALUES)(self._canonical)

    def made(self, rows: pa.Table) -> tuple[Any, Any]:
        """The text of each row, and why there is none."""
        columns = [rows.column(name).combine_chunks() for name in self._columns]
        is_nested = any(pa.types.is_nested(column.type) for column in columns)
        if len(columns) == 1 and not is_nested:
            few = columns[0].dictionary_encode(null_encoding="encode")
            texts, faults = _arrays([self._once((value,)) for value in few.dictionary.to_pylist()])
            return texts.take(few.indices), faults.take(few.indices)
        make = self._canonical if is_nested else self._once  # a list has no hash
        told = zip(*(column.to_pylist() for column in columns), strict=True)
        return _arrays([make(values) for values in told])

    def _canonical(self, values: tuple[Any, ...]) -> Made:
        try:
            return canonical(self._field, self._mapping.value(self._name, values)), None
        except NotCanonical as error:
            return None, str(error)


def _arrays(made: Sequence[Made]) -> tuple[Any, Any]:
    texts, faults = ([each[n] for each in made] for n in range(2))
    return pa.array(texts, pa.string()), pa.array(faults, pa.string())
