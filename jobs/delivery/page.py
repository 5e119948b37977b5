"""The page of a plan: what it would change, for the person who approves it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from jobs.delivery import mapping as mappings
from jobs.delivery.ledger import Ledger, Plan
from jobs.delivery.scratch import load, scratch
from jobs.delivery.subjects import CUSTOMER
from jobs.pages.html import render
from jobs.settings import settings
from jobs.sql import literal

SAMPLES = 3  # customers
NAME_CHARACTERS = 8  # of the name that a customer has on the page


def path(plan: Plan) -> Path:
    return settings().state / "plans" / f"{plan.connection}-{plan.plan_number}.html"


def write(plan: Plan) -> Path:
    """Write a plan's page; returns where it lies. Only its owner can read it."""
    with scratch() as db:
        text = made(db, plan)
    place = path(plan)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)
        file.truncate()
    return place


def made(db: duckdb.DuckDBPyConnection, plan: Plan) -> str:
    mapping = mappings.load(plan.connection)
    columns = ("account_id", "field", "action", "old_value", "new_value", "reason")
    mine = f"connection = {literal(plan.connection)} and plan_id = {literal(plan.plan_id)}"
    load(db, "items", "ops.crm_plan_items", ", ".join(f"{c} varchar" for c in columns), mine)
    return render(
        "plan.html",
        plan=plan,
        made_at=Ledger(plan.connection).made_at(plan),
        approvers=mapping.approvers,
        answer_hours=f"{mapping.limits.answer_hours:g}",
        purposes=mapping.purposes,
        fields=_fields(db, mapping),
        reasons=_rows(
            db,
            "select action, reason, count(*) as fields, count(distinct account_id) as customers "
            "from items where reason is not null group by all order by 3 desc, 2",
        ),
        flips=_rows(
            db,
            "select old_value as old, new_value as new, count(*) as customers from items "  # noqa: S608
            f"where field = {literal(mapping.grade_field or '')} and action <> 'blocked' "
            "group by all order by 1 nulls first, 2 nulls first",
        ),
        samples=_samples(db, plan, (mapping.create_by.field, mapping.showing(CUSTOMER) or "")),
        what=mapping.what,
    )


def _fields(db: duckdb.DuckDBPyConnection, mapping: mappings.ConnectionMap) -> list[dict[str, Any]]:
    actions = ("create", "update", "clear", "blocked")
    counts = {
        (r["field"], r["action"]): r["n"]
        for r in _rows(db, "select field, action, count(*) as n from items group by all")
    }
    return [
        {
            "name": name,
            "ownership": of.ownership.replace("_", " "),
            "purpose": of.purpose,
            "counts": [counts.get((name, action), 0) for action in actions],
        }
        for name, of in mapping.fields.items()
    ]


def _samples(
    db: duckdb.DuckDBPyConnection, plan: Plan, naming: Sequence[str]
) -> list[dict[str, Any]]:
    """All changes of a few customers, the same few each time.

    Args:
        naming: fields that tell who a customer is: they are not shown.
    """
    hidden = ", ".join(map(literal, naming))
    few = f"""
        with few as (
            select account_id from items where action <> 'blocked' group by account_id
            order by md5(account_id || {literal(plan.plan_id)}) limit {SAMPLES}
        )
        select account_id, field, action, old_value as old, new_value as new, reason
        from items where account_id in (from few) and field not in ({hidden})
        order by account_id, field
    """  # noqa: S608 quoted
    rows = _rows(db, few)
    return [row | {"customer": _pseudonym(row.pop("account_id"), plan)} for row in rows]


def _pseudonym(account: str, plan: Plan) -> str:
    return hashlib.sha256(f"{plan.plan_id}{account}".encode()).hexdigest()[:NAME_CHARACTERS]


def _rows(db: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = db.sql(sql)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
