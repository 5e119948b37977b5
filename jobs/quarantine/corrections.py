"""Rows that a person mended, as a batch of the system `corrections`."""

import csv
import datetime as dt
import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs import landing
from jobs.dialect import Dialect
from jobs.landing import Manifest
from jobs.quarantine import refused
from jobs.quarantine.mends import ADDRESS, SYSTEM, Address, Row, address, mended
from jobs.quarantine.sheet import NotACorrection
from jobs.settings import settings
from jobs.table import Landed, columns, table

FILE = "mended.csv"


@dataclass(frozen=True)
class Corrected:
    """What became of the rows that a person changed."""

    landed: list[Manifest]
    already: int  # rows that have just this correction


def correct(rows: Iterable[Row], known_at: dt.datetime | None = None) -> Corrected:
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
    seen: set[Address] = set()
    already = 0
    for row in rows:
        place = address(row)
        if place in seen:
            faults.append(f"{_words(place)} is there twice")
            continue
        seen.add(place)
        if place not in told:
            faults.append(f"{_words(place)} is not refused")
            continue
        if spoilt := [*_spoilt(row, told[place])]:
            faults += [f"{_words(place)} {what}" for what in spoilt]
            continue
        mend = _mend(row, told[place])
        if place in has:
            if not mend:
                continue
            already += 1
            if not mend.items() <= has[place].row.items():
                faults.append(f"{_words(place)} has a correction, {has[place].by}: take that away")
        elif mend:
            faults += _faults(place, landed[_entity(place)].get(place[0]))
            by_source[place[0], place[1]].append(mend)
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise NotACorrection(f"nothing was landed: {'; '.join(faults[:5])}{more}")
    return Corrected(_land_each(by_source, landed, known_at), already)


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
        elif now and before.startswith("0") and now != before and now == before.lstrip("0"):
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
        with path.open("w", newline="", encoding="utf-8") as file:
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
