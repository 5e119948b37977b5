"""Refused rows as a file for a person to mend, and the mended rows as a batch of `corrections`."""

import csv
import datetime as dt
import hashlib
import io
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs import landing
from jobs.dialect import Dialect
from jobs.landing import Manifest
from jobs.quarantine import refused
from jobs.quarantine.mends import ADDRESS, SYSTEM, Address, Row, address, mended
from jobs.settings import settings
from jobs.table import Landed, columns, table

UNCUT = "_received"  # the text of a row with too many or too few fields
FILE = "mended.csv"
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
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False))
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


def read(path: Path) -> list[Row]:
    """A file of `write` as a person has saved it: spreadsheets choose delimiter and encoding.

    Raises:
        NotACorrection: a row does not say which refused row it mends.
    """
    data = path.read_bytes()
    if path.suffix == ".json":
        told = json.loads(data)
        rows = [{n: None if v is None else str(v) for n, v in row.items()} for row in told]
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252")
        header = text.partition("\n")[0]
        delimiter = max(",;\t", key=header.count)
        found = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [{name: _as_received(value) for name, value in row.items()} for row in found]
    for number, row in enumerate(rows, start=1):
        if not all(row.get(name) for name in ADDRESS) or not (row["_row_number"] or "").isdigit():
            raise NotACorrection(
                f"{path.name}, row {number}: no address of the row that it mends: keep the columns "
                f"{', '.join(ADDRESS)} as `export` wrote them"
            )
    return rows


def correct(rows: Iterable[Row], known_at: dt.datetime | None = None) -> list[Manifest]:
    """Land the rows that were mended, all or none; rows left as they were stay refused.

    Args:
        known_at: aware; null: now. By the data's clock that is just after the newest batch.

    Raises:
        NotACorrection: a row is not refused, has another correction, or cannot be mended by itself.
    """
    told = {_place(entry): entry for entry in [*refused.mended_rows(), *refused.entries()]}
    landed = {entity: landing.manifests(entity) for entity in {_entity(place) for place in told}}
    has = {
        place: mend for found in landed.values() for place, mend in mended(found.values()).items()
    }
    faults: list[str] = []
    by_source: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        place = address(row)
        if place not in told:
            faults.append(f"{_words(place)} is not refused")
            continue
        if spoilt := [*_spoilt(row, told[place])]:
            faults += [f"{_words(place)} {what}" for what in spoilt]
            continue
        mend = _mend(row, told[place])
        if place in has:
            if mend and not mend.items() <= has[place].row.items():
                faults.append(f"{_words(place)} has a correction, {has[place].by}: take that away")
        elif mend:
            faults += _faults(place, landed[_entity(place)].get(place[0]))
            by_source[place[0], place[1]].append(mend)
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise NotACorrection(f"nothing was landed: {'; '.join(faults[:5])}{more}")
    return _land_each(by_source, landed, known_at)


def _place(entry: dict[str, Any]) -> Address:
    return entry["batch_id"], entry["source_file"], entry["row_number"]


def _entity(place: Address) -> str:
    return place[1].partition("/")[0]


def _words(place: Address) -> str:
    return f"row {place[2]} of {place[0]} ({place[1].rpartition('/')[2]})"


def _spoilt(row: Row, entry: dict[str, Any]) -> Iterator[str]:
    """What a spreadsheet, or a slip in it, did to a row beside mending it."""
    received = json.loads(entry["received"])
    for name in _names(entry):
        before, now = received.get(name) or "", row.get(name) or ""
        if name not in row:
            yield f"has no column {name}: keep the columns as `export` wrote them"
        elif before.startswith("0") and now != before and now == before.lstrip("0"):
            yield f"has lost the zeros of {name} ({now}): a spreadsheet took them, use .json"


def _names(entry: dict[str, Any]) -> list[str]:
    of = table(entry["table_name"])
    assert isinstance(of, Landed)
    return [c.name for c in columns(of.schema)]


def _mend(row: Row, entry: dict[str, Any]) -> Row | None:
    """The row to land; null where a person left it as it was received."""
    received, names = json.loads(entry["received"]), _names(entry)
    given: Row = {name: row.get(name) or None for name in names}
    if given == {name: received.get(name) or None for name in names}:
        return None
    return {**given, **{name: str(row[name]) for name in ADDRESS}}


def _faults(place: Address, source: Manifest | None) -> Iterator[str]:
    """Why a refused row cannot be mended by itself."""
    if source is None or not place[1].startswith(f"{source.source_folder}/"):
        yield f"{_words(place)}: its batch has been landed anew since: build its table first"
    elif not place[2]:
        yield f"{_words(place)} is a file that could not be read: land it again"
    elif source.mode == "snapshot":
        yield f"{_words(place)} is of a snapshot, which counts as a whole: land the snapshot again"


def _land_each(
    by_source: Mapping[tuple[str, str], list[Row]],
    landed: Mapping[str, Mapping[str, Manifest]],
    known_at: dt.datetime | None,
) -> list[Manifest]:
    """One batch for the rows that are written alike: values stand as in the batch they mend."""
    groups: list[tuple[str, landing.Mode, Dialect, list[Row]]] = []
    for (batch, file), rows in by_source.items():
        entity = file.partition("/")[0]
        source = landed[entity][batch]
        kind = (entity, source.mode, source.dialect.of_values())
        for group in groups:
            if group[:3] == kind:
                group[3].extend(rows)
                break
        else:
            groups.append((*kind, rows))
    return [_land(*group, known_at or _now(landed[group[0]])) for group in groups]


def _now(landed: Mapping[str, Manifest]) -> dt.datetime:
    """By the data's clock the newest batch has just come, and a correction comes after it."""
    if settings().clock == "wall":
        return dt.datetime.now(dt.UTC)
    newest = max(manifest.known_at for manifest in landed.values())
    return dt.datetime.fromisoformat(newest) + dt.timedelta(seconds=1)


def _land(
    entity: str, mode: landing.Mode, dialect: Dialect, rows: list[Row], known_at: dt.datetime
) -> Manifest:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
        # by its content too: of two people who correct in the same second nobody is overwritten
        content = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        batch = f"{known_at.astimezone(dt.UTC):%Y-%m-%dT%H%M%S}-{content}"
        return landing.land(
            entity,
            SYSTEM,
            batch,
            [path],
            mode=mode,
            known_at=known_at,
            watermark=batch,
            columns={},
            format="csv",
            dialect=dialect,
        )
