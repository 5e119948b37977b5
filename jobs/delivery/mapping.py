"""A connection's mapping: which of our columns goes to which field of the CRM, and whose it is."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, ValidationError, model_validator

from jobs import reviewed
from jobs.crm import adapter
from jobs.crm.adapter import Description
from jobs.reviewed import NoYaml, Part, Server
from jobs.settings import settings

ADAPTERS = Path(adapter.__file__).parent

ID = "id"  # of a rung's field: the CRM's own id of a record
EMAIL = "accounts.email"  # of a rung: the e-mail address of bronze.accounts

Ownership = Literal["always", "if_empty", "if_ours"]
Transform = Literal["as_is", "lines", "texts", "words", "first", "link"]

# where a link may begin: what stands before an @ would be a password, and what comes behind a host
# without a slash would be another host
PAGE = re.compile(r"https?://[^/\s@?#\"'<>\\]+[/?#][^\s\"'<>\\]*")


# Kinds of fields that take a column's values, by its type
NUMBERS = ("text", "number")
TAKES: Mapping[str, Sequence[str]] = {
    "string": ("text", "choice"),
    "boolean": ("text", "boolean"),
    "date": ("text", "date"),
    "timestamp": ("text", "timestamp"),
    **dict.fromkeys(("double", "float", "decimal"), NUMBERS),
    **dict.fromkeys(("long", "integer", "short"), (*NUMBERS, "integer")),
}


SECRET = re.compile(r"[a-z0-9_]*")  # the name of one


class MappingError(Exception):
    """A mapping that cannot be used; the message names every fault at once."""


class Rung(Part):
    """A way to find a customer's record: by a field of the CRM that holds one of our columns."""

    field: str
    column: str = Field(alias="from")

    @property
    def is_contact(self) -> bool:
        """Personal data that the outbox does not have: see `contact_keys`."""
        return self.column == EMAIL


class FieldMap(Part):
    """What a field of the CRM is made from, whose it is, and what for."""

    columns: tuple[str, ...] = Field(alias="from", min_length=1)
    transform: Transform = Field(alias="as")
    ownership: Ownership
    purpose: str
    channel: str | None = None  # by which a customer is addressed on what it says
    to: str = ""  # of a link: the address that its columns stand behind; empty: there is no link

    @model_validator(mode="before")
    @classmethod
    def one_or_several(cls, told: Any) -> Any:
        if isinstance(told, dict) and isinstance(told.get("from"), str):
            return told | {"from": (told["from"],)}
        return told

    @model_validator(mode="after")
    def leads_to_a_page(self) -> "FieldMap":
        if self.to and self.transform != "link":
            raise ValueError(f"to: only a link leads somewhere, not {self.transform}")
        if self.to and not PAGE.fullmatch(self.to):
            shown = re.sub(r"^.*@", "…@", self.to)
            raise ValueError(
                f"to {shown!r} must begin with http:// or https://, a host and a slash, without "
                "user and password: they are secrets"
            )
        return self


class Purpose(Part):
    """Why personal data is processed, and what allows it."""

    text: str
    legal_basis: str


class Said(Part):
    """A field by which the CRM says what a customer does not want, and the value that says so."""

    field: str
    value: str


class Limits(Part):
    """From where on a person must look at a plan, and what is not done at all."""

    changed_share: float = Field(0.5, ge=0, le=1)  # of the customers compared
    flip_share: float = Field(0.25, ge=0, le=1)  # whose grade becomes another, of those with one
    creates: int = Field(0, ge=0)  # customers
    clear_share: float = Field(0.02, ge=0, le=1)  # of the customers with values of ours
    mass_clear_share: float = Field(0.2, ge=0, le=1)  # above it only with --allow-mass-clear
    # after these a plan that waits for a person expires
    answer_hours: float = Field(24, gt=0, le=8_760)
    plan_days: float = Field(7, gt=0, le=365)  # a plan older than this is not sent any more
    refused_share: float = Field(0.05, ge=0, le=1)  # rejected by the CRM: above it apply stops
    moved_share: float = Field(0.01, ge=0, le=1)  # changed since the plan: above it apply stops
    canary: int = Field(100, ge=1)  # customers that are sent and verified first


class Rate(Part):
    """How fast the CRM may be asked."""

    requests_a_second: float = Field(20, gt=0, le=10_000)
    daily_share: float = Field(0.8, gt=0, le=1)  # of the organisation's requests a day


class ConnectionMap(Part):
    """A connection as written in connections/<name>.yaml."""

    connection: str
    sha256: str
    adapter: str
    server: Server = Field(default_factory=dict)
    mode: Literal["update_only", "create"] = "update_only"
    match: tuple[Rung, ...] = Field(min_length=1)  # tried in this order
    fields: Mapping[str, FieldMap] = Field(min_length=1)
    purposes: Mapping[str, Purpose] = Field(min_length=1)
    objection: Said | None = None  # to profiling: nothing of ours is shown
    restrictions: Mapping[str, Said] = {}  # of contact, by channel: what needs it is not shown
    limits: Limits = Limits()
    rate: Rate = Rate()
    approvers: tuple[str, ...] = ()  # names of users of Airflow
    four_eyes: bool = False  # who asked for a plan may not approve it
    reconcile_hours: float = Field(24, gt=0, le=8_760)  # between two reads of everything there is

    @model_validator(mode="after")
    def consistent(self) -> "ConnectionMap":
        faults = (
            []
            if is_adapter(self.adapter)
            else [f"adapter {self.adapter!r}: jobs/crm has no adapter of this name"]
        )
        if not SECRET.fullmatch(self.server.get("secret", "")):  # not shown: it may be one
            faults.append("server.secret is the name of a secret: small letters, digits and _")
        faults += [
            f"{name}: purpose {of.purpose!r} is none of {', '.join(self.purposes)}"
            for name, of in self.fields.items()
            if of.purpose not in self.purposes
        ]
        faults += [
            f"{name}: channel {of.channel!r} is none of the restrictions"
            f" ({', '.join(self.restrictions) or 'there are none'})"
            for name, of in self.fields.items()
            if of.channel is not None and of.channel not in self.restrictions
        ]
        if self.match[0].is_contact:
            faults.append(f"match: {EMAIL} cannot be the first key: begin with one of our own")
        keys = {rung.field for rung in self.match}
        faults += [f"{name}: a key must not be mapped too" for name in self.fields if name in keys]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def create_by(self) -> Rung:
        """The key that the CRM keeps a created record alone by: the first of the ladder."""
        return self.match[0]

    @property
    def read_fields(self) -> list[str]:
        """What must be read of a record to compare and to match it."""
        keys = {rung.field for rung in self.match} - {ID}
        return sorted({*self.fields, *keys, *self.rights_fields})

    @property
    def contact_fields(self) -> set[str]:
        """Of the CRM, that customers are found by and that are personal data."""
        return {rung.field for rung in self.match if rung.is_contact}

    @property
    def rights_fields(self) -> set[str]:
        """Where the CRM says what a customer does not want."""
        objection = [self.objection] if self.objection else []
        return {said.field for said in (*objection, *self.restrictions.values())}

    def unwanted(self, field: str) -> list[tuple[str, Said]]:
        """Why a field of ours may not be shown, as a reason, and what of the CRM says so."""
        found = [("objected", self.objection)] if self.objection else []
        if channel := self.fields[field].channel:
            found.append((f"no_contact_by_{channel}", self.restrictions[channel]))
        return found

    @property
    def grade_field(self) -> str | None:
        """The field that shows the grade; null: none does."""
        shown = (name for name, of in self.fields.items() if of.columns == ("grade",))
        return next(shown, None)

    def value(self, field: str, row: Mapping[str, Any]) -> Any:
        """What a row of the outbox puts into a field, before it is made canonical."""
        of = self.fields[field]
        values = [row[column] for column in of.columns]
        return TRANSFORMS[of.transform]([of.to, *values] if of.transform == "link" else values)


def _as_is(values: Sequence[Any]) -> Any:
    return values[0]


def _lines(values: Sequence[Any]) -> str:
    return "\n".join(str(item) for item in values[0] or [] if item is not None)


def _texts(values: Sequence[Any]) -> str:
    return "\n".join(str(item["text"]) for item in values[0] or [] if item and item["text"])


def _words(values: Sequence[Any]) -> str:
    return " ".join(str(value) for value in values if value is not None)


def _first(values: Sequence[Any]) -> Any:
    return next((item for item in values[0] or [] if item is not None), None)


def _link(values: Sequence[Any]) -> str | None:
    """An address and the values behind it, each as one part of a path; null where one is not."""
    to, *parts = ("" if value is None else str(value) for value in values)
    return to + "/".join(quote(part, safe="") for part in parts) if to and all(parts) else None


TRANSFORMS: Mapping[Transform, Callable[[Sequence[Any]], Any]] = {
    "as_is": _as_is,
    "lines": _lines,
    "texts": _texts,
    "words": _words,
    "first": _first,
    "link": _link,
}


def is_adapter(name: str) -> bool:
    """Whether a file of jobs/crm is one; it is not imported: a mapping is read without its CRM."""
    path = ADAPTERS / f"{name}.py"
    is_plain = re.fullmatch(r"[a-z0-9_]+", name) is not None
    return is_plain and path.exists() and "\ndef connect(access: " in path.read_text()


def names() -> list[str]:
    """All connections."""
    return sorted(path.stem for path in settings().connections.glob("*.yaml"))


def load(connection: str) -> ConnectionMap:
    """Read a connection's mapping.

    Raises:
        MappingError: there is none, or it is not of this form.
    """
    if connection not in names():
        raise MappingError(
            f"no connection {connection!r}; the connections are: {', '.join(names())}"
        )
    try:
        text = reviewed.text_of(settings().connections / f"{connection}.yaml")
    except NoYaml as error:
        raise MappingError(f"{connection}.yaml {error}") from None
    return parse(connection, text)


def parse(connection: str, text: str) -> ConnectionMap:
    """A mapping from its YAML.

    Raises:
        MappingError: it is not of this form.
    """
    try:
        read = reviewed.read(text)
    except NoYaml as error:
        raise MappingError(f"{connection}.yaml: {error}") from None
    told = read if isinstance(read, dict) else {}
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        return ConnectionMap.model_validate(told | {"connection": connection, "sha256": digest})
    except ValidationError as error:
        faults = [fault_of(each) for each in error.errors()]
        raise MappingError(f"{connection}.yaml: {'; '.join(faults)}") from None


def fault_of(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in our words: the place, the value, what is wrong with it."""
    said, given = error["msg"], error["input"]
    where = ".".join(str(part) for part in error["loc"])
    said = said.removeprefix("Value error, ").replace("Input should be", "must be")
    said = said.replace("a valid tuple", "a list").replace(
        "a valid dictionary", "name: value lines"
    )
    if said == "Field required":
        return f"{where} is missing"
    if said.startswith("Extra inputs"):
        return f"{where}: there is no such setting"
    told = f" {given!r}" if isinstance(given, str | int | float | None) else ""
    return f"{where}{told} {said[0].lower()}{said[1:]}" if where else said


def check(mapping: ConnectionMap, crm: Description, columns: Mapping[str, str]) -> None:
    """Hold a mapping against what the CRM describes and what the outbox has.

    Args:
        columns: the outbox's, with their types as Delta writes them.

    Raises:
        MappingError: with all faults.
    """
    faults = [*_column_faults(mapping, columns), *_key_faults(mapping, crm)]
    for name, of in mapping.fields.items():
        field = crm.fields.get(name)
        if field is None:
            faults.append(
                f"{name}: {crm.system} has no such field; one of ours is made by `install`"
            )
        elif not field.is_writable or field.kind == "other":
            faults.append(f"{name}: {crm.system} does not let us write it ({field.kind})")
        elif of.transform in ("lines", "texts", "link") and field.kind != "text":
            faults.append(f"{name}: {of.transform} needs a text field, it is a {field.kind}")
        elif unfit := _unfit(of, field.kind, columns):
            faults.append(f"{name}: {unfit}")
    if faults:
        raise MappingError(f"{mapping.connection}.yaml: {'; '.join(faults)}")


def _unfit(of: FieldMap, kind: str, columns: Mapping[str, str]) -> str | None:
    """Why no value of a column can stand in a field of this kind; null: they can."""
    made = columns.get(of.columns[0], "") if of.transform == "as_is" else "string"
    if not made or kind in TAKES.get(made.partition("(")[0], ("text",)):
        return None
    return f"{of.columns[0]} is a {made}, the CRM's field a {kind}"


def _column_faults(mapping: ConnectionMap, columns: Mapping[str, str]) -> list[str]:
    wanted = {rung.column for rung in mapping.match if not rung.is_contact}
    wanted |= {column for of in mapping.fields.values() for column in of.columns}
    missing = sorted(wanted - columns.keys())
    return [f"column {column}: the outbox has none of this name" for column in missing]


def _key_faults(mapping: ConnectionMap, crm: Description) -> list[str]:
    faults = [
        f"key {rung.field}: {crm.system} has no such field"
        for rung in mapping.match
        if rung.field != ID and rung.field not in crm.fields
    ]
    if not crm.can_list and any(rung.is_contact for rung in mapping.match):
        faults.append(f"match: {crm.system} is asked by key only, and not by {EMAIL}")
    faults += [
        f"objection or restriction {name}: {crm.system} has no such field"
        for name in sorted(mapping.rights_fields - set(crm.fields))
    ]
    if mapping.mode == "create":
        faults += _create_faults(mapping, crm)
    return faults


def _create_faults(mapping: ConnectionMap, crm: Description) -> list[str]:
    key, unique = mapping.create_by.field, ", ".join(crm.enforced_keys)
    faults = [] if crm.can_create else [f"mode create: {crm.system} does not let us create records"]
    if key not in crm.enforced_keys:
        faults.append(f"mode create: key {key}: {crm.system} keeps only {unique} unique")
    needed = {name for name, field in crm.fields.items() if field.is_required}
    faults += [
        f"mode create: {name} is required by {crm.system} and not mapped"
        for name in sorted(needed - set(mapping.fields) - {key})
    ]
    return faults
