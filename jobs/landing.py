"""Batches of files as received, each with a manifest; sources and models land, bronze reads.

landing/<entity>/<system>/<batch>/manifest.json     the batch's truth, swapped atomically
landing/<entity>/<system>/<batch>/<sha256>/<file>   what it names; landing again adds a folder
landing/<entity>/.lists/<sha256>.json               which batches a build has taken (see `taken`)
"""

import contextlib
import datetime as dt
import gzip
import hashlib
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow.parquet as pq
from pyarrow.lib import ArrowException

from jobs import delimited
from jobs.dialect import PLAIN, Dialect, from_told
from jobs.settings import settings

log = logging.getLogger(__name__)

Mode = Literal["events", "snapshot", "changes"]
Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class File:
    """One file of a batch. `rows` is null where it could not be counted (bronze then says why)."""

    name: str
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a source handed over. `columns` maps its names to ours; values stay untouched.

    `constants` are our columns that its files lack, with what all their rows have there.
    """

    entity: str
    system: str
    batch: str
    mode: Mode  # events happened; a snapshot is all there is; changes are other than before
    known_at: str  # ISO 8601, UTC: when the drop was complete in the business's time
    watermark: str  # how far the source's own clock or counter had come
    format: Format
    dialect: Dialect  # how the files are written
    columns: Mapping[str, str]
    constants: Mapping[str, str | None]
    files: tuple[File, ...]
    sha256: str  # of all the above and the files' contents

    @property
    def batch_id(self) -> str:
        return f"{self.system}/{self.batch}"

    @property
    def folder(self) -> Path:
        return settings().landing / self.source_folder

    @property
    def source_folder(self) -> str:
        """`folder` below the landing folder."""
        return f"{self.entity}/{self.system}/{self.batch}/{self.sha256}"

    def source_file(self, file: File) -> str:
        """A file's path below the landing folder, as bronze and the quarantine name it."""
        return f"{self.source_folder}/{file.name}"


def land(
    entity: str,
    system: str,
    batch: str,
    files: Sequence[Path],
    *,
    mode: Mode,
    known_at: dt.datetime,
    watermark: str,
    columns: Mapping[str, str],
    format: Format,
    dialect: Dialect = PLAIN,
    constants: Mapping[str, str | None] | None = None,
) -> Manifest:
    """Take files over as a batch, byte by byte. The same content landed again changes nothing.

    Args:
        known_at: aware; when the drop was complete in the business's time, not when we fetched it.

    Raises:
        ValueError: `known_at` has no zone, two files share a name, or a name is no folder's.
        FileNotFoundError: a file is not there.
    """
    if known_at.tzinfo is None:
        raise ValueError(
            f"{entity} {system}/{batch}: known_at {known_at} has no time zone; give one"
        )
    for name in (entity, system, batch):
        if not name or name.startswith(".") or "/" in name:
            raise ValueError(
                f"{entity} {system}/{batch}: {name!r} names a folder: no / in it, and no dot first"
            )
    if len({path.name for path in files}) != len(files):
        raise ValueError(f"{entity} {system}/{batch}: two files share a name; give each its own")
    told = {
        "entity": entity,
        "system": system,
        "batch": batch,
        "mode": mode,
        "known_at": known_at.astimezone(dt.UTC).isoformat(),
        "watermark": watermark,
        "format": format,
        "encoding": dialect.encoding,
        "columns": dict(columns),
        "files": [
            asdict(_described(path, format, dialect))
            for path in sorted(files, key=lambda p: p.name)
        ],
    }
    if dialect.told():
        told["dialect"] = dialect.told()
    if constants:
        told["constants"] = dict(constants)
    sha256 = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    manifest = _manifest({**told, "sha256": sha256})
    if not manifest.folder.exists():
        _take_over(files, manifest.folder)
    _swap(manifest.folder.parent / "manifest.json", {**told, "sha256": sha256})
    return manifest


def _take_over(files: Sequence[Path], folder: Path) -> None:
    """Copy files into a folder that appears with all of them, or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=folder.parent))
    for path in files:
        shutil.copyfile(path, arriving / path.name)
    try:
        arriving.rename(folder)
    except OSError:
        # landed by someone else meanwhile: same name, same content
        shutil.rmtree(arriving)


def files_in(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a drop, by name; what ends otherwise (half an upload, a marker) is told of."""
    found = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    others = [path.name for path in found if not path.name.endswith(endings)]
    if others:
        log.warning(
            "%s: %s left alone: a drop's files end with %s",
            folder,
            ", ".join(others),
            " or ".join(endings),
        )
    return [path for path in found if path.name.endswith(endings)]


def manifests(entity: str) -> dict[str, Manifest]:
    """All batches of an entity by batch id, oldest `known_at` first."""
    found = [
        _manifest(json.loads(path.read_text()))
        for path in (settings().landing / entity).glob("*/*/manifest.json")
    ]
    return {m.batch_id: m for m in sorted(found, key=lambda m: (m.known_at, m.batch_id))}


def next_batch(entity: str, system: str, day: dt.date) -> str:
    """Name of a system's next batch of a day, such as 2017-03-05.002.

    After the last there is, not by how many there are: one may have been taken away by hand.
    """
    names = [m.batch for m in manifests(entity).values() if m.system == system]
    numbers = [int(name.rpartition(".")[2]) for name in names if name.startswith(f"{day}.")]
    return f"{day}.{max(numbers, default=0) + 1:03d}"


def take(entity: str, batches: Mapping[str, str]) -> str:
    """Write down a set of batches (id → sha256) and return the list's own sha256."""
    text = json.dumps(dict(sorted(batches.items())))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    path = _list_path(entity, sha256)
    try:
        os.utime(path)  # see `forget_lists`
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        _swap(path, dict(sorted(batches.items())))
    return sha256


def taken(entity: str, list_sha256: str) -> dict[str, str] | None:
    """The batches that `take` wrote down; null if the list is gone."""
    path = _list_path(entity, list_sha256)
    return cast(dict[str, str], json.loads(path.read_text())) if path.exists() else None


def forget_lists(entity: str, keep: str | None, before: dt.datetime) -> None:
    """Remove lists that nobody has taken since `before`; every list names all batches.

    Args:
        keep: sha256 of one that stays, however old; null: none.
    """
    for path in (settings().landing / entity / ".lists").glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            if path.stem != keep and path.stat().st_mtime < before.timestamp():
                path.unlink()


def _list_path(entity: str, sha256: str) -> Path:
    return settings().landing / entity / ".lists" / f"{sha256}.json"


def _manifest(told: dict[str, object]) -> Manifest:
    files = tuple(File(**file) for file in cast(list[dict[str, object]], told["files"]))  # type: ignore[arg-type]
    told = {"constants": {}, "dialect": {}, **told}
    dialect = from_told(cast(str, told.pop("encoding")), cast(dict[str, Any], told["dialect"]))
    return Manifest(**{**told, "dialect": dialect, "files": files})  # type: ignore[arg-type]


def _described(path: Path, format: Format, dialect: Dialect) -> File:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return File(path.name, _rows(path, format, dialect), path.stat().st_size, digest.hexdigest())


def _rows(path: Path, format: Format, dialect: Dialect) -> int | None:
    """Rows the file tells of; a broken file has no number, and is landed all the same."""
    try:
        if format == "parquet":
            return int(pq.read_metadata(path).num_rows)
        return delimited.read(unpacked(path.name, path.read_bytes()), dialect).rows
    except (OSError, EOFError, ValueError, LookupError, zlib.error, ArrowException):
        return None


def unpacked(name: str, data: bytes) -> bytes:
    """A file's content, unzipped where its name says that it is a gzip."""
    return gzip.decompress(data) if name.endswith(".gz") else data


def _swap(path: Path, content: Mapping[str, object]) -> None:
    """Readers see the old file or the new one, never half of one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
