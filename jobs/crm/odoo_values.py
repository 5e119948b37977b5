"""Odoo's fields and values in our words, both ways, and where each field of a customer stands.

To the pipeline a customer is one record. In Odoo it is two rows: the partner, and the row of
`x_sales_score` that belongs to it, whose fields are called `score.<field>` here.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from jobs.crm.adapter import Field, Kind, Values, canonical

PARTNER = "res.partner"
SCORE = "x_sales_score"  # the model
OF_SCORE = "score."  # before the names of its fields
SCORES = "x_sales_score_ids"  # at the partner
OURS = "x_sales_"  # how the partner's fields begin that the delivery's user may write
KNOWN = "_known"  # after a number's name: the field that says whether there is one
MODULE = "sales_lakehouse"  # of our external ids
ACTIVITY = "mail.activity"
TASK_KEY = f"{OURS}task_key"  # of an activity that is a task
SCALE = 6  # digits after the point of a number for which Odoo names none

KINDS: Mapping[str, Kind] = {
    "char": "text",
    "text": "text",
    "float": "number",
    "monetary": "number",
    "integer": "integer",
    "date": "date",
    "datetime": "timestamp",
    "boolean": "boolean",
    "selection": "choice",
}
# Odoo shows an empty number as 0, an empty tick as none: what was cleared would not read so
WITHOUT_NULL = frozenset({"number", "integer", "boolean"})


def parted(names: Collection[str]) -> tuple[list[str], list[str]]:
    """Fields of the partner, and of its score by Odoo's names."""
    own = sorted(name for name in names if not name.startswith(OF_SCORE))
    scored = sorted(in_score(name) for name in names if name.startswith(OF_SCORE))
    return own, scored


def halves(values: Values) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """What of a change is the partner's, and what its score's, each in one order."""
    own, scored = halved(tuple(values))
    return {name: values[name] for name in own}, {name: values[name] for name in scored}


@cache
def halved(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fields of the partner, and of its score; kept, as changes are many and their fields alike."""
    in_order = sorted(names)
    return (
        tuple(name for name in in_order if not name.startswith(OF_SCORE)),
        tuple(name for name in in_order if name.startswith(OF_SCORE)),
    )


def in_score(name: str) -> str:
    """Odoo's name of a field `score.<field>`: custom fields begin with x_."""
    return f"x_{name.removeprefix(OF_SCORE)}"


def of_score(at: str) -> str:
    """Our name of a field of the score's model."""
    return OF_SCORE + at.removeprefix("x_")


def fields(partner: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Field]:
    """All fields, from what Odoo tells of both models; without a score model the partner's."""
    is_installed = SCORES in partner
    own = {name: _field(name, told) for name, told in partner.items()}
    if is_installed:
        own = {name: _only_ours(field) for name, field in own.items()}
    scored = {
        name: _field(name, told, f"{at}{KNOWN}" in score)
        for at, told in score.items()
        if at.startswith("x_") and at not in {"x_name", "x_partner_id"} and not at.endswith(KNOWN)
        for name in [of_score(at)]
    }
    return own | scored


@dataclass(frozen=True)
class Place:
    """Where a field stands in Odoo's answer."""

    name: str
    field: Field
    is_of_score: bool
    at: str
    known: str  # the field beside it that says whether it has a value


def places(names: Collection[str], of: Mapping[str, Field]) -> list[Place]:
    """Found once: the records are many."""
    return [
        Place(name, of[name], is_of_score, at, f"{at}{KNOWN}")
        for name in names
        for is_of_score in [name.startswith(OF_SCORE)]
        for at in [in_score(name) if is_of_score else name]
    ]


def values(row: Mapping[str, Any], score: Mapping[str, Any], of: Sequence[Place]) -> Values:
    return {p.name: canonical(p.field, _shown(score if p.is_of_score else row, p)) for p in of}


def to_write(field: Field, value: str | None) -> Any:
    """A canonical value for Odoo's `write`."""
    if value is None:
        return False
    if field.kind == "timestamp":
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if field.kind in {"number", "integer"}:
        return float(value) if field.kind == "number" else int(value)
    return value == "true" if field.kind == "boolean" else value


def to_load(field: Field, value: str | None) -> str:
    """A canonical value for Odoo's `load`, which takes texts."""
    if value is None:
        return ""
    if field.kind == "boolean":
        return "1" if value == "true" else "0"
    return str(to_write(field, value)) if field.kind == "timestamp" else value


def instant(told: str) -> dt.datetime:
    """Odoo's instants are UTC, and told in whole seconds."""
    return dt.datetime.fromisoformat(told).replace(tzinfo=dt.UTC)


def at_odoo(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _shown(told: Mapping[str, Any], place: Place) -> Any:
    value, kind = told.get(place.at), place.field.kind
    if (value is False and kind != "boolean") or told.get(place.known) is False:
        return None
    if isinstance(value, list):  # of related records: their ids
        return ",".join(str(each) for each in value)
    return instant(value) if kind == "timestamp" and value else value


def _field(name: str, told: Mapping[str, Any], is_known: bool = False) -> Field:
    kind = KINDS.get(told["type"], "other")
    digits = told.get("digits")
    can_be_null = kind not in WITHOUT_NULL or is_known
    return Field(
        name=name,
        kind=kind,
        # longer ones are cut off without a word
        length=told.get("size") or None,
        scale=(digits[1] if digits else SCALE) if kind == "number" else None,
        choices=tuple(str(each[0]) for each in told.get("selection") or ()),
        # others are HTML, which Odoo writes anew, and related records
        is_writable=kind != "other"
        and can_be_null
        and bool(told.get("store", True))
        and not told.get("readonly", False),
        is_required=bool(told.get("required", False)),
    )


def _only_ours(field: Field) -> Field:
    return field if field.name.startswith(OURS) else replace(field, is_writable=False)
