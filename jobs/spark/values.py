"""A landed text as a value of its column's type, read by the dialect of its file."""

import re
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.dialect import Dialect, NotADialect, has_clock, has_zone
from jobs.table import Column as OurColumn

NUMBERS = ("int", "bigint", "double", "float", "decimal")
ISO_DATE = r"^\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?)?$"  # of a day that came as its midnight
ISO_TIME = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}"
OFFSET = r"([A-Za-z_]+|[+-]\d{2}(:?\d{2})?)$"  # or the name of a zone
SPACES = " \u00a0\u202f"
GAP = rf"[\s{SPACES}]*"  # between a number and its sign


def value(text: Column, column: OurColumn, dialects: Sequence[Dialect], which: Column) -> Column:
    """The value; null where the text is null, and where it does not fit the type.

    Nothing is rounded or filled up: 3.999 is no amount in cents, 2017 no day.

    Args:
        which: number of the row's dialect.

    Raises:
        NotADialect: the pattern of a timestamp says no hour.
    """
    return _by_dialect([_value(text, column, d) for d in dialects], which)


def is_given(text: Column, dialects: Sequence[Dialect], which: Column) -> Column:
    """True where the text is a value and not a word for null."""
    return _by_dialect([_given(text, d).isNotNull() for d in dialects], which)


def _by_dialect(each: list[Column], which: Column) -> Column:
    if len(each) == 1:
        return each[0]
    chosen = F.when(which == 0, each[0])
    for number, one in enumerate(each[1:], start=1):
        chosen = chosen.when(which == number, one)
    return chosen


def _given(text: Column, dialect: Dialect) -> Column:
    return F.when(~F.trim(text).isin(*dialect.nulls), text) if dialect.nulls else text


def _value(text: Column, column: OurColumn, dialect: Dialect) -> Column:
    given = _given(text, dialect)
    if column.type.startswith(NUMBERS):
        return _number(given, column, dialect)
    if column.type == "date":
        pattern = dialect.pattern(column.name, "date")
        if pattern:
            return F.try_to_timestamp(given, F.lit(pattern)).cast("date")
        return F.when(given.rlike(ISO_DATE), given.try_cast("date"))
    if column.type == "timestamp":
        return _instant(given, column, dialect)
    return given.try_cast(column.type)


def _number(given: Column, column: OurColumn, dialect: Dialect) -> Column:
    unit = dialect.units.get(column.name, "")
    if (dialect.decimal, dialect.thousands, unit) == (".", "", ""):
        plain = given
    else:
        if unit:
            sign = re.escape(unit)
            given = F.regexp_replace(given, rf"^{GAP}{sign}{GAP}|{GAP}{sign}{GAP}$", "")
        plain = F.when(given.rlike(_grammar(dialect)), _plain(given, dialect))
    if column.type.startswith("decimal("):
        scale = int(column.type[8:-1].split(",")[1])
        return F.when(
            plain.rlike(rf"^[+-]?\d+(\.\d{{0,{scale}}}0*)?$"), plain.try_cast(column.type)
        )
    return plain.try_cast(column.type)


def _grammar(dialect: Dialect) -> str:
    """How a number is written under a dialect: groups are of three digits, or there are none."""
    group, point = _class(dialect.thousands), _class(dialect.decimal)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if dialect.thousands else r"\d+"
    return rf"^[+-]?(?:{whole})(?:{point}\d*)?$"


def _class(sign: str) -> str:
    return f"[{re.escape(SPACES if sign == ' ' else sign)}]"


def _plain(given: Column, dialect: Dialect) -> Column:
    """The number as code writes it."""
    if dialect.thousands:
        given = F.regexp_replace(given, _class(dialect.thousands), "")
    return F.regexp_replace(given, _class(dialect.decimal), ".")


def _instant(given: Column, column: OurColumn, dialect: Dialect) -> Column:
    pattern, zone = dialect.pattern(column.name, "timestamp"), dialect.timezone
    if pattern and not has_clock(pattern):
        raise NotADialect(
            f"{column.name} is a time, and its pattern {pattern!r} says no hour or no minute: "
            "say both in the source's dialect"
        )
    if pattern:
        found = F.try_to_timestamp(given, F.lit(pattern))
        is_told = F.lit(has_zone(pattern))
    else:
        found = F.when(given.rlike(ISO_TIME), given.try_cast("timestamp"))
        is_told = given.rlike(OFFSET)
    if zone == "UTC":
        return found
    at = F.to_utc_timestamp(found, zone)
    # a clock that goes by its zone never shows the hour that a spring night leaves out
    was_shown = F.from_utc_timestamp(at, zone) == found
    return F.when(is_told, found).when(was_shown, at)
