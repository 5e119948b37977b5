"""sObject Collections: rest:resources-composite-sobjects-collections-update.html, ...-upsert.html.

Up to 200 records a request, each with a result of its own, in the order of the request.
"""

from collections.abc import Mapping
from typing import Any

from infra.sandbox.salesforce.errors import ApiError, RowError, no_such_field
from infra.sandbox.salesforce.org import Org
from infra.sandbox.salesforce.saving import Saving, repeated
from infra.sandbox.salesforce.schema import OBJECTS, SObject

LARGEST = 200

Told = Mapping[str, Any]


class _RolledBack(Exception):
    """A record was refused where all were wanted."""


def update(org: Org, told: Told) -> list[dict[str, Any]]:
    """Records by `id`; here all are of one object."""
    records = _records(told)
    sobject = _sobject(records[0].get("attributes", {}).get("type"))
    saving = Saving(org, sobject)

    def save(record: Told) -> dict[str, Any]:
        return {"id": saving.update(record), "success": True, "errors": []}

    return _each(org, told, [_values(org, sobject, r) for r in records], save)


def upsert(org: Org, told: Told, name: str, key: str) -> list[dict[str, Any]]:
    """Records by an external id."""
    sobject = _sobject(name)
    column = sobject.columns.get(key)
    if column is None or not column.is_external_id:
        raise ApiError(400, "INVALID_FIELD", f"{key} is not an external id of {name}")
    records = [_values(org, sobject, record) for record in _records(told)]
    saving, twice = Saving(org, sobject), repeated([record.get(key) for record in records])

    def save(record: Told) -> dict[str, Any]:
        if record.get(key) in twice:
            raise RowError(
                "DUPLICATE_VALUE", f"Duplicate external id specified: {record[key]}", key
            )
        made, is_new = saving.upsert(key, record)
        return {"id": made, "success": True, "errors": [], "created": is_new}

    return _each(org, told, records, save)


def _each(org: Org, told: Told, records: list[dict[str, Any]], save: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    try:
        with org.storage.transaction():
            for record in records:
                try:
                    results.append(save(record))
                except RowError as error:
                    results.append({"success": False, "errors": [error.as_json()]})
            if told.get("allOrNone") and not all(result["success"] for result in results):
                raise _RolledBack
    except _RolledBack:
        undone = RowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back")
        rolled_back = {"success": False, "errors": [undone.as_json()]}
        return [r if not r["success"] else rolled_back for r in results]
    return results


def _records(told: Told) -> list[dict[str, Any]]:
    records = told.get("records") if isinstance(told, dict) else None
    if not isinstance(records, list) or not records:
        raise ApiError(400, "JSON_PARSER_ERROR", "a list `records` is required")
    if len(records) > LARGEST:
        message = f"record limit reached. cannot submit more than {LARGEST} records in this call"
        raise ApiError(400, "LIMIT_EXCEEDED", message)
    return records


def _sobject(name: Any) -> SObject:
    if name not in OBJECTS:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
    return OBJECTS[name]


def _values(org: Org, sobject: SObject, record: Told) -> dict[str, Any]:
    """A record's values; an unknown field refuses the request as a whole (*assumed*)."""
    known = {column.name.lower(): column.name for column in org.rights.seen(sobject)}
    values = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if name.lower() not in known:
            raise no_such_field(name, sobject.name)
        values[known[name.lower()]] = value
    return values
