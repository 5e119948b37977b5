"""Which refused row a landed correction mends: its rows carry the address of what they stand for.

A correction is a batch of its own, of the system `corrections`: the row that it mends leaves the
quarantine, and where the correction breaks a rule itself, it stands there in its place.
"""

from collections.abc import Iterable

import pyarrow as pa

from jobs import delimited
from jobs.landing import Manifest, unpacked

SYSTEM = "corrections"
# Columns of a correction beside the table's own; bronze keeps them in `_extra`.
ADDRESS = ("_batch_id", "_source_file", "_row_number")

Address = tuple[str, str, int]  # batch, path below the landing folder, row from 1


def mended(manifests: Iterable[Manifest]) -> dict[Address, str]:
    """Refused row → the correction that mends it, of all batches that are landed."""
    found: dict[Address, str] = {}
    for manifest in manifests:
        if manifest.system == SYSTEM:
            found |= dict.fromkeys(_addresses(manifest), manifest.batch_id)
    return found


def _addresses(manifest: Manifest) -> Iterable[Address]:
    for file in manifest.files:
        try:
            data = (manifest.folder / file.name).read_bytes()
            rows = delimited.read(unpacked(file.name, data), manifest.dialect).table
        except (OSError, ValueError, pa.ArrowException):
            continue  # the build refuses the file: it mends nothing
        for row in rows.select(ADDRESS).to_pylist():
            yield row["_batch_id"], row["_source_file"], int(row["_row_number"])
