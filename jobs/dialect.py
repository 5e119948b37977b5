"""How a source writes its files: signs, patterns, encoding. Bronze reads by it; files stay as is.

What is not said stands for what needs no saying: a comma between fields, UTF-8, 1234.56, ISO dates.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Letters of a pattern that say an hour, and those that say a zone or an offset.
HOURS, ZONES = frozenset("Hhk"), frozenset("XxZzVO")
LETTERS = frozenset("GyMLdDQqEaKmsS") | HOURS | ZONES


class NotADialect(ValueError):
    """What a source says of its files cannot be read by."""


@dataclass(frozen=True)
class Dialect:
    """How the files of a batch are written; columns by our names.

    Patterns are Spark's, such as dd.MM.yyyy HH:mm. A value that is not written as it is said here
    goes to quarantine: none is guessed.
    """

    encoding: str = "utf-8"  # as Python names it: cp1252, gb18030, utf-16
    delimiter: str = ","
    quote: str = '"'
    skip_lines: int = 0  # above the header
    footer: str = ""  # regular expression: rows at the end that begin with it are none
    decimal: str = "."
    thousands: str = ""  # a space stands for the unbreakable and the narrow one too
    date: str = ""  # pattern; empty: ISO, 2017-03-05
    timestamp: str = ""  # pattern; empty: ISO, 2017-03-05 17:00:00, with or without an offset
    patterns: Mapping[str, str] = field(default_factory=dict)  # of single columns
    timezone: str = "UTC"  # of times that come without one
    units: Mapping[str, str] = field(default_factory=dict)  # column → its sign, such as € or kg
    nulls: tuple[str, ...] = ()  # words that stand for null, such as NULL, n/a, -

    def __post_init__(self) -> None:
        """Raises NotADialect, with all faults in one message."""
        if faults := [*_faults(self)]:
            raise NotADialect(f"a dialect cannot be read by: {'; '.join(faults)}")

    def told(self) -> dict[str, Any]:
        """What is other than plain, for a manifest; the encoding stands there by itself."""
        plain = asdict(PLAIN)
        told = {n: v for n, v in asdict(self).items() if v != plain[n] and n != "encoding"}
        return told | ({"nulls": list(self.nulls)} if self.nulls else {})

    def pattern(self, column: str, type: str) -> str:
        """Pattern of a column of dates or timestamps; empty: ISO."""
        return self.patterns.get(column, self.date if type == "date" else self.timestamp)

    def of_values(self) -> "Dialect":
        """The same for values alone, in a plain file."""
        file = {n: getattr(PLAIN, n) for n in ("encoding", "delimiter", "quote", "footer")}
        return replace(self, **file, skip_lines=0)


def from_told(encoding: str, told: Mapping[str, Any]) -> Dialect:
    """The dialect that a manifest tells of."""
    return Dialect(**{**told, "encoding": encoding, "nulls": tuple(told.get("nulls", ()))})


def has_clock(pattern: str) -> bool:
    """True where a pattern says the hour and the minute."""
    return bool(_letters(pattern) & HOURS) and "m" in _letters(pattern)


def has_zone(pattern: str) -> bool:
    """True where a pattern's times say their own zone."""
    return bool(_letters(pattern) & ZONES)


def _letters(pattern: str) -> set[str]:
    """Signs of a pattern, without its quoted words."""
    return set(re.sub(r"'[^']*'", "", pattern))


def _faults(told: Dialect) -> Iterator[str]:
    for first, second in (("delimiter", "quote"), ("decimal", "thousands")):
        signs = (getattr(told, first), getattr(told, second))
        needed = 1 if second == "quote" else 0
        if len(signs[0]) != 1 or not needed <= len(signs[1]) <= 1 or signs[0] == signs[1]:
            yield f"{first} {signs[0]!r} and {second} {signs[1]!r} must be one sign each, and two"
    if told.skip_lines < 0:
        yield f"skip_lines {told.skip_lines} is below 0"
    for pattern in (told.date, told.timestamp, *told.patterns.values()):
        if {sign for sign in _letters(pattern) if sign.isalpha() or sign == "%"} - LETTERS:
            yield f"pattern {pattern!r} is none of Spark's, such as dd.MM.yyyy HH:mm"
    if told.timestamp and not has_clock(told.timestamp):
        yield f"timestamp {told.timestamp!r} does not say the hour and the minute"
    try:
        codecs.lookup(told.encoding)
    except LookupError:
        yield f"encoding {told.encoding!r} is none that Python knows"
    try:
        re.compile(told.footer)
    except re.error as error:
        yield f"footer {told.footer!r} is no regular expression: {error}"
    try:
        ZoneInfo(told.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"timezone {told.timezone!r} is none, such as Europe/Berlin"


PLAIN = Dialect()
