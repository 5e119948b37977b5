"""Which refused row a landed correction mends: its rows carry the address of what they stand for.

A correction is a batch of its own, of the system `corrections`: the row that it mends leaves the
quarantine, and where the correction breaks a rule itself, it stands there in its place.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from jobs import delimited
from jobs.landing import Manifest, unpacked

SYSTEM = "corrections"
# Columns of a correction beside the table's own; bronze keeps them in `_extra`.
ADDRESS = ("_batch_id", "_source_file", "_row_number")

Address = tuple[str, str, int]  # batch, path below the landing folder, row from 1
Row = dict[str, str | None]


@dataclass(frozen=True)
class Mend:
    """A row of a correction: the batch that brought it, and what it says."""

    by: str
    row: Row


def mended(manifests: Iterable[Manifest]) -> dict[Address, Mend]:
    """Refused rows that have a correction, of all batches that are landed."""
    found: dict[Address, Mend] = {}
    for manifest in manifests:
        if manifest.system == SYSTEM:
            found |= {address(row): Mend(manifest.batch_id, row) for row in _rows(manifest)}
    return found


def outdated(manifests: Mapping[str, Manifest]) -> Counter[str]:
    """Rows of corrections whose batch has been landed anew since, by the correction's batch.

    They stay: whether the source now says better is a person's to judge.
    """
    folders = {manifest.source_folder for manifest in manifests.values()}
    return Counter(
        mend.by
        for (_, file, _), mend in mended(manifests.values()).items()
        if file.rpartition("/")[0] not in folders
    )


def address(row: Row) -> Address:
    """The refused row that a correction's row stands for."""
    batch, file, number = (row[name] or "" for name in ADDRESS)
    return batch, file, int(number)


def _rows(manifest: Manifest) -> Iterator[Row]:
    for file in manifest.files:
        try:
            data = (manifest.folder / file.name).read_bytes()
            table = delimited.read(unpacked(file.name, data), manifest.dialect).table
        except (OSError, ValueError, pa.ArrowException):
            continue  # the build refuses the file: it mends nothing
        yield from table.to_pylist()
