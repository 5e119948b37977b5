"""Salesforce's fields in our words, and our values in its: as JSON, in a CSV file, in a query.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/field_types.htm
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jobs.crm.adapter import Field, Kind

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("string", "textarea", "email", "phone", "url", "id", "reference"), "text"),
    **dict.fromkeys(("picklist", "combobox", "multipicklist", "encryptedstring"), "text"),
    **dict.fromkeys(("double", "currency", "percent"), "number"),
    **dict.fromkeys(("int", "long"), "integer"),
    "date": "date",
    "datetime": "timestamp",
    "boolean": "boolean",
}
# In a cell: set null. An empty cell leaves the field alone
# (https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_prepare_csv.htm)
NULL = "#N/A"
# Signs that an address may carry as they are, so that more ids fit into one
PLAIN = "',()=<>!:"


def field(told: Mapping[str, Any]) -> Field:
    """A field of `describe`; those that the user may not see are not in there."""
    kind = KINDS.get(told["type"], "other")
    choices = [each["value"] for each in told["picklistValues"] if each["active"]]
    if told["type"] == "picklist" and told["restrictedPicklist"]:
        kind = "choice"  # of others any text is taken
    if kind == "number" and told["scale"] == 0:
        kind = "integer"
    is_made = told["createable"] and not told["nillable"] and not told["defaultedOnCreate"]
    return Field(
        name=told["name"],
        kind=kind,
        length=told["length"] or None,
        scale=told["scale"] if kind == "number" else None,
        choices=tuple(choices) if kind == "choice" else (),
        is_writable=told["updateable"],
        is_required=is_made,
    )


def to_json(kind: Kind, value: str | None) -> Any:
    """A canonical value in the body of a request."""
    if value is None:
        return None
    match kind:
        case "number":
            return float(value)  # Salesforce's own numbers are doubles
        case "integer":
            return int(value)
        case "boolean":
            return value == "true"
        case "timestamp":
            return instant(dt.datetime.fromisoformat(value))
    return value


def to_cell(kind: Kind, value: str | None) -> str:
    """A canonical value in a file of a bulk job.

    `=`, `+`, `-` and `@` at its beginning stay: no spreadsheet opens this file, and a sign put
    before them would be saved with the value.
    """
    if value is None:
        return NULL
    return instant(dt.datetime.fromisoformat(value)) if kind == "timestamp" else value


def instant(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def quoted(text: str) -> str:
    """Text within a query."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f"'{escaped}'"


def literal(kind: Kind, text: str) -> str:
    """A canonical value within a query: only text stands in quotes."""
    if kind == "timestamp":
        return instant(dt.datetime.fromisoformat(text))
    return text if kind in {"number", "integer", "date", "boolean"} else quoted(text)


def in_address(soql: str) -> str:
    return quote(soql, safe=PLAIN)
