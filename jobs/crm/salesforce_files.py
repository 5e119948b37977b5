"""Files of Salesforce's bulk jobs: changes as CSV, by the rules for such a file.

https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_prepare_csv.htm
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.crm.adapter import Change, Field
from jobs.crm.salesforce_values import to_cell

FILE_BYTES = 100_000_000  # the limit of 150 MB is of what it becomes in base64


@dataclass(frozen=True)
class File:
    """Records of one job."""

    operation: str
    column: str  # by which a row of the results is known again
    changes: Sequence[Change]
    data: bytes


def files(
    changes: Sequence[Change],
    operation: str,
    column: str,
    fields: Mapping[str, Field],
    largest: int = FILE_BYTES,
) -> Iterator[File]:
    """Changes as files of one job each."""
    names = sorted({name for change in changes for name in change.values} - {column})
    head = _line([column, *names])
    lines: list[str] = []
    first, size = 0, len(head)
    for at, change in enumerate(changes):
        # an empty cell leaves alone what this change does not speak of
        cells = [
            to_cell(fields[n].kind, change.values[n]) if n in change.values else "" for n in names
        ]
        line = _line([known_by(change, column), *cells])
        size += len(line.encode())
        if lines and size > largest:
            yield File(operation, column, changes[first:at], "".join([head, *lines]).encode())
            lines, first, size = [], at, len(head) + len(line.encode())
        lines.append(line)
    if lines:
        yield File(operation, column, changes[first:], "".join([head, *lines]).encode())


def known_by(change: Change, column: str) -> str:
    """What a row of this change has in the column that tells rows apart."""
    if column == "Id":
        return change.record_id or ""
    return change.key[1] if change.key and change.record_id is None else ""


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
