"""A connection's mapping: which of our columns goes to which field of the CRM, and whose it is."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from jobs.crm import adapter
from jobs.crm.adapter import Description

CONNECTIONS = Path(__file__).parent / "connections"
ADAPTERS = Path(adapter.__file__).parent

Ownership = Literal["always", "if_empty", "if_ours"]
Transform = Literal["as_is", "lines", "texts", "words"]


class MappingError(Exception):
    """A mapping that cannot be used; the message names every fault at once."""


@dataclass(frozen=True)
class FieldMap:
    """One field of the CRM and what it is made from."""

    field: str
    columns: tuple[str, ...]
    transform: Transform
    ownership: Ownership


@dataclass(frozen=True)
class ConnectionMap:
    """A connection as written in connections/<name>.yaml."""

    connection: str
    adapter: str
    key_field: str
    key_column: str
    fields: tuple[FieldMap, ...]
    sha256: str

    def value(self, of: FieldMap, row: Mapping[str, Any]) -> Any:
        """What a row of the outbox puts into a field, before it is made canonical."""
        return TRANSFORMS[of.transform]([row[column] for column in of.columns])


def _as_is(values: Sequence[Any]) -> Any:
    return values[0]


def _lines(values: Sequence[Any]) -> str:
    return "\n".join(str(item) for item in values[0] or [] if item is not None)


def _texts(values: Sequence[Any]) -> str:
    return "\n".join(str(item["text"]) for item in values[0] or [] if item and item["text"])


def _words(values: Sequence[Any]) -> str:
    return " ".join(str(value) for value in values if value is not None)


TRANSFORMS: Mapping[Transform, Callable[[Sequence[Any]], Any]] = {
    "as_is": _as_is,
    "lines": _lines,
    "texts": _texts,
    "words": _words,
}


def load(connection: str) -> ConnectionMap:
    """Read a connection's mapping.

    Raises:
        MappingError: there is none, or it is not of this form.
    """
    path = CONNECTIONS / f"{connection}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in CONNECTIONS.glob("*.yaml")))
        raise MappingError(f"no connection {connection!r}; the connections are: {known}")
    return parse(connection, path.read_text())


def parse(connection: str, text: str) -> ConnectionMap:
    """A mapping from its YAML.

    Raises:
        MappingError: it is not of this form.
    """
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = f" (line {mark.line + 1})" if (mark := getattr(error, "problem_mark", None)) else ""
        raise MappingError(f"{connection}.yaml: no YAML{where}: mend it") from None
    told = read if isinstance(read, dict) else {}
    faults = [f"{name} is missing" for name in ("adapter", "key", "fields") if not told.get(name)]
    if not faults:
        faults = [*_key_faults(told["key"]), *_adapter_faults(told["adapter"])]
        fields, wrong = _fields(told["fields"])
        faults += wrong
    if faults:
        raise MappingError(f"{connection}.yaml: {'; '.join(faults)}")
    key = told["key"]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ConnectionMap(connection, told["adapter"], key["field"], key["from"], fields, digest)


def _key_faults(key: Any) -> list[str]:
    is_whole = isinstance(key, dict) and key.get("field") and key.get("from")
    return [] if is_whole else ["key must be {field: …, from: …}"]


def _adapter_faults(name: Any) -> list[str]:
    is_there = (ADAPTERS / f"{name}.py").exists()
    return [] if is_there else [f"adapter {name!r}: jobs/crm/{name}.py is missing"]


def _fields(told: Any) -> tuple[tuple[FieldMap, ...], list[str]]:
    """The fields, and what is wrong with them."""
    if not isinstance(told, dict):
        return (), ["fields must be {a field of the CRM: {from: …, as: …, ownership: …}, …}"]
    fields, faults = [], []
    for name, given in told.items():
        of: Any = given if isinstance(given, dict) else {}
        columns = of.get("from") or ()
        faults += [
            f"{name}: {word} {of.get(word)!r} must be one of {', '.join(get_args(allowed))}"
            for word, allowed in (("as", Transform), ("ownership", Ownership))
            if of.get(word) not in get_args(allowed)
        ]
        faults += [] if columns else [f"{name}: from is missing"]
        columns = (columns,) if isinstance(columns, str) else tuple(columns)
        fields.append(FieldMap(name, columns, of.get("as"), of.get("ownership")))
    return tuple(fields), faults


def check(mapping: ConnectionMap, crm: Description, columns: Sequence[str]) -> None:
    """Hold a mapping against what the CRM describes and what the outbox has.

    Raises:
        MappingError: with all faults.
    """
    faults = []
    if mapping.key_field not in crm.enforced_keys:
        unique = ", ".join(crm.enforced_keys)
        faults.append(f"key {mapping.key_field}: {crm.system} keeps only {unique} unique")
    wanted = {mapping.key_column} | {c for f in mapping.fields for c in f.columns}
    for column in sorted(wanted - set(columns)):
        faults.append(f"column {column}: the outbox has none of this name")
    for of in mapping.fields:
        field = crm.fields.get(of.field)
        if field is None:
            faults.append(f"{of.field}: {crm.system} has no such field")
        elif not field.is_writable or field.kind == "other":
            faults.append(f"{of.field}: {crm.system} does not let us write it ({field.kind})")
        elif of.transform in ("lines", "texts") and field.kind != "text":
            faults.append(f"{of.field}: {of.transform} needs a text field, it is a {field.kind}")
    if faults:
        raise MappingError(f"{mapping.connection}.yaml: {'; '.join(faults)}")
