"""A connection's mapping: which of our columns goes to which field of the CRM, and whose it is."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from jobs import reviewed
from jobs.crm import adapter
from jobs.delivery.entries import (
    EMAIL,
    ID,
    FieldMap,
    Limits,
    Purpose,
    Rate,
    Rung,
    Said,
    outbox,
)
from jobs.delivery.transforms import TRANSFORMS
from jobs.reviewed import NoYaml, Part, Server
from jobs.settings import settings

ADAPTERS = Path(adapter.__file__).parent

Place = tuple[str | int, ...]  # in a mapping's file, such as ("fields", "score_grade")

# Of these each entry stands by itself: one that is wrong leaves the others as they are
ENTRIES = {"match", "fields", "purposes", "restrictions"}
SECRET = re.compile(r"[a-z0-9_]*")  # the name of one


class MappingError(Exception):
    """A mapping that cannot be used; the message names every fault at once."""


class ConnectionMap(Part):
    """A connection as written in connections/<name>.yaml."""

    connection: str
    sha256: str
    adapter: str
    server: Server = Field(default_factory=dict)
    # create_only: what is made is never changed
    mode: Literal["update_only", "create", "create_only"] = "update_only"
    customers: str | None = None  # of tasks: the connection that delivers to whom they are about
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
    # of tasks: fields that tell what people did with them
    returns: Mapping[Literal["state", "outcome", "closed_date"], str] = {}

    @property
    def create_by(self) -> Rung:
        """The key that the CRM keeps a created record alone by: the first of the ladder."""
        return self.match[0]

    @property
    def read_fields(self) -> list[str]:
        """What must be read of a record to compare and to match it."""
        keys = {rung.field for rung in self.match} - {ID}
        return sorted({*self.fields, *keys, *self.rights_fields, *self.returns.values()})

    @property
    def contact_fields(self) -> set[str]:
        """Of the CRM, that customers are found by and that are personal data."""
        return {rung.field for rung in self.match if rung.is_contact}

    @property
    def rights_fields(self) -> set[str]:
        """Where the CRM says what a customer does not want."""
        objection = [self.objection] if self.objection else []
        return {said.field for said in (*objection, *self.restrictions.values())}

    @property
    def outbox(self) -> str:
        """The table whose rows are delivered."""
        return outbox(self.customers)

    @property
    def what(self) -> str:
        """What is delivered, in the words of those who read it."""
        return "tasks" if self.customers else "customers"

    def unwanted(self, field: str) -> list[tuple[str, Said]]:
        """Why a field of ours may not be shown, as a reason, and what of the CRM says so."""
        return self.refusals(self.fields[field].channel)

    def refusals(self, channel: str | None) -> list[tuple[str, Said]]:
        """Why a customer may not be addressed by a channel (null: at all), as reasons, and what of
        the CRM says so."""
        found = [("objected", self.objection)] if self.objection else []
        if channel is not None:
            found.append((f"no_contact_by_{channel}", self.restrictions[channel]))
        return found

    @property
    def grade_field(self) -> str | None:
        """The field that shows the grade; null: none does."""
        return self.showing("grade")

    @property
    def until_field(self) -> str | None:
        """The field that shows how long the values hold; null: none does."""
        return self.showing("valid_until")

    def showing(self, column: str) -> str | None:
        """The field that shows a column as it is; null: none does."""
        return next((name for name, of in self.fields.items() if of.columns == (column,)), None)

    def value(self, field: str, values: Sequence[Any]) -> Any:
        """What the values of a field's columns put into it, before that is made canonical."""
        of = self.fields[field]
        return TRANSFORMS[of.transform]([of.to, *values] if of.transform == "link" else values)


class Sound(ConnectionMap):
    """What is sound of a mapping; it may lack what no mapping does without."""

    match: tuple[Rung, ...] = ()
    fields: Mapping[str, FieldMap] = {}
    purposes: Mapping[str, Purpose] = {}


@dataclass(frozen=True)
class Draft:
    """What a connection's file says, and what is wrong with its form."""

    connection: str
    sound: ConnectionMap | None  # null: too little is, or what leads to the CRM is not
    faults: Sequence[str]
    without: frozenset[Place]  # what is left out of what is sound

    @property
    def whole(self) -> ConnectionMap:
        """The mapping; raises MappingError where it has a fault."""
        if self.faults or self.sound is None:
            raise MappingError(f"{self.connection}.yaml: {'; '.join(self.faults)}")
        return self.sound


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
    return drafted(connection).whole


def parse(connection: str, text: str) -> ConnectionMap:
    """A mapping from its YAML.

    Raises:
        MappingError: it is not of this form.
    """
    return _drafted(connection, text).whole


def drafted(connection: str) -> Draft:
    """A connection's mapping, whether it is of this form or not.

    Raises:
        MappingError: there is none, or its file cannot be read.
    """
    if connection not in names():
        raise MappingError(
            f"no connection {connection!r}; the connections are: {', '.join(names())}"
        )
    try:
        text = reviewed.text_of(settings().connections / f"{connection}.yaml")
    except NoYaml as error:
        raise MappingError(f"{connection}.yaml {error}") from None
    return _drafted(connection, text)


def _drafted(connection: str, text: str) -> Draft:
    try:
        read = reviewed.read(text)
    except NoYaml as error:
        raise MappingError(f"{connection}.yaml: {error}") from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    told = read if isinstance(read, dict) else {}
    told = told | {"connection": connection, "sha256": digest}
    faults: list[str] = []
    without: set[Place] = set()
    try:
        made: ConnectionMap | None = ConnectionMap.model_validate(told)
    except ValidationError as error:
        # a list whose entries are all wrong counts as too short as well
        places = {each["loc"][0] for each in error.errors() if len(each["loc"]) > 1}
        errors = [
            e for e in error.errors() if e["type"] != "too_short" or e["loc"][0] not in places
        ]
        faults = [reviewed.fault_of(each) for each in errors]
        without = {_entry(each["loc"]) for each in errors}
        made = _sound(told, without)
    if made is not None:
        of_the_way = _of_the_way(made)
        faults += of_the_way + _inconsistent(made, told, without)
        if of_the_way or ("server",) in without:
            made = None
    return Draft(connection, made, faults, frozenset(without))


def _entry(place: Place) -> Place:
    """What stands or falls as one with a place in a mapping."""
    return place[: 2 if place[0] in ENTRIES else 1]


def _sound(told: Mapping[Any, Any], without: Collection[Place]) -> ConnectionMap | None:
    """What a mapping says in other places than these; null: too little to ask a CRM about."""
    left = {name: part for name, part in told.items() if (name,) not in without}
    for name in ENTRIES & left.keys():
        if isinstance(left[name], dict):
            kept = {key: of for key, of in left[name].items() if (name, key) not in without}
            left[name] = kept
        else:
            left[name] = [of for n, of in enumerate(left[name]) if (name, n) not in without]
    try:
        return Sound.model_validate(left)
    except ValidationError:
        return None


def _of_the_way(mapping: ConnectionMap) -> list[str]:
    """Why the CRM cannot be asked."""
    faults = []
    if not is_adapter(mapping.adapter):
        faults.append(f"adapter {mapping.adapter!r}: jobs/crm has no adapter of this name")
    if not SECRET.fullmatch(mapping.server.get("secret", "")):  # not shown: it may be one
        faults.append("server.secret is the name of a secret: small letters, digits and _")
    return faults


def _inconsistent(
    mapping: ConnectionMap, told: Mapping[Any, Any], without: Collection[Place]
) -> list[str]:
    """What contradicts itself; what is named counts as told of, however it is told."""
    purposes, restrictions = (
        [str(name) for name in told.get(part) or {}] if (part,) not in without else []
        for part in ("purposes", "restrictions")
    )
    faults = [
        f"{name}: purpose {of.purpose!r} is none of {', '.join(purposes)}"
        for name, of in mapping.fields.items()
        if purposes and of.purpose not in purposes
    ]
    faults += [
        f"{name}: channel {of.channel!r} is none of the restrictions"
        f" ({', '.join(restrictions) or 'there are none'})"
        for name, of in mapping.fields.items()
        if of.channel is not None and of.channel not in restrictions
    ]
    is_first = ("match", 0) not in without
    if is_first and mapping.match and mapping.match[0].is_contact:
        faults.append(f"match: {EMAIL} cannot be the first key: begin with one of our own")
    keys = {rung.field for rung in mapping.match}
    faults += [f"{name}: a key must not be mapped too" for name in mapping.fields if name in keys]
    known: dict[str, str] = {}
    for name in mapping.read_fields:
        if (other := known.setdefault(name.lower(), name)) != name:
            faults.append(f"{name}: {other} differs from it by its case only: map one of them")
    return faults + _of_tasks(mapping)


def _of_tasks(mapping: ConnectionMap) -> list[str]:
    """What does not go together: what is made once is a task, and a task is about a customer."""
    is_once = mapping.mode == "create_only"
    if is_once != (mapping.customers is not None):
        lacking = "customers" if is_once else "mode create_only"
        return [f"{lacking} is missing: tasks are made once, for customers of another connection"]
    if not is_once:
        return ["returns: only tasks tell what became of them"] if mapping.returns else []
    faults = [
        f"{name}: ownership {of.ownership} is not of tasks: they are filled once, write if_empty"
        for name, of in mapping.fields.items()
        if of.ownership != "if_empty"
    ]
    if mapping.objection or mapping.restrictions:
        faults.append("objection, restrictions: those of the customers' connection count")
    if mapping.match and mapping.match[0].column != "task_key":
        faults.append("match: a task is found by its key: from task_key")
    if mapping.showing("customer_record_id") is None:
        faults.append("fields: none is from customer_record_id: a task is about a customer")
    if mapping.customers not in names() or mapping.customers == mapping.connection:
        others = ", ".join(name for name in names() if name != mapping.connection)
        faults.append(f"customers {mapping.customers!r} is none of the connections {others}")
    return faults
