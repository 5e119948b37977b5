"""Batches of files as received, each with a manifest; sources and models land, bronze reads.

landing/<entity>/<system>/<batch>/manifest.json     the batch's truth, swapped atomically
landing/<entity>/<system>/<batch>/<sha256>/<file>   what it names; landing again adds a folder
landing/<entity>/.lists/<sha256>.json               which batches a build has taken (see `taken`)
"""

import contextlib
import datetime as dt
import errno
import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pyarrow.parquet as pq
from pyarrow.lib import ArrowException

from jobs import delimited
from jobs.dialect import PLAIN, Dialect, from_told
from jobs.settings import settings

log = logging.getLogger(__name__)

Mode = Literal["events", "snapshot", "changes"]
Format = Literal["csv", "parquet"]

# What a gzip may unpack to. A file is read whole, here and by the build, and a gzip of 3 MB can
# hold 3 GB: without an end it takes all the memory, and everything else down with it.
UNPACKED_BYTES = 2 << 30
BLOCK_BYTES = 1 << 20
ARRIVING = ".arriving-"  # what is not whole yet: nobody reads it
# What is older was left by a process that was killed; no drop takes as long to copy.
ABANDONED_AFTER = dt.timedelta(days=1)


class NotLanded(ValueError):
    """A file cannot be taken over, or what was landed cannot be read; nothing half is left."""


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

    Where a landed file is gone or damaged, landing the same again puts it back.

    Args:
        known_at: aware; when the drop was complete in the business's time, not when we fetched it.

    Raises:
        NotLanded: a file is none that can be taken over, or changes meanwhile.
        ValueError: `known_at` has no zone, two files share a name, a name is no folder's, or there
            is no such mode or format.
        FileNotFoundError: a file is not there.
    """
    if known_at.tzinfo is None:
        raise ValueError(
            f"{entity} {system}/{batch}: known_at {known_at} has no time zone; give one"
        )
    _check_names(entity, system, batch, files)
    told: dict[str, object] = {
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
    told["sha256"] = _sha256(told)
    if fault := _fault(told):
        raise ValueError(f"{entity} {system}/{batch}: {fault}")
    manifest = _manifest(told)
    if not _is_whole(manifest):
        _take_over(files, manifest)
    _swap(manifest.folder.parent / "manifest.json", told)
    return manifest


def land_each(
    drops: Iterable[tuple[str, dt.date]], land_one: Callable[[str, dt.date], Manifest | None]
) -> list[Manifest]:
    """Land drops one after the other: what is wrong with one does not keep the others waiting.

    Args:
        drops: entities and dates.

    Raises:
        NotLanded: at the end, with everything that could not be landed.
        OSError: the disk is full, for all of them.
    """
    landed: list[Manifest] = []
    faults: list[str] = []
    for entity, date in drops:
        try:
            manifest = land_one(entity, date)
        except (NotLanded, OSError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.warning("%s of %s is not landed: %s", entity, date, error)
            faults.append(str(error))
        else:
            landed += [manifest] if manifest else []
    if faults:
        raise NotLanded(f"not landed, while all other drops are: {'; '.join(faults)}")
    return landed


def _is_name(name: str) -> bool:
    """Whether a folder or a file below landing/ may be called so: builds read it, by UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name) and not name.startswith(".") and not {"/", "\0"} & set(name)


def _check_names(entity: str, system: str, batch: str, files: Sequence[Path]) -> None:
    """A link could lead to a file that the source itself may not read; a pipe never ends."""
    which = f"{entity} {system}/{batch}"
    for name in (entity, system, batch):
        if not _is_name(name):
            raise ValueError(
                f"{which!a}: {name!a} names a folder: UTF-8, no / in it, and no dot first"
            )
    if len({path.name for path in files}) != len(files):
        raise ValueError(f"{which}: two files share a name; give each its own")
    for path in files:
        if not _is_name(path.name):
            raise NotLanded(
                f"{which}: {str(path)!a} cannot be taken over: its name must be UTF-8, with no dot "
                "first; rename it and land the drop again"
            )
        if not stat.S_ISREG(path.lstat().st_mode):
            raise NotLanded(
                f"{which}: {path} is no file but a folder, a link or a pipe: put the file itself "
                "there, or take it away, and land the drop again"
            )


def _is_whole(manifest: Manifest) -> bool:
    """Whether all that a manifest names lies there, byte by byte."""
    try:
        return manifest.folder.is_dir() and all(
            _sha256_of(manifest.folder / file.name) == file.sha256 for file in manifest.files
        )
    except OSError:
        return False


def _take_over(files: Sequence[Path], manifest: Manifest) -> None:
    """Copy files into a folder that appears with all of them, or not at all.

    They reach the disk before the manifest does: after a power cut it names nothing that is gone.

    Raises:
        NotLanded: a file is other than a moment ago.
    """
    folder = manifest.folder
    settings().state.mkdir(mode=0o700, parents=True, exist_ok=True)  # personal data lies below
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent, dt.datetime.now(dt.UTC) - ABANDONED_AFTER)
    expected = {file.name: file.sha256 for file in manifest.files}
    arriving = Path(tempfile.mkdtemp(prefix=ARRIVING, dir=folder.parent))
    try:
        for path in files:
            shutil.copyfile(path, arriving / path.name, follow_symlinks=False)
            if _sha256_of(arriving / path.name) != expected[path.name]:
                raise NotLanded(
                    f"{manifest.entity} {manifest.batch_id}: {path} changed while it was landed: "
                    "land the drop again when it is complete"
                )
            _to_disk(arriving / path.name)
        _to_disk(arriving)
        _put_in_place(arriving, folder)
        _to_disk(folder.parent)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _put_in_place(arriving: Path, folder: Path) -> None:
    try:
        arriving.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # damaged, or landed by someone else meanwhile: readers find the old file or the whole one
        for path in arriving.iterdir():
            os.replace(path, folder / path.name)
        _to_disk(folder)


def _to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's names, would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path, before: dt.datetime) -> None:
    """Remove what processes that were killed had not finished."""
    for path in folder.glob(f"{ARRIVING}*"):
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_mtime < before.timestamp():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


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
    """All batches of an entity by batch id, oldest `known_at` first.

    Raises:
        NotLanded: one's manifest cannot be read.
    """
    found = [_manifest_at(path) for path in (settings().landing / entity).glob("*/*/manifest.json")]
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
    _sweep(settings().landing / entity / ".lists", before)
    for path in (settings().landing / entity / ".lists").glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            if path.stem != keep and path.stat().st_mtime < before.timestamp():
                path.unlink()


def _list_path(entity: str, sha256: str) -> Path:
    return settings().landing / entity / ".lists" / f"{sha256}.json"


def _manifest_at(path: Path) -> Manifest:
    """The manifest that lies there.

    Raises:
        NotLanded: it is cut, was changed by hand or lies in another batch's folder.
    """
    try:
        told = json.loads(path.read_bytes())
        if fault := _fault(told):
            raise ValueError(fault)
        manifest = _manifest(told)
        if manifest.folder.parent != path.parent:
            raise ValueError(f"it is the manifest of {manifest.entity} {manifest.batch_id}")
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise NotLanded(
            f"{path} is no manifest that can be read ({error}): move its folder out of landing/ "
            "and land that batch again"
        ) from None
    return manifest


def _fault(told: object) -> str:
    """What keeps a manifest from being one that `land` has written; empty: nothing."""
    if not isinstance(told, dict):
        return "it holds no keys and values"
    optional = {"dialect", "constants"}  # they stand there only where they say something
    known = {field.name for field in fields(Manifest)} | {"encoding"}
    if missing := known - optional - told.keys():
        return f"it lacks {', '.join(sorted(missing))}"
    if unknown := told.keys() - known:
        return f"nothing is known of its {', '.join(map(repr, sorted(unknown)))}"
    if _sha256({name: said for name, said in told.items() if name != "sha256"}) != told["sha256"]:
        return "it says other than when the batch was landed"
    for name, allowed in (("mode", get_args(Mode)), ("format", get_args(Format))):
        if told[name] not in allowed:
            return f"{name} {told[name]!r} is none of {', '.join(allowed)}"
    names = [told["entity"], told["system"], told["batch"]]
    names += [file["name"] for file in told["files"]]
    wrong = [name for name in names if not isinstance(name, str) or not _is_name(name)]
    return f"{wrong[0]!a} names no file below landing/" if wrong else ""


def _sha256(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _manifest(told: dict[str, object]) -> Manifest:
    files = tuple(File(**file) for file in cast(list[dict[str, object]], told["files"]))  # type: ignore[arg-type]
    told = {"constants": {}, "dialect": {}, **told}
    dialect = from_told(cast(str, told.pop("encoding")), cast(dict[str, Any], told["dialect"]))
    return Manifest(**{**told, "dialect": dialect, "files": files})  # type: ignore[arg-type]


def _described(path: Path, format: Format, dialect: Dialect) -> File:
    return File(path.name, _rows(path, format, dialect), path.stat().st_size, _sha256_of(path))


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _rows(path: Path, format: Format, dialect: Dialect) -> int | None:
    """Rows the file tells of; a broken file has no number, and is landed all the same.

    Raises:
        NotLanded: it is too large to be read.
    """
    try:
        if format == "parquet":
            return int(pq.read_metadata(path).num_rows)
        return delimited.read(unpacked(path.name, path.read_bytes()), dialect).rows
    except MemoryError:
        raise NotLanded(
            f"{path} ({path.stat().st_size:,} bytes) needs more memory than there is: split it "
            "into files that are smaller"
        ) from None
    except NotLanded as error:
        raise NotLanded(f"{path.parent}: {error}") from None
    except (OSError, EOFError, ValueError, LookupError, zlib.error, ArrowException):
        return None


def unpacked(name: str, data: bytes) -> bytes:
    """A file's content, unzipped where its name says that it is a gzip.

    Raises:
        NotLanded: that is more than UNPACKED_BYTES.
    """
    if not name.endswith(".gz"):
        return data
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while block := file.read(BLOCK_BYTES):
            content.write(block)
            if content.tell() > UNPACKED_BYTES:
                raise NotLanded(
                    f"{name} unpacks to more than {UNPACKED_BYTES:,} bytes: split it into files "
                    "that are smaller"
                )
    return content.getvalue()


def _swap(path: Path, content: Mapping[str, object]) -> None:
    """Readers see the old file or the new one, never half of one."""
    with tempfile.NamedTemporaryFile("w", prefix=ARRIVING, dir=path.parent, delete=False) as file:
        try:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    _to_disk(path.parent)
