"""Odoo's `load`: all rows of a call are written or none, and it names those that it will not take.

https://www.odoo.com/documentation/19.0/developer/reference/backend/orm.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobs.crm.adapter import Change, ErrorClass, Result
from jobs.crm.json2 import LOCKED, NOT_OURS, Session
from jobs.crm.odoo_values import SCORE, of_score
from jobs.crm.writing import Refused, as_one

GONE = ("Unknown database identifier", "No matching record found for database id")

# What the CRM says of records by their place in the batch; empty: all were written
Refusals = Mapping[int, tuple[ErrorClass, str]]


class Spoiled(Refused):
    """The CRM named the records that spoil a batch, and wrote none of it."""

    def __init__(self, refusals: Refusals) -> None:
        super().__init__(*next(iter(refusals.values())))
        self.refusals = refusals


def load(
    session: Session,
    model: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    context: Mapping[str, Any] | None = None,
) -> list[str | None]:
    """Make and change records; all of them, or none.

    Args:
        context: what else is said to Odoo about how to do it.

    Returns:
        their ids.

    Raises:
        Spoiled: some records cannot be taken.
    """
    told = session.call(
        model, "load", fields=list(header), data=list(rows), context=dict(context or {})
    )
    if told["ids"]:
        return [str(each) for each in told["ids"]]
    raise Spoiled(refusals(told["messages"], len(rows), model == SCORE))


def without_spoilers(
    batch: Sequence[Change], send: Callable[[Sequence[Change]], Sequence[str | None]]
) -> list[Result]:
    """As `as_one`, but records that the CRM names are left out at once, not found by halving."""
    refused: dict[str, tuple[ErrorClass, str]] = {}

    def send_others(changes: Sequence[Change]) -> list[str | None]:
        made: dict[str, str | None] = {}
        while left := [c for c in changes if c.subject not in refused and c.subject not in made]:
            try:
                made |= zip((change.subject for change in left), send(left), strict=True)
            except Spoiled as error:
                refused.update({left[at].subject: why for at, why in error.refusals.items()})
        return [made.get(change.subject) for change in changes]

    return [
        Result(told.subject, *refused[told.subject]) if told.subject in refused else told
        for told in as_one(batch, send_others)
    ]


def refusals(messages: Sequence[Mapping[str, Any]], rows: int, is_score: bool = False) -> Refusals:
    """Which records Odoo will not take, and why; its texts name values, so they go no further.

    Raises:
        Refused: it does not say which.
    """
    errors = [told for told in messages if told.get("type") == "error"]
    if any(LOCKED.search(told["message"]) for told in errors):
        raise Refused("transient", "row_locked")
    # of an error of the whole batch Odoo tells first, as of its first record, then of whose it is
    if len(errors) > 1 and errors[0]["message"] in {told["message"] for told in errors[1:]}:
        errors = errors[1:]
    named = {
        at: _refusal(told, is_score)
        for told in reversed(errors)
        for at in _rows_of(told)
        if 0 <= at < rows
    }
    if not named:
        raise Refused("data", "refused: not said why")
    return named


def _refusal(told: Mapping[str, Any], is_score: bool) -> tuple[ErrorClass, str]:
    text = told["message"]
    if any(gone in text for gone in GONE):
        return "conflict", "record_is_gone"
    if NOT_OURS in text:
        return "permission", "not_allowed"
    field = told.get("field")
    if is_score and field == "x_partner_id":
        # the row was not there any more, and without a partner none is made
        return "conflict", "changed_meanwhile"
    if field:
        name = of_score(field) if is_score else field
        return "data", f"not_accepted: {name}"
    return "data", "refused: by a rule of the CRM"


def _rows_of(told: Mapping[str, Any]) -> Iterable[int]:
    rows = told.get("rows")
    return range(rows["from"], rows["to"] + 1) if rows else (told.get("record", -1),)
