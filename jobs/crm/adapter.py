"""What every CRM adapter can do, and the words it does it in. One file per CRM beside this one."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any, Literal, Protocol, TypeVar

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
    is_required: bool = False  # no record is made without it


@dataclass(frozen=True)
class Description:
    """What a connection can do."""

    system: str
    version: str
    instance: str  # a CRM that was set up anew is another instance
    fields: Mapping[str, Field]
    enforced_keys: tuple[str, ...]  # fields the CRM itself keeps unique
    can_create: bool  # and a create that is sent twice makes one record, by one of those keys
    batch_records: int  # records of one write request
    page_records: int  # records of one read request
    request_seconds: float  # after this long a request has had its effect, or never will
    is_conditional: bool = False  # refuses a write to a record that is no longer at our revision
    can_list: bool = True  # `read` tells all records; false: it must be asked by key
    bulk_records: int = 0  # records of one bulk job; 0: it has none
    bulk_from: int = 0  # from so many records on bulk jobs are used

    def batch_size(self, records: int) -> int:
        """Records of one call of `write` where so many are to be written."""
        return self.bulk_records if self.is_bulk(records) else self.batch_records

    def is_bulk(self, records: int) -> bool:
        """Whether so many records are written by bulk jobs."""
        return self.bulk_records > 0 and records >= self.bulk_from


@dataclass(frozen=True)
class Record:
    """A record as read. `revision` moves with every write to it, whoever writes."""

    id: str
    revision: str
    changed_at: dt.datetime  # of the last write to it, by the CRM's own clock
    values: Values
    is_active: bool = True
    merged_into: str | None = None  # id of the record that a person merged it into


@dataclass(frozen=True)
class Change:
    """New values for the fields of one record."""

    subject: str  # the customer in our words; joins results to what was sent
    record_id: str | None  # null: to be created
    revision: str  # that we read; empty for one to be created
    values: Values
    key: tuple[str, str] | None = None  # field and value by which the CRM keeps a created one alone


@dataclass(frozen=True)
class Result:
    """What became of one change. `reason` carries no value and no name of a person."""

    subject: str
    outcome: Outcome
    reason: str = ""
    record_id: str | None = None  # of one that was created


@dataclass(frozen=True)
class Quota:
    """Requests that the CRM grants the whole organisation a day, as it tells."""

    used: int
    limit: int


class CrmError(Exception):
    """The CRM could not be asked; `kind` says whether asking again can help."""

    def __init__(self, kind: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def untold(job: str) -> None:
    """For a caller of `write` that keeps no ledger."""


class Adapter(Protocol):
    """One CRM's object of customers. All but `write` raise CrmError; `write` tells per record."""

    def describe(self) -> Description:
        """Fields, limits and keys."""
        ...

    def quota(self) -> Quota | None:
        """What is left of today's requests; null: this CRM grants any number, or does not tell."""
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

    def get(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Records by the CRM's id, inactive ones included; those that are gone are absent."""
        ...

    def find(
        self, field: str, keys: Collection[str], fields: Collection[str]
    ) -> dict[str, list[Record]]:
        """Active records by the value of a field: none is missing, several are ambiguous."""
        ...

    def write(
        self, batch: Sequence[Change], started: Callable[[str], None] = untold
    ) -> list[Result]:
        """Write a batch; one result per change, in any order.

        Args:
            started: told, before the CRM may begin with it, the id by which `poll` finds the batch
                again: of a bulk job, of a mark in its database.
        """
        ...

    def poll(
        self, batch: Sequence[Change], sent_at: dt.datetime, job: str | None = None
    ) -> list[Result]:
        """What became of a batch whose answer was lost: waits until that is decided.

        `transient` then means: it was not written, and will not be.

        Args:
            job: the bulk job that it was sent by.
        """
        ...


def by_key(field: str, keys: Iterable[str], records: Iterable[Record]) -> dict[str, list[Record]]:
    """What `find` gives, of records whose field holds one of the keys."""
    found: dict[str, list[Record]] = {key: [] for key in keys}
    for record in records:
        found[str(record.values[field])].append(record)
    return found


# of a field, whose texts are remembered: most have few
KNOWN_VALUES = 20_000
MOST_DIGITS = 308  # before the point: of the largest float
EXACT = Context(prec=400)


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


def shown(field: Field, value: Any) -> str | None:
    """The canonical text of what a record shows; the text as it is of what the field would no
    longer take, such as a choice that is gone: that is somebody else's, and none of ours."""
    try:
        return canonical(field, value)
    except NotCanonical:
        return str(value)


class Shown:
    """What records show in a field, each different text made canonical once."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._once = lru_cache(KNOWN_VALUES)(partial(shown, field))

    def of(self, value: Any) -> str | None:
        return self._once(value) if isinstance(value, str) else shown(self._field, value)


def _text(field: Field, value: Any) -> str:
    text = str(value).strip()
    if text.isprintable():  # one line: most are, and many are read
        return text
    return "\n".join(line.rstrip() for line in text.splitlines())


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
    if not number.is_finite() or number.adjusted() > MOST_DIGITS:
        raise NotCanonical("not_finite")
    scale = 0 if field.kind == "integer" else field.scale
    if scale is not None:
        number = number.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    return f"{EXACT.add(number.normalize(EXACT), 0):f}"


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
