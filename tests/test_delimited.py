"""Quotes and ends of lines of a delimited text: no row is lost unseen, whoever wrote it."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs import delimited, quotes
from jobs.delimited import Delimited, NotRead
from jobs.dialect import PLAIN, Dialect

# what a text of rows is made of, and a sign more
FIELD = st.text(st.sampled_from('ab ,"\r\n'), max_size=5)
TEXTS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=6)
)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
MANY = hypothesis_settings(max_examples=500, deadline=None)


def written(rows: list[list[str]], quoting: Any, end: str) -> str:
    names = [f"h{place}" for place in range(len(rows[0]) if rows else 2)]
    return "".join(line(row, quoting) + end for row in [names, *rows])


def line(row: list[str], quoting: Any) -> str:
    out = io.StringIO(newline="")
    # CR and LF: Python 3.11 puts quotes only around those that end its lines
    csv.writer(out, quoting=quoting, lineterminator="\r\n").writerow(row)
    return out.getvalue().removesuffix("\r\n")


def cells(found: Delimited) -> list[list[str]]:
    return [[value or "" for value in row.values()] for row in found.table.to_pylist()]


@MANY
@given(rows=TEXTS, quoting=QUOTING, end=ENDS)
def test_what_a_csv_writer_writes_comes_back_or_the_file_is_refused(
    rows: list[list[str]], quoting: Any, end: str
) -> None:
    try:
        found = delimited.read(written(rows, quoting, end).encode(), PLAIN)
    except NotRead:
        return
    assert cells(found) == rows
    assert not found.uncut


@hypothesis_settings(max_examples=1000, deadline=None)
@given(rows=TEXTS.filter(bool), quoting=QUOTING, end=ENDS, data=st.data())
def test_quotes_too_many_lose_no_row_unseen(
    rows: list[list[str]], quoting: Any, end: str, data: st.DataObject
) -> None:
    text = written(rows, quoting, end)
    body = text.index(end) + len(end)
    for place in data.draw(st.lists(st.integers(body, len(text)), min_size=1, max_size=2)):
        text = text[:place] + '"' + text[place:]
    try:
        found = delimited.read(text.encode(), PLAIN)
    except NotRead:
        return
    assert found.rows >= len(rows)


def read(text: str, **dialect: Any) -> Delimited:
    return delimited.read(text.encode(), Dialect(**dialect))


def test_two_quotes_too_many_do_not_swallow_the_rows_between_them() -> None:
    rows = [f"p{i},GROCERY,PIZZA {i},each" for i in range(1000)]
    rows[10] = 'p10,GROCERY,"12 IN PIZZA,each'
    for closing in ('p900,GROCERY,12" PIZZA,each', 'p900,GROCERY,PIZZA 12",each'):
        rows[900] = closing
        with pytest.raises(NotRead, match=r"line 12: a .*line 902.*put quotes around all fields"):
            read("id,dept,name,unit\n" + "\n".join(rows))


def test_rows_of_empty_fields_are_swallowed_by_no_quotes() -> None:
    with pytest.raises(NotRead, match="line 2: a value in quotes goes on until line 3"):
        read('h0,h1\n",","\n",\n')  # as written: an empty field and a comma, two empty fields
    with pytest.raises(NotRead, match="line 2: a value in quotes goes on until line 3"):
        read('"h0","h1"\n""",""\n",","a"\n')  # the quote that closes is the next row's first
    with pytest.raises(NotRead, match="line 2: a value in quotes goes on until line 3"):
        read('h0,h1,h2,h3\n",,,","\n,",,\n')  # three fields of the first row look like one


def test_the_line_of_a_quote_that_is_never_closed_is_named() -> None:
    with pytest.raises(NotRead, match="line 6: a quote is opened and never closed"):
        read('printed by hand\rid,name\r\n1,a\n2,"b\nc"\n3,"d\n4,e', skip_lines=1)
    with pytest.raises(NotRead, match="line 3: a row of several lines that has not 2 fields"):
        read('id,name\n1,a\n2,"b\n3,c","d"\n')


def test_text_of_many_lines_is_one_value() -> None:
    address = '12 Main St, Apt 4\r\nSpringfield, IL\n\nring "twice"'
    rows = [["1", address, "a", "b", "c"], ["2", "", address, "b", "c"]]
    assert cells(read(written(rows, csv.QUOTE_MINIMAL, "\n"))) == rows
    # in two columns these lines could be rows, but for the quotes around all other fields
    narrow = [["1", address], ["2", "x"]]
    assert cells(read(written(narrow, csv.QUOTE_ALL, "\n"))) == narrow
    with pytest.raises(NotRead, match="line 2: a value in quotes goes on until line 5"):
        read(written(narrow, csv.QUOTE_MINIMAL, "\n"))


def test_a_row_with_text_after_a_closing_quote_stays_uncut_and_others_are_read() -> None:
    found = read('id,name\n1,12" PIZZA\n\n2,"JUMBO" PACK\n3,"a""b"\n4,"a\\"b"\n5\n6," "\n')
    assert cells(found) == [["1", '12" PIZZA'], ["3", 'a"b'], ["6", " "]]
    assert found.numbers == [1, 3, 6]
    assert sorted(found.uncut) == [(2, '2,"JUMBO" PACK'), (4, '4,"a\\"b"'), (5, "5")]


@pytest.mark.parametrize(
    "text",
    [
        "title\nh1,h2\r1,2\n3,4\n5,6\n",
        "title\rh1,h2\r\n1,2\r3,4\n5,6",
        'title\r\n"h1","h2"\r\r\n1,2\r\r\n3,4\r\n\r\n5,6\r',
        "title\r\r\rh1,h2\r1,2\r3,4\r5,6",
    ],
)
def test_a_line_ends_with_cr_lf_or_both(text: str) -> None:
    assert cells(read(text, skip_lines=1)) == [["1", "2"], ["3", "4"], ["5", "6"]]


@pytest.mark.parametrize("header", ['id,"name', 'id,"na"me', '"id,name'])
def test_a_quote_too_many_in_a_header_makes_no_name_of_the_rows(header: str) -> None:
    for row in ('1,"a"', "1,a", '1,a"'):
        with pytest.raises(NotRead, match="line 1: "):
            read(f"{header}\n{row}\n2,b\n")


def test_a_line_break_in_a_header_is_of_its_name() -> None:
    found = read('"h\r1","h\n2"\n1,2\n')
    assert (found.table.column_names, cells(found)) == (["h\r1", "h\n2"], [["1", "2"]])


@pytest.mark.parametrize("long", ["x" * 10_000_000, ("x y " * 100 + "\n") * 160_000])
def test_a_long_field_is_read(long: str) -> None:
    found = read(f'id,note,a,b\n1,ok,,\n2,"{long}",,\n3,ok,,\n')
    assert found.rows == 3
    assert found.table["note"][1].as_py() == long


def test_a_row_that_is_too_long_is_named_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "ROW_BYTES", 2_000_000)
    text = f"id,note\n1,ok\n2,{'x' * 5_000_000}\n3,ok\n"
    with pytest.raises(NotRead, match=r"line 3: a row of \d,\d{3},\d{3} bytes or more, 2,000,000 "):
        read(text)
    with pytest.raises(NotRead, match="line 2: a quote is opened and never closed"):
        read(text.replace("1,ok", '1,"ok'))


def test_rows_are_the_same_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "BLOCK_BYTES", 16)
    rows = [[f"{i}", 'a "b"' * (i % 5), "c\nd" * (i % 7), "", "e"] for i in range(200)]
    text = written(rows, csv.QUOTE_MINIMAL, "\r\n")
    assert cells(read(text)) == rows
    with pytest.raises(NotRead, match="line 2: a quote is opened"):
        read(text.replace("0,,,,e", '0,"x,,,e'))


def test_a_dialect_of_signs_that_are_not_ascii_is_refused() -> None:
    with pytest.raises(NotRead, match="delimiter '¦'"):
        read("id¦name\n1¦a\n", delimiter="¦")
