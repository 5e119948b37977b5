"""Whether a table's rows add up: landed = written + refused + mended, batch by batch."""

from collections import Counter
from dataclasses import dataclass

from jobs import lake, landing
from jobs.quarantine import refused
from jobs.spark import watermark
from jobs.table import Landed


@dataclass(frozen=True)
class Count:
    """What became of a batch's rows. A row may wait with its batch: held back, or not built yet."""

    table: str
    batch_id: str
    landed: int  # as counted when it was landed
    written: int
    refused: int
    mended: int  # refused once; the correction's row is counted in its own batch
    is_waiting: bool

    @property
    def waiting(self) -> int:
        return self.landed - self.refused - self.mended if self.is_waiting else 0

    @property
    def adds_up(self) -> bool:
        written = 0 if self.is_waiting else self.written
        return self.landed == written + self.refused + self.mended + self.waiting


def counts(of: Landed) -> list[Count]:
    """Every batch that is landed, oldest first.

    Raises:
        lake.NoSuchTable: the table has not been created.
    """
    asked = "select _batch_id, _source_file, count(*) as n from t group by 1, 2"
    found = lake.read(of.name, sql=asked).to_pylist()
    written = Counter({(row["_batch_id"], row["_source_file"]): row["n"] for row in found})
    out, mended = Counter[str](), Counter[str]()
    for row in refused.entries(of.name):
        out[row["batch_id"]] += row["rows"]
    mended.update(row["batch_id"] for row in refused.mended_rows(of.name))
    last = watermark.last(of)
    taken = (landing.taken(of.entity, last.batches or "") if last else None) or {}
    return [
        Count(
            of.name,
            name,
            sum(file.rows or 0 for file in manifest.files),
            sum(written[name, manifest.source_file(file)] for file in manifest.files),
            out[name],
            mended[name],
            is_waiting=taken.get(name) != manifest.sha256,
        )
        for name, manifest in landing.manifests(of.entity).items()
    ]
