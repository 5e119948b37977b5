"""Fields of a destination that cannot describe itself: as the connection tells of them."""

from typing import get_args

from jobs.crm.adapter import CrmError, Field, Kind

KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "other")


def told_fields(told: str) -> dict[str, Field]:
    """`name:kind` with blanks between; after the kind a length, a scale or choices with | between.

    Raises:
        CrmError: one is not of this form, or comes twice.
    """
    fields: dict[str, Field] = {}
    for each in told.split():
        field = _field(each)
        if field.name in fields:
            raise CrmError("data", f"field {field.name} stands in `fields` twice")
        fields[field.name] = field
    return fields


def _field(told: str) -> Field:
    name, kind, more, *_ = [*told.split(":"), "", ""]
    found = next((known for known in KINDS if known == kind), None)
    if not name or found is None:
        raise CrmError("data", f"{told}: a kind is one of {', '.join(KINDS)}")
    is_size = found in {"text", "number"} and bool(more)
    if is_size and not more.isdecimal():
        raise CrmError("data", f"{told}: {more!r} is no number of characters or digits")
    return Field(
        name=name,
        kind=found,
        length=int(more) if is_size and found == "text" else None,
        scale=int(more) if is_size and found == "number" else None,
        choices=tuple(more.split("|")) if more and found == "choice" else (),
    )
