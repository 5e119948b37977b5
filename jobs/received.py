"""A file of a batch by our columns, as text: names matched, types checked, other columns kept.

No Spark here: it runs in Spark's Python workers. What a text means is the build's to say.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs import delimited
from jobs.delimited import NotRead
from jobs.dialect import Dialect
from jobs.landing import Format
from jobs.table import Column

# A spreadsheet shows a long number as 4.5E+12 and saves what it shows: the other digits are gone.
SPREADSHEET = r"^\d([.,]\d+)?E\+\d+$"
IDS = ("_id", "_upc", "_code")


class MissingColumn(NotRead):
    """A column of the table is not in the file."""


class RetypedColumn(NotRead):
    """A column of the file has a type that ours cannot be read from."""


@dataclass(frozen=True)
class Received:
    """A file's rows."""

    table: pa.Table  # our columns as strings, and _extra
    numbers: Sequence[int]  # of its rows in the file, the first is 1
    faults: Any  # array: why a row cannot be what was meant, null for most
    uncut: list[tuple[int, str]]  # rows of a text with too many or too few fields
    new: list[str]  # columns of which neither the table nor the source knows


def read(
    data: bytes,
    format: Format,
    dialect: Dialect,
    ours: Mapping[str, str],
    wanted: Sequence[Column],
    may_lack: Sequence[str] = (),
    constants: Mapping[str, str | None] | None = None,
) -> Received:
    """Read a file by the columns that a table wants.

    Args:
        ours: the file's names → ours; they match without regard to case and spaces.
        may_lack: columns that are null where the file has none.
        constants: columns that the file has not, with the value of all its rows.

    Raises:
        MissingColumn, RetypedColumn: the file has drifted from the table.
        NotRead, ValueError, pa.ArrowException: it cannot be read at all.
    """
    uncut: list[tuple[int, str]] = []
    numbers: Sequence[int]
    if format == "csv":
        told = delimited.read(data, dialect)
        table, numbers, uncut = told.table, told.numbers, told.uncut
    else:
        table = pq.read_table(pa.BufferReader(data))
        numbers = range(1, table.num_rows + 1)
    places, extra = _matched(table.column_names, ours, wanted)
    fixed: dict[str, str | None] = dict.fromkeys(may_lack) | dict(constants or {})
    _check(table, places, ours, wanted, [*fixed], dialect if format == "csv" else None)
    if both := [name for name in constants or {} if name in places]:
        raise NotRead(f"{', '.join(both)}: a constant by its source, and a column of the file")
    nulls = pa.nulls(table.num_rows, pa.string())
    texts = [
        _text(table[places[c.name]])
        if c.name in places
        else pa.repeat(pa.scalar(fixed[c.name], pa.string()), table.num_rows)
        for c in wanted
    ]
    kept = pa.table(
        [*texts, _as_json({name: table[place] for name, place in extra.items()}, nulls)],
        names=[*[c.name for c in wanted], "_extra"],
    )
    faults = _rounded(kept, wanted) if format == "csv" else nulls
    new = [name for name in extra if name not in ours.values() and not name.startswith("_")]
    return Received(kept, numbers, faults, uncut, new)


def _matched(
    names: Sequence[str], ours: Mapping[str, str], wanted: Sequence[Column]
) -> tuple[dict[str, int], dict[str, int]]:
    """Places of our columns in the file, and of those that nobody asked for, by name."""
    known = {_plain(c.name): c.name for c in wanted}
    known |= {_plain(theirs): our for theirs, our in ours.items()}
    asked = {c.name for c in wanted}
    places: dict[str, int] = {}
    extra: dict[str, int] = {}
    for place, name in enumerate(names):
        our = known.get(_plain(name), name)
        if our not in asked:
            extra[our if our not in extra else f"{our} ({place + 1})"] = place
        elif our in places:
            raise NotRead(f"two columns for {our}: {names[places[our]]!r} and {name!r}")
        else:
            places[our] = place
    return places, extra


def _plain(name: str) -> str:
    """A header's name without what differs by who typed it."""
    return "".join(name.replace("\ufeff", "").split()).casefold()


def _check(
    table: pa.Table,
    places: Mapping[str, int],
    ours: Mapping[str, str],
    wanted: Sequence[Column],
    may_lack: Sequence[str],
    dialect: Dialect | None,
) -> None:
    names = table.column_names
    missing = [c for c in wanted if c.name not in places and c.name not in may_lack]
    if missing:
        hint = ""
        if dialect and len(names) == 1 and (signs := set(";,\t|") & set(names[0])):
            hint = f"; is its delimiter {sorted(signs)[0]!r} and not {dialect.delimiter!r}?"
        told = ", ".join(_told(column, ours) for column in missing)
        # where no name is known the first row may be no header: what stands there stays untold
        known = ", ".join(names) if places else f"{len(names)} columns, and no name that is known"
        raise MissingColumn(f"missing {told}; the file has {known}{hint}")
    found = {c: table.schema.field(places[c.name]).type for c in wanted if c.name in places}
    if retyped := {c: kind for c, kind in found.items() if not is_read_from(kind, c.type)}:
        told = ", ".join(f"{c.name} (expected {c.type}, found {k})" for c, k in retyped.items())
        raise RetypedColumn(f"retyped {told}")


def _told(column: Column, ours: Mapping[str, str]) -> str:
    """A column by the names that its source may give it, for whoever looks into the file."""
    theirs = [name for name, our in ours.items() if our == column.name]
    if all(_plain(name) == _plain(column.name) for name in theirs):
        return f"{column.name} ({column.type})"
    return f"{' or '.join(theirs)} (our {column.name}, {column.type})"


def is_read_from(found: pa.DataType, expected: str) -> bool:
    """True where values of a file's type can be ours without loss; each value is checked later."""
    types = pa.types
    if types.is_dictionary(found):
        found = found.value_type
    is_text = types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
    is_whole = types.is_integer(found) or (types.is_decimal(found) and found.scale == 0)
    if types.is_null(found) or is_text:
        return True
    if expected in ("string", "int", "bigint"):
        return is_whole
    if expected in ("double", "float") or expected.startswith("decimal"):
        return is_whole or types.is_decimal(found) or types.is_floating(found)
    if expected == "date":
        return types.is_date(found) or types.is_timestamp(found)
    return types.is_timestamp(found) if expected == "timestamp" else types.is_boolean(found)


def _text(values: Any) -> Any:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = values.cast(pa.timestamp(values.type.unit, tz="UTC"))
    return values.cast(pa.string())


def _as_json(columns: Mapping[str, Any], nulls: Any) -> Any:
    """One JSON text a row with what columns hold, null where all are; a text is made once."""
    if not columns:
        return nulls
    members: list[Any] = []
    for name, values in columns.items():
        encoded = _json_text(values).combine_chunks().dictionary_encode()
        key = json.dumps(name, ensure_ascii=False)
        each = [json.dumps(value, ensure_ascii=False) for value in encoded.dictionary.to_pylist()]
        texts: Any = pa.array([f",{key}:{text}" for text in each], pa.string())
        members.append(pc.fill_null(texts.take(encoded.indices), ""))
    joined: Any = pc.binary_join_element_wise(*members, "")
    whole = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, start=1), "}", "")
    return pc.if_else(pc.equal(joined, pa.scalar("")), pa.scalar(None, pa.string()), whole)


def _json_text(values: Any) -> Any:
    try:
        return _text(values)
    except pa.ArrowException:  # lists and structs
        told = [None if v is None else json.dumps(v, default=str) for v in values.to_pylist()]
        return pa.chunked_array([pa.array(told, pa.string())])


def _rounded(table: pa.Table, wanted: Sequence[Column]) -> Any:
    """Why an id cannot be the one that was meant."""
    faults = pa.nulls(table.num_rows, pa.string())
    for column in wanted:
        if column.name.endswith(IDS):
            is_rounded: Any = pc.match_substring_regex(table[column.name], SPREADSHEET)
            reason = pa.scalar(f"spreadsheet({column.name})")
            faults = pc.if_else(pc.fill_null(is_rounded, False), reason, faults)
    return faults
