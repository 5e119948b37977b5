"""Texts as values, by the dialect of their file: none is guessed, rounded or filled up."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs.dialect import PLAIN, Dialect, NotADialect
from jobs.spark.values import is_given, value
from jobs.table import Column

GERMAN = Dialect(
    decimal=",",
    thousands=".",
    date="dd.MM.yyyy",
    timestamp="dd.MM.yyyy HH:mm",
    timezone="Europe/Berlin",
    units={"usd": "€"},
    nulls=("n/a", "-"),
)
SWISS = Dialect(thousands="'", units={"usd": "CHF"})
FRENCH = Dialect(decimal=",", thousands=" ", date="yyyy-MM-dd", patterns={"day": "d/M/yy"})
NEW_YORK = Dialect(timezone="America/New_York")
WITH_OFFSET = Dialect(timestamp="yyyy-MM-dd HH:mm XXX", timezone="Europe/Berlin")

# (type, dialect, text, the value; null: it does not fit)
CASES: list[tuple[str, Dialect, str, Any]] = [
    ("decimal(12,2)", PLAIN, "1234.56", Decimal("1234.56")),
    ("decimal(12,2)", PLAIN, "1,234.56", None),
    ("decimal(12,2)", PLAIN, "1.500", Decimal("1.50")),  # says no more than the type holds
    ("decimal(12,2)", PLAIN, "3.999", None),
    ("decimal(12,2)", PLAIN, "1e3", None),
    ("decimal(12,2)", GERMAN, "1.234,56", Decimal("1234.56")),
    ("decimal(12,2)", GERMAN, "1.234", Decimal("1234.00")),
    ("decimal(12,2)", GERMAN, "1234.56", None),  # a point where groups of three belong
    ("decimal(12,2)", GERMAN, "1,234.56", None),
    ("decimal(12,2)", GERMAN, "-12,5 €", Decimal("-12.50")),
    ("decimal(12,2)", GERMAN, "€ 3", Decimal("3.00")),
    ("decimal(12,2)", GERMAN, "12,50\u00a0€", Decimal("12.50")),
    ("decimal(12,2)", GERMAN, "3,999", None),
    ("decimal(12,2)", SWISS, "CHF 1'234.50", Decimal("1234.50")),
    ("decimal(12,2)", FRENCH, "1\u202f234\u00a0567,8", Decimal("1234567.80")),
    ("decimal(12,2)", FRENCH, "12 34", None),
    ("bigint", GERMAN, "1.234", 1234),
    ("bigint", GERMAN, "1,5", None),
    ("bigint", PLAIN, "1.5", None),
    ("double", GERMAN, "0,25", 0.25),
    ("double", PLAIN, "1e3", 1000.0),
    ("date", PLAIN, "2017-03-04", dt.date(2017, 3, 4)),
    ("date", PLAIN, "2017-03-04 00:00:00", dt.date(2017, 3, 4)),
    ("date", PLAIN, "2017-03-04 10:00:00", None),  # a time would be lost
    ("date", PLAIN, "03/04/2017", None),  # March or April
    ("date", PLAIN, "2017", None),
    ("date", GERMAN, "04.03.2017", dt.date(2017, 3, 4)),
    ("date", GERMAN, "31.02.2017", None),
    ("date", GERMAN, "2017-03-04", None),
    ("date", FRENCH, "4/3/17", dt.date(2017, 3, 4)),  # the pattern of the column goes first
    ("timestamp", PLAIN, "2017-03-04T17:00:00+01:00", dt.datetime(2017, 3, 4, 16)),
    ("timestamp", PLAIN, "2017-03-04", None),
    ("timestamp", GERMAN, "04.03.2017 17:00", dt.datetime(2017, 3, 4, 16)),
    ("timestamp", GERMAN, "04.07.2017 17:00", dt.datetime(2017, 7, 4, 15)),  # summer time
    ("timestamp", GERMAN, "29.10.2017 02:30", dt.datetime(2017, 10, 29, 0, 30)),  # came twice
    ("timestamp", GERMAN, "26.03.2017 02:30", None),  # never was
    ("timestamp", GERMAN, "26.03.2017 03:00", dt.datetime(2017, 3, 26, 1)),
    ("timestamp", GERMAN, "04.03.2017", None),
    ("timestamp", NEW_YORK, "2017-03-04 17:00:00", dt.datetime(2017, 3, 4, 22)),
    ("timestamp", NEW_YORK, "2017-03-04 17:00:00Z", dt.datetime(2017, 3, 4, 17)),
    ("timestamp", WITH_OFFSET, "2017-03-04 17:00 +05:00", dt.datetime(2017, 3, 4, 12)),
]
DIALECTS = [PLAIN, GERMAN, SWISS, FRENCH, NEW_YORK, WITH_OFFSET]
NAMES = {"date": "day", "timestamp": "sold_at"}


def test_a_text_is_read_by_the_dialect_of_its_file_or_not_at_all(spark: Any) -> None:
    """All cases in one frame: each row by its own file's dialect, as in a build of many batches."""
    rows = [(n, DIALECTS.index(d), text) for n, (_, d, text, _) in enumerate(CASES)]
    frame = spark.createDataFrame(rows, "n int, way int, text string")
    read = [
        value(F.col("text"), Column(NAMES.get(kind, "usd"), kind, True, ""), DIALECTS, F.col("way"))
        for kind in dict.fromkeys(kind for kind, *_ in CASES)
    ]
    kinds = [*dict.fromkeys(kind for kind, *_ in CASES)]
    found = frame.select("n", *read).orderBy("n").collect()
    told = [row[1 + kinds.index(kind)] for row, (kind, *_) in zip(found, CASES, strict=True)]
    assert told == [expected for *_, expected in CASES]


def test_words_for_null_are_null_where_the_dialect_says_so(spark: Any) -> None:
    frame = spark.createDataFrame(
        [(0, "n/a"), (1, "n/a"), (1, " - "), (1, "-1"), (1, None)], "way int, text string"
    )
    given = is_given(F.col("text"), [PLAIN, GERMAN], F.col("way"))
    assert [row[0] for row in frame.select(given).collect()] == [True, False, False, True, False]


def test_the_pattern_of_a_time_must_say_its_hour() -> None:
    half = Dialect(patterns={"sold_at": "dd.MM.yyyy"})
    with pytest.raises(NotADialect, match="sold_at is a time"):
        value(F.lit("x"), Column("sold_at", "timestamp", True, ""), [half], F.lit(0))
