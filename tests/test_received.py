"""A file of a batch by our columns: the mess that CSV files bring, and columns that drift."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.delimited import NotRead
from jobs.dialect import PLAIN, Dialect, NotADialect, from_told
from jobs.received import MissingColumn, Received, RetypedColumn, is_read_from, read
from jobs.table import columns

WANTED = columns("order_id string not null, pieces bigint, usd decimal(12,2)")
OURS = {"Order": "order_id", "Preis": "usd"}


def from_csv(data: bytes | str, **dialect: Any) -> Received:
    raw = data if isinstance(data, bytes) else data.encode()
    return read(raw, "csv", Dialect(**dialect), OURS, WANTED)


def rows(found: Received) -> list[tuple[str | None, ...]]:
    return [tuple(row.values())[:3] for row in found.table.to_pylist()]


def from_parquet(table: pa.Table, **more: Any) -> Received:
    file = io.BytesIO()
    pq.write_table(table, file)
    return read(file.getvalue(), "parquet", PLAIN, OURS, WANTED, **more)


def test_a_file_by_the_book_is_read_as_it_stands() -> None:
    found = from_csv("order,pieces,usd\n0012,1,1.50\n,,\n")
    assert rows(found) == [("0012", "1", "1.50"), (None, None, None)]  # zeros in front stay
    assert (found.numbers, found.uncut, found.new) == ([1, 2], [], [])
    assert found.table["_extra"].null_count == 2


@pytest.mark.parametrize(
    "header",
    [
        "\ufeffOrder,pieces,usd",
        '\ufeff"order",pieces,usd',
        " ORDER , Pieces,U S D",
        '"order","pieces","usd"',
    ],
)
def test_a_header_is_known_whoever_typed_it(header: str) -> None:
    assert rows(from_csv(f"{header}\na,1,2\n")) == [("a", "1", "2")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "gb18030", "utf-16", "utf-8-sig"])
def test_a_file_is_read_by_its_encoding(encoding: str) -> None:
    text = "Bestellung 订单" if encoding in ("gb18030", "utf-16") else "Bestellung Ö"
    found = from_csv(
        f"Order;pieces;Preis\n{text};1;2\n".encode(encoding), encoding=encoding, delimiter=";"
    )
    assert rows(found) == [(text, "1", "2")]


def test_lines_that_are_no_rows_are_left_out_and_the_others_keep_their_numbers() -> None:
    data = (
        "Report of March\r\nprinted by hand\r\n\r\n"
        "order,pieces,usd\r\n"
        "a,1,2\n\n"  # another end of line, and a blank line
        '"b\nb",1,2\r\n'  # a line break in a value
        "order,pieces,usd\r\n"  # two files that were put together
        "c,1\n"  # a cell too few
        "Total of c,1,2\n"  # begins like a sum, and is a row
        "d,1,2\n"
        'Total,,6\n"Total: 4 rows"\n'
    )
    found = from_csv(data, skip_lines=2, footer="Total")
    assert [row[0] for row in rows(found)] == ["a", "b\nb", "Total of c", "d"]
    assert found.numbers == [1, 2, 5, 6]
    assert found.uncut == [(4, "c,1")]


def test_lines_may_end_as_on_an_old_mac() -> None:
    assert rows(from_csv("order,pieces,usd\ra,1,2\rb,3,4")) == [("a", "1", "2"), ("b", "3", "4")]


@pytest.mark.parametrize("header", ["order;pieces;usd", "order;pieces;usd;"])
def test_a_delimiter_too_many_at_the_end_of_each_line_is_no_column(header: str) -> None:
    found = from_csv(f"{header}\na;1;2;\nb;3;4;\n", delimiter=";")
    assert rows(found) == [("a", "1", "2"), ("b", "3", "4")]
    assert (found.new, found.uncut) == ([], [])


def test_a_number_that_a_spreadsheet_has_rounded_is_no_id() -> None:
    found = from_csv("order,pieces,usd\n4.5E+12,1,2\n45E,1,2\n,1,2\n")
    assert found.faults.to_pylist() == ["spreadsheet(order_id)", None, None]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "Excel workbook"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"order,pieces,usd\na\x00,1,2\n", "NUL"),
        ("order,pieces,usd\na,1,2\n".encode("utf-16"), "NUL"),
        (b'order,pieces,usd\na,1,"2\nb,1,2\n', "never closed"),
        (b'order,pieces,usd\na,1,2\nb,"1,2\nc,1,2\n', "never closed"),
        (b"order,pieces,usd,USD\na,1,2,3\n", "two columns for usd"),
    ],
)
def test_what_is_no_text_of_rows_has_one_clear_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NotRead, match=reason):
        from_csv(data)


def test_a_file_of_another_encoding_is_not_guessed() -> None:
    with pytest.raises((UnicodeError, pa.ArrowInvalid)):
        from_csv("order,pieces,usd\nÖ,1,2\n".encode("latin-1"))


def test_a_missing_column_is_named_with_what_the_file_has() -> None:
    missing = r"missing pieces \(bigint\), Preis \(our usd, decimal\(12,2\)\); the file has order$"
    with pytest.raises(MissingColumn, match=missing):
        from_csv("order\na\n")
    with pytest.raises(MissingColumn, match="is its delimiter ';' and not ','"):
        from_csv("order;pieces;usd\na;1;2\n")
    with pytest.raises(MissingColumn, match="has 3 columns, and no name that is known") as told:
        from_csv("Anna Miller,1,2\nBo Li,3,4\n")  # a file without a header
    assert "Anna" not in str(told.value)
    older = read(b"order,pieces\na,1\n", "csv", PLAIN, OURS, WANTED, may_lack=["usd"])
    assert rows(older) == [("a", "1", None)]


def test_what_a_source_says_of_all_its_rows_needs_no_column() -> None:
    fixed = {"usd": "0", "pieces": "1"}
    found = read(b"order\na\nb\n", "csv", PLAIN, OURS, WANTED, constants=fixed)
    assert rows(found) == [("a", "1", "0"), ("b", "1", "0")]
    with pytest.raises(NotRead, match="pieces: a constant by its source, and a column of the file"):
        read(b"order,pieces\na,2\n", "csv", PLAIN, OURS, WANTED, constants=fixed)


def test_columns_that_nobody_asked_for_are_kept_as_json() -> None:
    twice = from_csv("order,pieces,usd,n,n\n1,1,1,2,3\n")
    assert twice.table["_extra"].to_pylist() == ['{"n":"2","n (5)":"3"}']
    found = from_csv('order,pieces,usd,Colour,"a ""b"""\n1,1,1,red,x\n2,1,1,,\n3,1,1,,"\n"\n')
    assert found.new == ["Colour", 'a "b"']
    assert found.table["_extra"].to_pylist() == [
        '{"Colour":"red","a \\"b\\"":"x"}',
        None,
        '{"a \\"b\\"":"\\n"}',
    ]
    day, tags = dt.date(2017, 3, 6), [["x", "y"]]
    nested = from_parquet(
        pa.table({"order": ["1"], "pieces": [1], "usd": [1], "day": [day], "tags": tags})
    )
    assert nested.table["_extra"].to_pylist() == [
        '{"day":"2017-03-06","tags":"[\\"x\\", \\"y\\"]"}'
    ]


def test_a_column_that_the_source_names_is_kept_and_is_not_new() -> None:
    found = read(b"order,n\na,2\n", "csv", PLAIN, {"Order": "order_id", "N": "note"}, WANTED[:1])
    assert found.table["_extra"].to_pylist() == ['{"note":"2"}']
    assert found.new == []


def test_a_wider_or_narrower_type_of_a_file_passes_and_another_one_does_not() -> None:
    table = pa.table(
        {
            "order": pa.array([12]),
            "pieces": pa.array([1], pa.int32()),
            "usd": pa.array([3], pa.int64()),
        }
    )
    assert rows(from_parquet(table)) == [("12", "1", "3")]
    other = table.set_column(1, "pieces", pa.array([1.5]))
    with pytest.raises(RetypedColumn, match=r"pieces \(expected bigint, found double\)"):
        from_parquet(other)
    exact = table.set_column(2, "usd", pa.array([Decimal("3.10")]))
    assert rows(from_parquet(exact)) == [("12", "1", "3.10")]


@pytest.mark.parametrize(
    ("found", "expected", "is_read"),
    [
        (pa.string(), "timestamp", True),  # text says what it says: value by value
        (pa.null(), "date", True),
        (pa.dictionary(pa.int32(), pa.string()), "string", True),
        (pa.timestamp("us"), "date", True),
        (pa.date32(), "timestamp", False),  # a day without an hour
        (pa.float64(), "string", False),  # an id that became 4.5e+12
        (pa.bool_(), "int", False),
        (pa.bool_(), "boolean", True),
        (pa.decimal128(10, 0), "bigint", True),
        (pa.decimal128(10, 2), "bigint", False),
        (pa.list_(pa.string()), "string", False),
    ],
)
def test_which_types_ours_are_read_from(found: pa.DataType, expected: str, is_read: bool) -> None:
    assert is_read_from(found, expected) == is_read


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"delimiter": ";;"}, "delimiter ';;'"),
        ({"delimiter": '"'}, "must be one sign each, and two"),
        ({"decimal": ",", "thousands": ","}, "decimal"),
        ({"encoding": "cp9999"}, "cp9999"),
        ({"footer": "("}, "regular expression"),
        ({"timezone": "Mars/Olympus"}, "Mars"),
        ({"timestamp": "dd.MM.yyyy"}, "hour"),
        ({"date": "%d.%m.%Y"}, "none of Spark's"),
        ({"patterns": {"day": "dd.MM.YYYY"}}, "none of Spark's"),
    ],
)
def test_a_dialect_that_cannot_be_read_by_says_why(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotADialect, match=reason):
        Dialect(**told)


def test_a_dialect_comes_back_from_a_manifest_as_it_was() -> None:
    told = Dialect(encoding="cp1252", delimiter=";", nulls=("n/a",), units={"usd": "$"})
    assert told.told() == {"delimiter": ";", "nulls": ["n/a"], "units": {"usd": "$"}}
    assert from_told("cp1252", told.told()) == told
    assert told.of_values() == Dialect(nulls=("n/a",), units={"usd": "$"})
    assert PLAIN.told() == {}
