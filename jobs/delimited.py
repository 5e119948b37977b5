"""A delimited text file as a table of strings, read by its dialect; landing counts by it too."""

import csv as standard
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from jobs import quotes
from jobs.dialect import Dialect
from jobs.quotes import LINE_END, Quotes, Value

HEAD_BYTES = 1 << 16  # the header and what stands above it lie within
BLOCK_BYTES = 1 << 20  # what Arrow cuts in one go: larger only for files of longer rows
CURE = (
    "rows cannot be told apart: let the source double the quotes within a value, or put quotes "
    "around all fields, the header's too"
)
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
    A line ends with CR, LF or both. A row in which text follows a closing quote stays uncut.

    Raises:
        NotRead: it is another kind of file, or not written as its dialect says.
        UnicodeError, ValueError, pa.ArrowInvalid: likewise.
    """
    if not (dialect.delimiter + dialect.quote).isascii():
        raise NotRead(
            f"delimiter {dialect.delimiter!r} and quote {dialect.quote!r} of its dialect must be "
            "ASCII signs: no other is read"
        )
    data = _as_utf8(data, dialect)
    header = _header(data, dialect)
    found = None
    if dialect.quote.encode() in header.body:
        found = quotes.find(header.body, dialect.delimiter, dialect.quote, len(header.names) - 2)
        _check_closed(header, found)
    parsed = _cut(header, dialect)
    if found:
        _check_lines(header, found, parsed, dialect)
        parsed = _without_torn(parsed, found, header.body)
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
    return data.removeprefix(BOM)


@dataclass(frozen=True)
class _Header:
    names: list[str]
    has_quotes: bool  # around a name that needs none: whoever wrote it puts them around all fields
    body: bytes  # what comes after it
    lines: int  # above the body

    def line(self, place: int) -> int:
        """The file's line in which a byte of the body stands; the first is 1."""
        return self.lines + sum(1 for _ in LINE_END.finditer(self.body, 0, place)) + 1


def _header(data: bytes, dialect: Dialect) -> _Header:
    place = 0
    for _ in range(dialect.skip_lines):
        place = _after_line(data, place)
    while data[place : place + 1] in (b"\r", b"\n"):
        place += 1
    head = data[place : place + HEAD_BYTES]
    text = head.decode(errors="ignore" if len(data) - place > HEAD_BYTES else "strict")
    lines = standard.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        strict=True,
    )
    above = sum(1 for _ in LINE_END.finditer(data, 0, place))
    try:
        names = next(lines, None)
    except standard.Error as error:
        raise NotRead(f"line {above + 1}: no header can be read, {error}; {CURE}") from error
    if names is None:
        raise NotRead("it is empty: not even a header")
    _check_names(names, above + 1, dialect)
    for _ in range(lines.line_num):
        place = _after_line(data, place)
    has_quotes = text.startswith(dialect.quote) and not (
        {dialect.delimiter, dialect.quote, "\r", "\n"} & set(names[0])
    )
    return _Header(
        [name.strip() for name in names], has_quotes, data[place:], above + lines.line_num
    )


def _check_names(names: list[str], line: int, dialect: Dialect) -> None:
    """A quote too many in the header would make a name of the rows below it."""
    for name in names:
        if LINE_END.search(name.encode()) and (dialect.delimiter in name or len(names) == 1):
            raise NotRead(
                f"line {line}: the name {name.splitlines()[0]!r} in the header goes on in the next "
                f"line, which could be a row; {CURE}"
            )


def _after_line(data: bytes, place: int) -> int:
    end = LINE_END.search(data, place)
    return end.end() if end else len(data)


def _cut(header: _Header, dialect: Dialect) -> Delimited:
    """The rows as fields; each may end with one delimiter more than the header."""
    parsed = _parsed(header, header.names, dialect)
    is_cut = parsed.table.num_rows or not parsed.uncut
    if not is_cut and parsed.uncut[0][1].rstrip().endswith(dialect.delimiter):
        longer = _parsed(header, [*header.names, ""], dialect)
        parsed = longer if longer.table.num_rows else parsed
    return parsed


def _parsed(header: _Header, names: list[str], dialect: Dialect) -> Delimited:
    try:
        return _by_blocks(header.body, names, dialect, BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise
    size, place = quotes.find(header.body, dialect.delimiter, dialect.quote, 0).longest
    if size > quotes.ROW_BYTES:
        raise NotRead(
            f"line {header.line(place)}: a row of {size:,} bytes or more, "
            f"{quotes.ROW_BYTES:,} are the most; is a line end missing, or another file in a field?"
        )
    return _by_blocks(header.body, names, dialect, 2 * quotes.ROW_BYTES)


def _by_blocks(body: bytes, names: list[str], dialect: Dialect, size: int) -> Delimited:
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
            read_options=csv.ReadOptions(use_threads=False, column_names=places, block_size=size),
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
    numbers = [*range(1, table.num_rows + len(bad) + 1)]
    if bad:
        numbers = [number for number in numbers if number not in bad]
    return Delimited(table.rename_columns(names), numbers, uncut)


def _check_closed(header: _Header, found: Quotes) -> None:
    """A quote that is closed by another value's, or by none, makes one value of many rows."""
    if found.unclosed is not None:
        raise NotRead(
            f"line {header.line(found.unclosed)}: a quote is opened and never closed; {CURE}"
        )
    for value in found.torn:
        if LINE_END.search(header.body, value.start, value.end):
            raise NotRead(
                f"line {header.line(value.start)}: a quote is opened that the next one, in line "
                f"{header.line(value.end)}, does not close: text follows it; {CURE}"
            )


def _check_lines(header: _Header, found: Quotes, parsed: Delimited, dialect: Dialect) -> None:
    """Two quotes too many can look like one value of many lines: rows would be gone unseen."""
    for _, text in parsed.uncut:
        if LINE_END.search(text.strip().encode()):
            place = header.body.find(text.strip().encode())
            raise NotRead(
                f"line {header.line(place)}: a row of several lines that has not "
                f"{parsed.table.num_columns} fields; {CURE}"
            )
    columns = parsed.table.num_columns
    for value in found.suspect:
        if _is_of_rows(header, value, columns, dialect):
            raise NotRead(
                f"line {header.line(value.start)}: a value in quotes goes on until line "
                f"{header.line(value.end)}, and what is in it looks like rows of {columns} "
                f"fields; {CURE}"
            )


def _is_of_rows(header: _Header, value: Value, columns: int, dialect: Dialect) -> bool:
    """True where the lines of a value could be the end of a row, rows, and the begin of a row.

    Text that is meant so has fewer delimiters in a line, or others than these; or stands in a file
    with quotes around all fields, none of whose rows begins without.
    """
    delimiter, quote = (re.escape(sign.encode()) for sign in (dialect.delimiter, dialect.quote))
    lines = LINE_END.split(header.body[value.start : value.end + 1])
    opening = dialect.quote.encode()
    is_all_quoted = header.has_quotes and header.body.startswith(opening, value.row)
    if is_all_quoted and not any(line.startswith(opening) for line in lines[1:]):
        return False
    field = rb"(?:%b[^%b]*(?:%b%b[^%b]*)*%b|[^%b]*)" % (*[quote] * 6, delimiter)
    above = header.body[value.row : value.start]
    before = len(re.findall(field + delimiter, above))
    counts = [line.count(dialect.delimiter.encode()) for line in lines]
    whole = len(header.names) - 1
    spare = columns - len(header.names)  # 1 where rows end with a delimiter too many
    if any(whole <= count <= whole + spare for count in counts[1:-1]):
        return True
    # what stands above in quotes may be fields too, where the first of the quotes is too many
    needed = whole - above.count(dialect.delimiter.encode())
    return counts[-1] >= before - spare and max(counts[:-1]) >= needed


def _without_torn(parsed: Delimited, found: Quotes, body: bytes) -> Delimited:
    """A row in which text follows a closing quote, such as "12" PIZZA", could be cut otherwise."""
    torn: dict[int, str] = {}
    for value in found.torn:
        end = LINE_END.search(body, value.end)
        torn[value.number] = body[value.row : end.start() if end else len(body)].decode()
    if not torn:
        return parsed
    keep = [number not in torn for number in parsed.numbers]
    uncut = dict(parsed.uncut) | torn
    numbers = [number for number in parsed.numbers if number not in torn]
    return Delimited(parsed.table.filter(pa.array(keep, pa.bool_())), numbers, [*uncut.items()])


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
