"""What a table's log says against what lies in its folder, read by deltalake; changes nothing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from jobs import lake

COMMIT = re.compile(r"\d{20}\.json")
CHECKPOINT = re.compile(r"\d{20}\.checkpoint(\..+)?\.parquet")
# what deltalake raises where a file that it needs is gone or garbage
UNREADABLE = (DeltaError, OSError, ValueError, pa.ArrowException)


@dataclass(frozen=True)
class Health:
    """A table as found. `faults` are for a person: which thing, and what is wrong with it."""

    name: str
    version: int | None  # null: the log cannot be read
    files: int
    bytes: int
    missing: tuple[str, ...]  # named by the log, not there: rows are lost
    orphans: int  # there, needed by no version that is kept: VACUUM removes them
    faults: tuple[str, ...]  # missing files among them


def check(name: str, kept: int | None = None) -> Health:
    """Compare a table's log with its files.

    Args:
        kept: an older version that must be readable too (see jobs/training/kept.py).

    Raises:
        lake.NoSuchTable: it was never created.
    """
    in_log = _log_faults(name)
    try:
        # the version first: one that is committed meanwhile names files that the listing lacks
        handle = lake.opened(name)
        there = lake.file_sizes(lake.location(name))
        sizes = named(handle)
        missing = lost(handle, there)
        faults = [*in_log, *_file_faults(sizes, there, missing), *_deletion_faults(handle)]
        if kept is not None:
            faults += _kept_faults(name, kept, there)
        # deltalake also lists what the log has long taken out and VACUUM has long deleted
        orphans = sum(path in there for path in handle.vacuum(dry_run=True, full=True))
    except lake.NoSuchTable:
        if not in_log:
            raise
        return Health(name, None, 0, 0, (), 0, tuple(in_log))
    except UNREADABLE as error:
        told = (*in_log, f"its log cannot be read: {_first_line(error)}")
        return Health(name, None, 0, 0, (), 0, told)
    size = sum(sizes.values())
    return Health(name, handle.version(), len(sizes), size, missing, orphans, tuple(faults))


def named(handle: DeltaTable) -> dict[str, int]:
    """Files of a version, and their sizes as the log says."""
    told = pa.table(handle.get_add_actions(flatten=True)).select(["path", "size_bytes"])
    return {row["path"]: row["size_bytes"] for row in told.to_pylist()}


def lost(handle: DeltaTable, there: dict[str, int]) -> tuple[str, ...]:
    """Files that a version names and that are gone.

    Args:
        there: files of the table's folder, as lake.file_sizes lists them.
    """
    return tuple(sorted(path for path in named(handle) if not _is_there(path, there)))


def _is_there(path: str, there: dict[str, int]) -> bool:
    """A shallow clone names the files of its source by their whole address."""
    if path in there or not ("://" in path or path.startswith(("/", "file:"))):
        return path in there
    system, place = lake.files(re.sub(r"^file:/*", "/", path))
    return system.get_file_info(place).type == fs.FileType.File


def _file_faults(
    sizes: dict[str, int], there: dict[str, int], missing: tuple[str, ...]
) -> Iterator[str]:
    if missing:
        some = ", ".join(missing[:3])
        yield f"{len(missing)} files are missing, their rows are lost: {some}"
    cut = [path for path, size in sizes.items() if path in there and there[path] != size]
    if cut:
        yield f"{len(cut)} files have another size than the log says: {', '.join(cut[:3])}"


def _deletion_faults(handle: DeltaTable) -> Iterator[str]:
    """Deletion vectors lie in files of their own: read each once."""
    try:
        for _ in handle.deletion_vectors():
            pass
    except UNREADABLE as error:
        yield f"a deletion vector cannot be read: {_first_line(error)}"


def _kept_faults(name: str, kept: int, there: dict[str, int]) -> Iterator[str]:
    try:
        gone = lost(lake.opened(name, kept), there)
    except UNREADABLE as error:
        yield f"version {kept}, which a champion learnt from, cannot be read: {_first_line(error)}"
        return
    if gone:
        yield f"version {kept}, which a champion learnt from, has lost {len(gone)} files"


def _log_faults(name: str) -> list[str]:
    """What is wrong with the log's own files."""
    folder = f"{lake.location(name)}/_delta_log"
    system, root = lake.files(folder)
    files = sorted(lake.file_sizes(folder))
    commits = [int(file[:20]) for file in files if COMMIT.fullmatch(file)]
    checkpoints = [file for file in files if CHECKPOINT.fullmatch(file)]
    faults = [
        f"versions {before + 1} to {after - 1} are gone from its log"
        for before, after in pairwise(commits)
        if after != before + 1
    ]
    starts = {0, *(int(file[:20]) for file in checkpoints)}
    if commits and not any(start >= commits[0] for start in starts):
        faults.append(f"its log begins with version {commits[0]}, and no checkpoint says what was")
    for file in files:
        path = f"{root}/{file}"
        if COMMIT.fullmatch(file) and not _is_commit(system, path):
            faults.append(f"its log's {file} is no commit: empty, cut short or garbage")
        if CHECKPOINT.fullmatch(file) and not _is_parquet(system, path):
            faults.append(f"its log's {file} is no checkpoint: cut short or garbage")
    if "_last_checkpoint" in files and not _is_commit(system, f"{root}/_last_checkpoint"):
        faults.append("its log's _last_checkpoint is garbage: delete it, readers do without")
    return faults


def _is_commit(system: fs.FileSystem, path: str) -> bool:
    """Lines of JSON, one object each."""
    text = system.open_input_file(path).read()
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return False
    return bool(lines) and all(isinstance(line, dict) for line in lines)


def _is_parquet(system: fs.FileSystem, path: str) -> bool:
    try:
        pq.read_table(path, filesystem=system)
    except (pa.ArrowException, OSError):
        return False
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
