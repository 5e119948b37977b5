"""A delimited text file as a table of strings, read by its dialect; landing counts by it too."""

import csv as standard
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from jobs.dialect import Dialect

HEAD_BYTES = 1 << 16  # the header and what stands above it lie within
BOM = b"\xef\xbb\xbf"
# How files begin that are called CSV and are none.
OTHERS = {
    b"PK\x03\x04": "an Excel workbook (or another zip)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip whose name does not end with .gz",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML file",
}


class NotRead(ValueError):
    """The file is not what its dialect says."""


@dataclass(frozen=True)
class Delimited:
    """What a file says. A row's number is its place among the file's rows, the first is 1."""

    table: pa.Table  # strings, by the header's names
    numbers: list[int]
    uncut: list[tuple[int, str]]  # number and text of rows with too many or too few fields

    @property
    def rows(self) -> int:
        return self.table.num_rows + len(self.uncut)


def read(data: bytes, dialect: Dialect) -> Delimited:
    """Read a whole file.

    Blank lines, the header where it comes again, and what the dialect calls a footer are no rows.

    Raises:
        NotRead: it is another kind of file, or not written as its dialect says.
        UnicodeError, pa.ArrowInvalid: likewise.
    """
    data = _as_utf8(data, dialect)
    header, body = _header(data, dialect)
    parsed = _parsed(body, header, dialect)
    is_cut = parsed.table.num_rows or not parsed.uncut
    if not is_cut and parsed.uncut[0][1].rstrip().endswith(dialect.delimiter):
        # each row ends with one delimiter more than the header
        longer = _parsed(body, [*header, ""], dialect)
        parsed = longer if longer.table.num_rows else parsed
    _check_quotes(body, parsed, dialect)
    return _without_footer(_without_headers(_without_unnamed(parsed)), dialect)


def _as_utf8(data: bytes, dialect: Dialect) -> bytes:
    begin = data[:64].removeprefix(BOM).lstrip().lower()
    for mark, kind in OTHERS.items():
        if begin.startswith(mark.lower()):
            raise NotRead(f"it is {kind}, not delimited text")
    if dialect.encoding.lower().replace("-", "") not in ("utf8", "utf8sig"):
        data = data.decode(dialect.encoding).encode()
    if b"\0" in data:
        raise NotRead("it holds NUL bytes: a damaged file, or UTF-16 that the dialect does not say")
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return data.removeprefix(BOM)


def _header(data: bytes, dialect: Dialect) -> tuple[list[str], bytes]:
    """The header's names, and what comes after it."""
    for _ in range(dialect.skip_lines):
        data = data.partition(b"\n")[2]
    data = data.lstrip(b"\r\n")
    head = data[:HEAD_BYTES].decode(errors="ignore" if len(data) > HEAD_BYTES else "strict")
    lines = standard.reader(
        io.StringIO(head, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote
    )
    names = next(lines, None)
    if names is None:
        raise NotRead("it is empty: not even a header")
    for _ in range(lines.line_num):
        data = data.partition(b"\n")[2]
    return [name.strip() for name in names], data


def _parsed(body: bytes, names: list[str], dialect: Dialect) -> Delimited:
    uncut: list[tuple[int, str]] = []

    def keep(row: csv.InvalidRow) -> Literal["skip"]:
        assert row.number is not None, "Arrow numbers rows when it reads with one thread"
        uncut.append((row.number, row.text))
        return "skip"

    places = [str(place) for place in range(len(names))]  # two columns may share a name
    table = pa.table({place: pa.array([], pa.string()) for place in places})
    if body:
        table = csv.read_csv(
            io.BytesIO(body),
            read_options=csv.ReadOptions(use_threads=False, column_names=places),
            parse_options=csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote,
                newlines_in_values=True,
                invalid_row_handler=keep,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    bad = {number for number, _ in uncut}
    numbers = [n for n in range(1, table.num_rows + len(bad) + 1) if n not in bad]
    return Delimited(table.rename_columns(names), numbers, uncut)


def _check_quotes(body: bytes, parsed: Delimited, dialect: Dialect) -> None:
    """A quote that is never closed makes one value, or one row, of all that comes after it."""
    if any("\n" in text.rstrip("\r\n") for _, text in parsed.uncut):
        raise NotRead("a row of several lines cannot be cut: a quote that is never closed?")
    table = parsed.table
    if not table.num_rows or not body.count(dialect.quote.encode()) % 2:
        return
    last = [column[-1].as_py() or "" for column in table.columns]
    if any("\n" in value for value in last):
        raise NotRead("a quote is opened and never closed: rows after it cannot be told apart")


def _without_unnamed(parsed: Delimited) -> Delimited:
    """Columns without a name leave where they are empty: lines that end with a delimiter."""
    table, names = parsed.table, []
    for place, name in enumerate(table.column_names):
        if name or table[place].null_count < table.num_rows:
            names.append((place, name or f"column {place + 1}"))
    kept = table.select([place for place, _ in names]).rename_columns([name for _, name in names])
    return Delimited(kept, parsed.numbers, parsed.uncut)


def _without_headers(parsed: Delimited) -> Delimited:
    """Files that were put together bring their header again in the middle."""
    table = parsed.table
    if not table.num_columns:
        return parsed
    is_header = _equals(table[0], table.column_names[0])
    if not pc.any(is_header).as_py():
        return parsed
    for place, name in enumerate(table.column_names[1:], start=1):
        is_header = pc.and_(is_header, _equals(table[place], name))
    keep = pc.invert(is_header)
    numbers = [n for n, kept in zip(parsed.numbers, keep.to_pylist(), strict=True) if kept]
    return Delimited(table.filter(keep), numbers, parsed.uncut)


def _equals(values: Any, text: str) -> Any:
    is_equal: Any = pc.equal(values, pa.scalar(text))
    return pc.fill_null(is_equal, False)


def _without_footer(parsed: Delimited, dialect: Dialect) -> Delimited:
    """Sums at the end are no rows; a row that begins like one further up is a row."""
    if not dialect.footer:
        return parsed
    numbers, uncut = parsed.numbers, sorted(parsed.uncut)
    while numbers or uncut:
        is_cut = bool(numbers) and (not uncut or numbers[-1] > uncut[-1][0])
        text = (parsed.table[0][len(numbers) - 1].as_py() or "") if is_cut else uncut[-1][1]
        if not re.match(dialect.footer, text.lstrip(dialect.quote)):
            break
        numbers, uncut = (numbers[:-1], uncut) if is_cut else (numbers, uncut[:-1])
    return Delimited(parsed.table.slice(0, len(numbers)), numbers, uncut)
