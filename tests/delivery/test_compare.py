"""What the comparison decides, held against a slow reading of its rules, row by row."""

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.delivery import compare, mapping
from jobs.delivery.entries import Ownership
from jobs.delivery.ledger import Item
from jobs.delivery.mapping import ConnectionMap

TEXT = """
adapter: tryton
mode: MODE
match: [{field: code, from: account_id}, {field: email, from: email}]
objection: {field: objects, value: "true"}
purposes: {p: {text: to advise, legal_basis: consent}}
fields:
  grade: {from: grade, as: as_is, ownership: OWNERSHIP, purpose: p}
"""
VALUES = st.sampled_from([None, "A", "B", "C"])
TABLES = {
    "subjects": "account_id varchar, gone varchar, k0 varchar, k1 varchar, v0 varchar, e0 varchar",
    "mirror": "record_id varchar, is_active boolean, merged_into varchar, "
    "fields struct(code varchar, grade varchar, email varchar, objects varchar, "
    "do_not_call varchar)",
    "state": "account_id varchar, field varchar, record_id varchar, is_written boolean, "
    'value varchar, maybe varchar[], echo varchar, has_echo boolean, "at" timestamptz',
    "released": 'account_id varchar, field varchar, "at" timestamptz',
    "dead": "plan_id varchar, account_id varchar, field varchar, new_value varchar",
}


@dataclass(frozen=True)
class Ours:
    """What was delivered to a customer."""

    value: str | None
    maybe: tuple[str | None, ...] = ()
    echo: str | None = None
    has_echo: bool = False
    is_written: bool = True


def connection(ownership: Ownership = "if_ours", mode: str = "update_only") -> ConnectionMap:
    return mapping.parse("x", TEXT.replace("OWNERSHIP", ownership).replace("MODE", mode))


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def customer(key: str, wanted: str | None = None, **told: str | None) -> dict[str, Any]:
    subject = {"account_id": key, "gone": None, "k0": key, "k1": None, "v0": wanted, "e0": None}
    return subject | told


def record(id_: str, key: str | None, shown: str | None = None, **told: Any) -> dict[str, Any]:
    fields = {"code": key, "grade": shown, "email": None, "objects": None} | told.pop("fields", {})
    made = {"record_id": id_, "is_active": True, "merged_into": None}
    return made | told | {"fields": fields}


def delivered(key: str, ours: Ours, id_: str = "1") -> dict[str, Any]:
    return {"account_id": key, "field": "grade", "record_id": id_, "at": None} | vars(ours)


def compared(
    db: duckdb.DuckDBPyConnection, of: ConnectionMap, **rows: Collection[dict[str, Any]]
) -> list[Item]:
    for name, columns in TABLES.items():
        db.execute(f"create or replace table {name} ({columns})")
        schema = db.sql(f"select * from {name}").to_arrow_table().schema
        table = pa.Table.from_pylist([dict(row) for row in rows.get(name, ())], schema)
        db.register("rows", table)
        db.execute(f"insert into {name} select * from rows")
        db.unregister("rows")
    compare.match(db, of)
    compare.compare(db, of)
    found = compare.batches(db).read_all().to_pylist()
    return [Item(**row) for row in found]


def expected(
    ownership: Ownership, old: str | None, new: str | None, ours: Ours | None, gone: str | None
) -> tuple[str, str | None] | None:
    """Action and reason by the words of docs/delivery.md; null: nothing to do."""
    ours_now = set[str | None]()
    if ours:
        ours_now |= set(ours.maybe)
        ours_now |= {ours.value} if ours.is_written else set()
        ours_now |= {ours.echo} if ours.has_echo else set()
    new = None if gone else new
    if old == new or (ours and ours.has_echo and old == ours.echo and ours.value == new):
        return None
    action = "clear" if new is None else "update"
    if ownership == "always":
        is_theirs = gone and not (ours and ours.is_written) and old not in ours_now
        return ("blocked", "filled_by_a_person") if is_theirs else (action, gone)
    if ownership == "if_empty":
        is_free = old is None or (gone and old in ours_now)
        return (action, gone) if is_free else ("blocked", "not_empty")
    if ours is None:
        return (action, gone) if old is None else ("blocked", "filled_by_a_person")
    if old in ours_now:
        return action, gone
    if old is None and not ours.is_written:
        return action, gone
    return "blocked", "cleared_by_a_person" if old is None else "edited_by_a_person"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    ownership=st.sampled_from(["always", "if_empty", "if_ours"]),
    old=VALUES,
    new=VALUES,
    ours=st.none()
    | st.builds(
        Ours, VALUES, st.lists(VALUES, max_size=2).map(tuple), VALUES, st.booleans(), st.booleans()
    ),
    gone=st.sampled_from([None, "objected"]),
)
def test_a_field_is_ours_or_a_persons(
    db: duckdb.DuckDBPyConnection,
    ownership: Ownership,
    old: str | None,
    new: str | None,
    ours: Ours | None,
    gone: str | None,
) -> None:
    if ours and not ours.is_written:
        ours = replace(ours, value=None, has_echo=False)
    found = compared(
        db,
        connection(ownership),
        subjects=[customer("101", new, gone=gone)],
        mirror=[record("1", "101", old)],
        state=[delivered("101", ours)] if ours else [],
    )
    assert [(i.action, i.reason) for i in found] == [
        told for told in [expected(ownership, old, new, ours, gone)] if told
    ]


def reasons(items: Collection[Item]) -> dict[str, str | None]:
    return {item.account_id: item.reason for item in items if item.action == "blocked"}


def test_matching_is_one_to_one_both_ways_down_the_ladder(db: duckdb.DuckDBPyConnection) -> None:
    found = compared(
        db,
        connection(),
        subjects=[
            customer("101", "A"),
            customer("102", "A", k1="b@x"),  # by its e-mail, as no record has its code
            customer("103", "A"),  # two records have its code
            customer("104", "A", k1="d@x"),  # both lead to one record
            customer("105", "A", k1="d@x"),
            customer("106", "A", k1="a@x"),  # the e-mail of a record that is 101's by its code
            customer("107", "A"),  # nobody has it
        ],
        mirror=[
            record("1", "101", fields={"email": "a@x"}),
            record("2", None, fields={"email": "b@x"}),
            record("3", "103"),
            record("4", "103"),
            record("5", None, fields={"email": "d@x"}),
            record("6", "107", is_active=False),
        ],
    )
    assert reasons(found) == {
        "101": "shared_in_crm",
        "103": "several_in_crm",
        "104": "shared_in_crm",
        "105": "shared_in_crm",
        "106": "shared_in_crm",
        "107": "not_in_crm",
    }
    assert [(i.account_id, i.record_id) for i in found if i.action == "update"] == [("102", "2")]


def test_a_merged_customer_is_followed_to_the_record_that_is_left(
    db: duckdb.DuckDBPyConnection,
) -> None:
    records = [
        record("1", "101", is_active=False, merged_into="2"),
        record("2", None, is_active=False, merged_into="3"),
        record("3", "999"),
    ]
    found = compared(db, connection(), subjects=[customer("101", "A")], mirror=records)
    assert [(i.record_id, i.action) for i in found] == [("3", "update")]
    both = [customer("101", "A"), customer("999", "A")]
    found = compared(db, connection(), subjects=both, mirror=records)
    assert reasons(found) == {"101": "shared_in_crm", "999": "shared_in_crm"}


def test_who_left_the_outbox_is_cleared_by_the_record_we_remember(
    db: duckdb.DuckDBPyConnection,
) -> None:
    gone = customer("101", None, gone="vanished", k0=None)
    ours = delivered("101", Ours("A"))
    found = compared(
        db, connection(), subjects=[gone], mirror=[record("1", "re-keyed", "A")], state=[ours]
    )
    assert [(i.action, i.reason) for i in found] == [("clear", "vanished")]
    held = [gone, customer("102", "B")]
    found = compared(
        db, connection(), subjects=held, mirror=[record("1", "102", "A")], state=[ours]
    )
    assert [i.account_id for i in found] == ["102"], "another customer has that record now"


def test_who_objects_in_the_crm_is_cleared_before_the_outbox_knows(
    db: duckdb.DuckDBPyConnection,
) -> None:
    found = compared(
        db,
        connection(),
        subjects=[customer("101", "B")],
        mirror=[record("1", "101", "A", fields={"objects": "true"})],
        state=[delivered("101", Ours("A"))],
    )
    assert [(i.action, i.new_value, i.reason) for i in found] == [("clear", None, "objected")]


def test_what_needs_a_channel_is_not_shown_where_the_customer_does_not_want_it(
    db: duckdb.DuckDBPyConnection,
) -> None:
    text = TEXT.replace("OWNERSHIP", "if_ours").replace("MODE", "update_only")
    of = mapping.parse(
        "x",
        text.replace("purpose: p}", "purpose: p, channel: phone}")
        + 'restrictions: {phone: {field: do_not_call, value: "true"}}\n',
    )
    told = {"subjects": [customer("101", "B")], "state": [delivered("101", Ours("A"))]}
    for said, items in (
        ("true", [("clear", None, "no_contact_by_phone")]),
        ("false", [("update", "B", None)]),
        (None, [("update", "B", None)]),
    ):
        there = [record("1", "101", "A", fields={"do_not_call": said})]
        found = compared(db, of, **told, mirror=there)
        assert [(i.action, i.new_value, i.reason) for i in found] == items


def test_what_is_over_the_days_budget_waits_and_who_loses_a_value_comes_first(
    db: duckdb.DuckDBPyConnection,
) -> None:
    keys = ["101", "102", "103"]
    compared(
        db,
        connection(),
        subjects=[customer(k, "B", gone="objected" if k == "103" else None) for k in keys],
        mirror=[record(k, k, "A") for k in keys],
        state=[delivered(k, Ours("A"), k) for k in keys],
    )
    compare.put_off(db, 2)
    found = {row["account_id"]: row for row in compare.batches(db).read_all().to_pylist()}
    assert [found[k]["action"] for k in keys] == ["update", "blocked", "clear"]
    assert found["102"]["reason"] == "over_budget"
    told = compare.totals(db, connection())
    assert (told.records, told.blocked) == (2, 1)


def test_a_released_field_is_ours_again(db: duckdb.DuckDBPyConnection) -> None:
    told = {
        "subjects": [customer("101", "B")],
        "mirror": [record("1", "101", "theirs")],
        "state": [delivered("101", Ours("A"))],
    }
    at = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    word = {"account_id": None, "field": "grade", "at": at}
    assert reasons(compared(db, connection(), **told)) == {"101": "edited_by_a_person"}
    found = compared(db, connection(), **told, released=[word])
    assert [(i.action, i.new_value) for i in found] == [("update", "B")]
    found = compared(db, connection(), **told, released=[word | {"account_id": "102"}])
    assert reasons(found) == {"101": "edited_by_a_person"}


def test_what_the_crm_refused_is_sent_again_only_when_it_says_something_else(
    db: duckdb.DuckDBPyConnection,
) -> None:
    letter = {"plan_id": "p", "account_id": "101", "field": "grade", "new_value": "B"}
    told = {"mirror": [record("1", "101")], "dead": [letter]}
    found = compared(db, connection(), subjects=[customer("101", "B")], **told)
    assert reasons(found) == {"101": "dead_letter"}
    found = compared(db, connection(), subjects=[customer("101", "C")], **told)
    assert [i.action for i in found] == ["update"]


def test_customers_that_the_crm_lacks_are_created_with_their_key_where_that_is_the_mode(
    db: duckdb.DuckDBPyConnection,
) -> None:
    subjects = [
        customer("101", "A"),
        customer("102", None),
        customer("103", None, e0="too_long"),
        customer("104", "A", gone="expired"),
    ]
    found = compared(db, connection(mode="create"), subjects=subjects, mirror=[])
    assert [(i.account_id, i.field, i.action, i.new_value) for i in found] == [
        ("101", "code", "create", "101"),
        ("101", "grade", "create", "A"),
        ("102", "code", "create", "102"),
        ("103", "code", "create", "103"),
        ("103", "grade", "blocked", None),
    ]


def test_a_digest_does_not_depend_on_how_items_are_cut(db: duckdb.DuckDBPyConnection) -> None:
    subjects = [customer(str(n), "A") for n in range(101, 111)]
    compared(db, connection(), subjects=subjects, mirror=[])
    table = compare.batches(db).read_all()
    told = {compare.digest(iter(table.to_batches(max_chunksize=n))) for n in (1, 3, 100)}
    assert len(told) == 1
    other = table.set_column(0, "account_id", pa.array(["x"] * table.num_rows))
    assert compare.digest(iter(other.to_batches())) not in told
