"""Calls about properties and their groups, and the scope that each call needs.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

import re
from collections.abc import Mapping
from typing import Any

from infra.sandbox.hubspot.account import Account, Problem
from infra.sandbox.hubspot.answers import batch
from infra.sandbox.hubspot.properties import made

# https://legacydocs.hubspot.com/docs/methods/contacts/v2/create_contacts_property
NAME = re.compile(r"[a-z][a-z0-9_]*")
READ, WRITE = "crm.objects.contacts.read", "crm.objects.contacts.write"
SCHEMAS, MAKE = "crm.schemas.contacts.read", "crm.schemas.contacts.write"
# By the calls' names in `contract`
# https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
SCOPES = {
    **dict.fromkeys(("read", "page", "search"), READ),
    **dict.fromkeys(("update", "upsert"), WRITE),
    **dict.fromkeys(("properties", "groups"), SCHEMAS),
    **dict.fromkeys(("create_properties", "create_group"), MAKE),
}

Told = tuple[int, Any]
Query = Mapping[str, list[str]]


def properties(account: Account, query: Query, body: Any) -> Told:
    return 200, {"results": [each.told() for each in account.properties.values()]}


def create_properties(account: Account, query: Query, body: Any) -> Told:
    """All or, where one cannot be made, none."""
    new = [made(told) for told in body["inputs"]]
    if there := [each.name for each in new if each.name in account.properties]:
        raise Problem("CONFLICT", f"there are properties of these names: {there}", status=409)
    for each in new:
        _check_name(each.name)
        if each.group not in account.groups:
            raise Problem("VALIDATION_ERROR", f"there is no group {each.group}")
    account.properties |= {each.name: each for each in new}
    return 201, batch([each.told() for each in new])


def groups(account: Account, query: Query, body: Any) -> Told:
    return 200, {"results": [_group(*each) for each in account.groups.items()]}


def create_group(account: Account, query: Query, body: Any) -> Told:
    if body["name"] in account.groups:
        raise Problem("CONFLICT", f"there is a group {body['name']}", status=409)
    _check_name(body["name"])
    account.groups[body["name"]] = body["label"]
    return 201, _group(body["name"], body["label"])


def _group(name: str, label: str) -> dict[str, Any]:
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Problem("VALIDATION_ERROR", f"{name}: small letters, digits and _ only")
