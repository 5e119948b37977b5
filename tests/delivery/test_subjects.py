"""What is wanted of each customer is the same whether it is made for all at once or one by one."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.crm.adapter import Description, Field, NotCanonical, canonical
from jobs.delivery import mapping, subjects
from jobs.delivery.subjects import Told

MAPPING = mapping.parse(
    "x",
    """
adapter: tryton
match: [{field: code, from: account_id}, {field: id, from: old_id}]
purposes: {p: {text: to advise, legal_basis: consent}}
fields:
  grade: {from: grade, as: as_is, ownership: always, purpose: p}
  score: {from: score, as: as_is, ownership: always, purpose: p}
  until: {from: until, as: as_is, ownership: always, purpose: p}
  why: {from: reasons, as: texts, ownership: always, purpose: p}
  what: {from: products, as: first, ownership: always, purpose: p}
  model: {from: [model, version], as: words, ownership: always, purpose: p}
""",
)
FIELDS = {
    "grade": Field("grade", "choice", choices=("A", "B")),
    "score": Field("score", "number", scale=2),
    "until": Field("until", "date"),
    "why": Field("why", "text", length=8),
    "what": Field("what", "text"),
    "model": Field("model", "text"),
}
CRM = Description("tryton", "8.0", "a", FIELDS, ("code",), False, 10, 10, 1)
SCHEMA = pa.schema(
    {
        "account_id": pa.string(),
        "old_id": pa.int64(),
        "grade": pa.string(),
        "score": pa.float64(),
        "until": pa.date32(),
        "reasons": pa.list_(pa.struct({"code": pa.string(), "text": pa.string()})),
        "products": pa.list_(pa.string()),
        "model": pa.string(),
        "version": pa.int64(),
    }
)
TEXT = st.sampled_from([None, "", " ", "A", "B", "Z", "a longer text"])
REASON = st.fixed_dictionaries({"code": st.just("c"), "text": TEXT})
ROW = st.fixed_dictionaries(
    {
        "account_id": st.integers(1, 10**6).map(str),
        "old_id": st.none() | st.integers(0, 9),
        "grade": TEXT,
        "score": st.sampled_from([None, 0.0, -0.0, 1.5, 2.0, 0.125, float("inf"), float("nan")]),
        "until": st.none() | st.dates(dt.date(2017, 1, 1), dt.date(2017, 1, 9)),
        "reasons": st.none() | st.lists(st.none() | REASON, max_size=2),
        "products": st.none() | st.lists(TEXT, max_size=2),
        "model": TEXT,
        "version": st.none() | st.integers(0, 2),
    }
)
GONE = st.sampled_from([None, None, None, "objected", "expired"])


def one_by_one(row: Mapping[str, Any], gone: str | None) -> tuple[str | None, ...]:
    old = row["old_id"]
    made = [row["account_id"], gone, row["account_id"], None if old is None else str(old)]
    for name, of in MAPPING.fields.items():
        text, fault = None, None
        try:
            values = [row[column] for column in of.columns]
            text = canonical(FIELDS[name], MAPPING.value(name, values))
        except NotCanonical as error:
            fault = str(error)
        made += [None, None] if gone else [text, fault]
    return tuple(made)


@given(st.lists(st.lists(st.tuples(ROW, GONE), min_size=1, max_size=8), max_size=3))
def test_all_at_once_is_as_one_by_one(parts: list[list[tuple[dict[str, Any], str | None]]]) -> None:
    told = [
        Told(pa.Table.from_pylist([row for row, _ in part], SCHEMA), [gone for _, gone in part])
        for part in parts
    ]
    with duckdb.connect() as db:
        db.execute("create table state (account_id varchar)")
        subjects.load(db, MAPPING, CRM, told)
        found = db.sql("select * from subjects").fetchall()
    wanted = [one_by_one(row, gone) for part in parts for row, gone in part]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
