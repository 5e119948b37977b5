"""Refused rows as a file for a person to mend, in a spreadsheet or an editor, and back."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jobs.quarantine.mends import ADDRESS, Row
from jobs.table import Landed, columns

UNCUT = "_received"  # the text of a row with too many or too few fields
FORMULA = "=+-@'\t\r"  # how a cell begins that a spreadsheet runs, and the quote that stops it


class NotACorrection(Exception):
    """The file does not mend what is refused; nothing of it was landed."""


def export(found: Iterable[dict[str, Any]], of: Landed) -> list[Row]:
    """Refused rows of a table: its columns as received, why, and where each row came from.

    A file that could not be read has no rows to mend, and is left out.
    """
    rows: list[Row] = []
    for entry in found:
        if not entry["row_number"]:
            continue
        received = json.loads(entry["received"])
        row: Row = {c.name: received.get(c.name) for c in columns(of.schema)}
        row |= {"_rules": " ".join(entry["rules"]), UNCUT: received.get("row")}
        row |= {"_batch_id": entry["batch_id"], "_source_file": entry["source_file"]}
        rows.append({**row, "_row_number": str(entry["row_number"])})
    return rows


def write(rows: Sequence[Row], path: Path, of: Landed) -> None:
    """A spreadsheet's CSV, or JSON by the name's ending; for its owner's eyes only."""
    path.touch(mode=0o600)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
        return
    names = [*[c.name for c in columns(of.schema)], "_rules", UNCUT, *ADDRESS]
    # the mark at the start tells spreadsheets that it is UTF-8
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)


def _inert(value: str | None) -> str | None:
    """What a spreadsheet would run as a formula gets a quote in front; `read` takes it away."""
    is_number = value and re.fullmatch(r"[+-][\d.,]+", value)
    return f"'{value}" if value and value[0] in FORMULA and not is_number else value


def _as_received(value: str | None) -> str | None:
    is_inert = value and value[0] == "'" and value[1:2] in {*FORMULA}
    return value[1:] if value and is_inert else value or None


def read(path: Path, encoding: str = "utf-8-sig") -> list[Row]:
    """A file of `write` as a person has saved it: the spreadsheet chose what stands between fields.

    Raises:
        NotACorrection: it cannot be read, or a row does not say which refused row it mends.
    """
    try:
        text = path.read_bytes().decode(encoding)
        rows = _from_json(text) if path.suffix == ".json" else _from_csv(text)
    except (ValueError, LookupError) as error:
        raise NotACorrection(
            f"{path.name} cannot be read ({error}): save it as UTF-8, or say its --encoding, such "
            "as cp1252 or gb18030"
        ) from None
    for number, row in enumerate(rows, start=1):
        if not all(row.get(name) for name in ADDRESS) or not (row["_row_number"] or "").isdigit():
            raise NotACorrection(
                f"{path.name}, row {number}: no address of the row that it mends: keep the columns "
                f"{', '.join(ADDRESS)} as `export` wrote them"
            )
    return rows


def _from_json(text: str) -> list[Row]:
    return [
        {name: None if value is None else str(value) for name, value in row.items()}
        for row in json.loads(text)
    ]


def _from_csv(text: str) -> list[Row]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    found = [*csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="more")]
    for number, row in enumerate(found, start=1):
        if "more" in row:
            raise ValueError(f"row {number} has more fields than the header")
    return [{name: _as_received(value) for name, value in row.items()} for row in found]
