"""Rows as CSV that a spreadsheet may open: UTF-8, LF, and no cell that it would take for a formula.

A text that begins with = + - @, a tab or a carriage return gets a ' before it, as does one that
begins with such a ' already: reading takes one off again. Numbers are left as they are.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from jobs.crm.adapter import Field

FORMULA = r"^('*[=+\-@\t\r])"  # https://owasp.org/www-community/attacks/CSV_Injection
QUOTED = r"^'('*[=+\-@\t\r])"
NUMBERS = ("number", "integer")


def is_plain(text: str) -> bool:
    """Whether a file of UTF-8 can hold a text, and every reader of CSV read it."""
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False


def written(rows: pa.Table, fields: Mapping[str, Field]) -> bytes:
    """A file with a header; texts are in quotes, null is an empty cell without."""
    made = [
        column
        if fields[name].kind in NUMBERS
        else pc.replace_substring_regex(column, FORMULA, r"'\1")
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    ]
    out = io.BytesIO()
    pyarrow.csv.write_csv(pa.Table.from_arrays(made, names=rows.column_names), out)
    return out.getvalue()


def read(content: bytes, columns: Sequence[str], fields: Mapping[str, Field]) -> pa.Table:
    """The fields' values in a file of these columns; one that the file has not is null."""
    table = pyarrow.csv.read_csv(
        io.BytesIO(content),
        # a block holds a whole row, however long
        read_options=pyarrow.csv.ReadOptions(block_size=max(1 << 20, len(content))),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    made: list[Any] = [
        pc.replace_substring_regex(table[name], QUOTED, r"\1")
        if name in columns
        else pa.nulls(table.num_rows, pa.string())
        for name in fields
    ]
    return pa.Table.from_arrays(made, names=list(fields))
