"""A mapping held against what its CRM describes and what the outbox has: every fault at once."""

from collections.abc import Collection, Mapping, Sequence

from jobs import lake
from jobs.crm.access import module
from jobs.crm.adapter import Adapter, CrmError, Description
from jobs.delivery import mapping as mappings
from jobs.delivery.access import connect
from jobs.delivery.entries import EMAIL, ID, FieldMap
from jobs.delivery.mapping import ConnectionMap, MappingError, Place
from jobs.delivery.subjects import outbox_columns
from jobs.settings import SettingsError

# Kinds of fields that take a column's values, by its type
NUMBERS = ("text", "number")
TAKES: Mapping[str, Sequence[str]] = {
    "string": ("text", "choice"),
    "boolean": ("text", "boolean"),
    "date": ("text", "date"),
    "timestamp": ("text", "timestamp"),
    "reference": ("text", "integer"),  # to a record: its id
    **dict.fromkeys(("double", "float", "decimal"), NUMBERS),
    **dict.fromkeys(("long", "integer", "short"), (*NUMBERS, "integer")),
}


def load(connection: str, crm: Adapter | None = None) -> ConnectionMap:
    """A connection's mapping; where its form is wrong, its CRM is asked about what is sound of it.

    Args:
        crm: null: the connection's own.

    Raises:
        MappingError: with all faults of the form, and of what is sound beside them.
    """
    draft = mappings.drafted(connection)
    if not draft.faults or draft.sound is None:
        return draft.whole
    try:
        described = (crm or connect(draft.sound, is_hurried=True)).describe()
        told = faults(draft.sound, described, outbox_columns(draft.sound), draft.without)
    except (CrmError, SettingsError, lake.NoSuchTable) as error:
        told = [f"the rest is not checked against the CRM: {error}"]
    raise MappingError(f"{connection}.yaml: {'; '.join([*draft.faults, *told])}")


def check(mapping: ConnectionMap, crm: Description, columns: Mapping[str, str]) -> None:
    """Raise MappingError with all that of a mapping does not fit the CRM or the outbox.

    Args:
        columns: the outbox's, with their types as Delta writes them.
    """
    if found := faults(mapping, crm, columns):
        raise MappingError(f"{mapping.connection}.yaml: {'; '.join(found)}")


def faults(
    mapping: ConnectionMap,
    crm: Description,
    columns: Mapping[str, str],
    without: Collection[Place] = (),
) -> list[str]:
    """What of a mapping does not fit.

    Args:
        columns: the outbox's, with their types as Delta writes them.
        without: what the mapping's file says, and says wrong.
    """
    found = [*_column_faults(mapping, columns), *_key_faults(mapping, crm)]
    if mapping.mode != "update_only":
        found += _create_faults(mapping, crm, without)
    return found + _field_faults(mapping, crm, columns)


def _field_faults(
    mapping: ConnectionMap, crm: Description, columns: Mapping[str, str]
) -> list[str]:
    found = []
    if missing := [name for name in mapping.fields if name not in crm.fields]:
        none = f"{crm.system} has no such field{'s' if missing[1:] else ''}"
        found.append(f"{', '.join(missing)}: {none}; {_maker(mapping)}")
    there = {name: field for name, field in crm.fields.items() if name in mapping.fields}
    for name, field in there.items():
        of = mapping.fields[name]
        if not field.is_writable or field.kind == "other":
            found.append(f"{name}: {crm.system} does not let us write it ({field.kind})")
        elif of.transform in ("lines", "texts", "link") and field.kind != "text":
            found.append(f"{name}: {of.transform} needs a text field, it is a {field.kind}")
        elif unfit := _unfit(of, field.kind, columns):
            found.append(f"{name}: {unfit}")
    return found


def _maker(mapping: ConnectionMap) -> str:
    """Who makes fields of ours, those of a newer version among them."""
    is_named_there = "fields" in mapping.server  # by the connection itself: a table's, a file's
    if is_named_there or module(f"{mapping.adapter}_install") is None:
        return "how ours are made: docs/delivery.md, After an upgrade"
    return f'ours are made by `make crm C="install --connection {mapping.connection}"`'


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
    if not missing:
        return []
    told = f"column{'s' if missing[1:] else ''} {', '.join(missing)}: the outbox has none of "
    built = f"a column of a newer version is there once sales_daily has built {mapping.outbox}"
    return [f"{told}{'these names' if missing[1:] else 'this name'}; {built}"]


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
    faults += [
        f"returns.{name}: {crm.system} has no field {field}"
        for name, field in sorted(mapping.returns.items())
        if field not in crm.fields
    ]
    return faults


def _create_faults(
    mapping: ConnectionMap, crm: Description, without: Collection[Place]
) -> list[str]:
    mode = f"mode {mapping.mode}"
    faults = [] if crm.can_create else [f"{mode}: {crm.system} does not let us create records"]
    if {("match",), ("match", 0)} & set(without):
        return faults  # by which key is not known
    key, unique = mapping.create_by.field, ", ".join(crm.enforced_keys)
    if key not in crm.enforced_keys:
        faults.append(f"{mode}: key {key}: {crm.system} keeps only {unique} unique")
    named = {*mapping.fields, *(place[-1] for place in without if place[0] == "fields")}
    needed = {name for name, field in crm.fields.items() if field.is_required}
    faults += [
        f"{mode}: {name} is required by {crm.system} and not mapped"
        for name in sorted(needed - named - {key})
    ]
    return faults
