"""What every CRM adapter can do, and the words it does it in. One file per CRM beside this one."""

import datetime as dt
import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Protocol, TypeVar, cast

T = TypeVar("T")

Kind = Literal["text", "number", "integer", "date", "timestamp", "boolean", "choice", "other"]

# transient: nothing was done, may be sent again; data, permission: the CRM will not take it;
# conflict: the record moved; unknown: sent, but no answer came (see `Adapter.poll`)
ErrorClass = Literal["transient", "data", "permission", "conflict", "unknown"]
Outcome = Literal["written"] | ErrorClass

# A value between us and a CRM is its canonical text, or null: see `canonical`.
Values = Mapping[str, str | None]


@dataclass(frozen=True)
class Field:
    """One field of the CRM's object."""

    name: str
    kind: Kind
    length: int | None = None  # characters
    scale: int | None = None  # digits after the point
    choices: tuple[str, ...] = ()
    is_writable: bool = True  # by the user we log in as, as far as the CRM tells


@dataclass(frozen=True)
class Description:
    """What a connection can do."""

    system: str
    version: str
    instance: str  # a CRM that was set up anew is another instance
    fields: Mapping[str, Field]
    enforced_keys: tuple[str, ...]  # fields the CRM itself keeps unique
    can_create: bool
    batch_records: int  # records of one write request
    request_seconds: float  # after this long a request has had its effect, or never will


@dataclass(frozen=True)
class Record:
    """A record as read. `revision` moves with every write to it, whoever writes."""

    id: str
    key: str | None
    revision: str
    changed_at: dt.datetime  # of the last write to it, by the CRM's own clock
    values: Values


@dataclass(frozen=True)
class Update:
    """New values for the fields of one record, to be written only if it is still at `revision`."""

    id: str
    key: str
    revision: str
    values: Values


@dataclass(frozen=True)
class Result:
    """What became of one record of a write. `reason` carries no value and no name of a person."""

    key: str
    outcome: Outcome
    reason: str = ""


class CrmError(Exception):
    """The CRM could not be asked; `kind` says whether asking again can help."""

    def __init__(self, kind: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Adapter(Protocol):
    """One CRM's object of customers. All but `write` raise CrmError; `write` tells per record."""

    def describe(self) -> Description:
        """Fields, limits and keys."""
        ...

    def newest_change(self) -> dt.datetime | None:
        """When any record was written last, by the CRM's own clock; null: there is no record."""
        ...

    def read(self, fields: Collection[str], since: dt.datetime | None = None) -> Iterator[Record]:
        """Records written at or after `since` (null: all), inactive ones included.

        Each comes once, however many share an instant. One that is written while we read comes
        in its old state, its new one, or both, the new one last; none is passed over.
        """
        ...

    def match(self, keys: Collection[str], fields: Collection[str]) -> dict[str, list[Record]]:
        """Active records by key: none is missing, several are ambiguous."""
        ...

    def write(self, batch: Sequence[Update]) -> list[Result]:
        """Write a batch; one result per update, in any order."""
        ...

    def poll(self, batch: Sequence[Update], sent_at: dt.datetime) -> list[Result]:
        """What became of a batch whose answer was lost: waits until that is decided.

        `transient` then means: it was not written, and will not be.
        """
        ...


def connect(name: str) -> Adapter:
    """The adapter by its file's name.

    Raises:
        ValueError: there is no such adapter.
    """
    try:
        module = importlib.import_module(f"jobs.crm.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"jobs.crm.{name}":
            raise
        raise ValueError(f"no CRM adapter {name!r}: jobs/crm/{name}.py is missing") from None
    return cast(Adapter, module.connect())


class NotCanonical(ValueError):
    """A value that the field cannot hold; the message says why."""


def canonical(field: Field, value: Any) -> str | None:
    """One text per value, so that ours and the CRM's compare: scale, zone and blanks do not count.

    Raises:
        NotCanonical: the field cannot hold it.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    made = _FORMS[field.kind](field, value)
    if field.length is not None and len(made) > field.length:
        raise NotCanonical(f"too_long ({len(made)} > {field.length} characters)")
    return made


def _text(field: Field, value: Any) -> str:
    return "\n".join(line.rstrip() for line in str(value).strip().splitlines())


def _choice(field: Field, value: Any) -> str:
    if str(value) not in field.choices:
        raise NotCanonical("not_a_choice")
    return str(value)


def _number(field: Field, value: Any) -> str:
    try:
        # through str: a float then has its shortest decimal form
        number = Decimal(str(value))
    except InvalidOperation:
        raise NotCanonical("not_a_number") from None
    if not number.is_finite():
        raise NotCanonical("not_finite")
    scale = 0 if field.kind == "integer" else field.scale
    if scale is not None:
        number = round(number, scale)
    return f"{number.normalize() + 0:f}"


def _parsed(parse: Callable[[str], T], text: str) -> T | None:
    """Null where it is no such text: Python's own error would quote it into the log."""
    try:
        return parse(text)
    except ValueError:
        return None


def _date(field: Field, value: Any) -> str:
    if isinstance(value, str):
        value = _parsed(dt.date.fromisoformat, value)
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise NotCanonical("not_a_date")
    return value.isoformat()


def _timestamp(field: Field, value: Any) -> str:
    if isinstance(value, str):
        value = _parsed(dt.datetime.fromisoformat, value)
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        raise NotCanonical("not_a_timestamp_with_a_zone")
    return value.astimezone(dt.UTC).replace(microsecond=0).isoformat()


def _boolean(field: Field, value: Any) -> str:
    return "true" if value in (True, "true") else "false"


_FORMS = {
    "text": _text,
    "other": _text,
    "choice": _choice,
    "number": _number,
    "integer": _number,
    "date": _date,
    "timestamp": _timestamp,
    "boolean": _boolean,
}
