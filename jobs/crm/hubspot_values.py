"""HubSpot's properties as fields, and their values, which are texts both ways.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from jobs.crm.adapter import Field, Kind

# https://knowledge.hubspot.com/contacts/property-field-types-in-hubspot
LONGEST_TEXT = 65_536
SCALE = 6  # HubSpot tells none: numbers are rounded to as many digits before they are sent

KINDS: Mapping[str, Kind] = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "timestamp",
    "bool": "boolean",
    "enumeration": "choice",
}


def described(told: Mapping[str, Any]) -> Field:
    """A property as the properties API tells it."""
    options = [o["value"] for o in told.get("options", ()) if not told.get("externalOptions")]
    kind = KINDS.get(told["type"], "other")
    if told["fieldType"] == "booleancheckbox":
        kind = "boolean"
    elif kind == "choice" and (told["fieldType"] == "checkbox" or not options):
        kind = "other"  # several at once, or such as are kept elsewhere
    is_read_only = told.get("modificationMetadata", {}).get("readOnlyValue", False)
    return Field(
        name=told["name"],
        kind=kind,
        length=LONGEST_TEXT if kind == "text" else None,
        scale=SCALE if kind == "number" else None,
        choices=tuple(options) if kind == "choice" else (),
        is_writable=not (is_read_only or told.get("calculated")),
    )


def to_wire(field: Field, value: str | None) -> str:
    """A canonical value as HubSpot takes it; the empty text clears."""
    if value is None:
        return ""
    if field.kind == "timestamp":
        at = dt.datetime.fromisoformat(value).astimezone(dt.UTC)
        return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return value
