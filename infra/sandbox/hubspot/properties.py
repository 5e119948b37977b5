"""Properties of the double's contacts, and what each takes as a value.

The vendor's own are a few of those that every account has; the others are those that `install`
makes, and a few more for trying.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from jobs.crm import hubspot_install_parts as installed

KEY = "sales_account_id"
MERGED = "hs_merged_object_ids"
# https://knowledge.hubspot.com/contacts/property-field-types-in-hubspot
LONGEST_TEXT = 65_536

TEXT, NUMBER = ("string", "text"), ("number", "number")
INSTANT, CHOICE = ("datetime", "date"), ("enumeration", "select")
BOOLEAN = ("bool", "booleancheckbox")

VENDORS_GROUP = "contactinformation"
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


@dataclass(frozen=True)
class Property:
    """A property of contacts."""

    name: str
    form: tuple[str, str]  # its type and fieldType
    options: Sequence[str] = ()
    is_unique: bool = False
    is_read_only: bool = False
    is_vendors: bool = False
    group: str = VENDORS_GROUP
    label: str = ""  # empty: made of the name
    description: str = ""

    def told(self) -> dict[str, Any]:
        """As the properties API tells it."""
        kind, field_type = self.form
        return {
            "name": self.name,
            "label": self.label or self.name.replace("_", " ").capitalize(),
            "description": self.description,
            "type": kind,
            "fieldType": field_type,
            "groupName": self.group,
            "options": [{"label": o, "value": o, "hidden": False} for o in self.options],
            # the vendor says it of properties that a person made so
            "hasUniqueValue": self.is_unique and not self.is_vendors,
            "calculated": field_type == "calculation_equation",
            "hubspotDefined": self.is_vendors,
            "archived": False,
            "modificationMetadata": {
                "archivable": not self.is_vendors,
                "readOnlyDefinition": self.is_vendors,
                "readOnlyValue": self.is_read_only,
            },
        }


def vendors() -> dict[str, Property]:
    """Properties that an account has before anybody makes one."""
    told = [
        Property("email", TEXT, is_unique=True, is_vendors=True),
        *(Property(name, TEXT, is_vendors=True) for name in ("firstname", "lastname", "phone")),
        Property("lifecyclestage", CHOICE, ("lead", "customer", "evangelist"), is_vendors=True),
        *(
            Property(name, form, is_read_only=True, is_vendors=True)
            for name, form in {
                "createdate": INSTANT,
                "lastmodifieddate": INSTANT,
                "hs_object_id": NUMBER,
                MERGED: ("enumeration", "checkbox"),
                "hubspotscore": ("number", "calculation_equation"),
            }.items()
        ),
    ]
    return {each.name: each for each in told}


def standing() -> dict[str, Property]:
    """Properties of an account that was prepared for this pipeline, and a few more."""
    others = [
        Property("age_band", CHOICE, AGES),
        Property("score_delivered_at", INSTANT),
        Property("score_is_new", BOOLEAN, ("true", "false")),
    ]
    ours = [made(told) for told in installed.properties(KEY)]
    return vendors() | {each.name: each for each in [*ours, *others]}


def made(told: Mapping[str, Any]) -> Property:
    """A property as somebody asks for it over the API."""
    return Property(
        name=told["name"],
        form=(told["type"], told["fieldType"]),
        options=tuple(option["value"] for option in told.get("options", ())),
        is_unique=told.get("hasUniqueValue", False),
        group=told["groupName"],
        label=told["label"],
        description=told.get("description", ""),
    )


class NotTaken(ValueError):
    """A value that a property does not take; `code` is HubSpot's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def stored(of: Property, value: str) -> str:
    """A value as it is kept; empty clears.

    Raises:
        NotTaken: the property takes no such value. The message quotes it, as HubSpot's does.
    """
    if of.is_read_only or of.form[1] == "calculation_equation":
        raise NotTaken("READ_ONLY_VALUE", f"{of.name} is a read only property")
    value = value.strip()
    if not value:
        return ""
    match of.form[0]:
        case "number":
            return _number(value)
        case "date":
            return _date(value)
        case "datetime":
            return shown_instant(_instant(value))
        case "bool" | "enumeration":
            return _options(of, value)
    if len(value) > LONGEST_TEXT:
        raise NotTaken("TOO_LONG", f"{value[:20]}... is too long")
    return value.lower() if of.name == "email" else value


def _number(value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise NotTaken("INVALID_NUMBER", f"{value} was not a valid number") from None
    if not number.is_finite():
        raise NotTaken("INVALID_NUMBER", f"{value} was not a valid number")
    return f"{number.normalize() + 0:f}"


def _date(value: str) -> str:
    """A day, as text or as the milliseconds of its midnight in UTC."""
    if len(value) == len("2017-11-27") and value[4] == "-":
        return _instant(value).date().isoformat()
    at = _instant(value)
    if at.time() != dt.time(0):
        raise NotTaken("INVALID_DATE", f"{value} is not at midnight")
    return at.date().isoformat()


def _instant(value: str) -> dt.datetime:
    try:
        if value.lstrip("-").isdigit():
            return dt.datetime.fromtimestamp(int(value) / 1000, dt.UTC)
        at = dt.datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        raise NotTaken("INVALID_DATE", f"{value} was not a valid date") from None
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _options(of: Property, value: str) -> str:
    given = value.split(";") if of.form[1] == "checkbox" else [value]
    for each in given:
        if each not in of.options:
            allowed = ", ".join(of.options)
            raise NotTaken(
                "INVALID_OPTION", f"{each} was not one of the allowed options: {allowed}"
            )
    return value


def shown_instant(at: dt.datetime) -> str:
    """An instant as HubSpot's answers have it: UTC, milliseconds, Z."""
    return at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
