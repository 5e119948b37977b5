"""A folder of dropped files: what counts is what its manifest names, each file whole and unaltered.

A file comes first, then a manifest that names it takes the old one's place: a process killed in
between leaves a file that nobody counts, which the next one removes.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.fs as fs
from filelock import FileLock, Timeout

from jobs import lake
from jobs.crm.adapter import CrmError
from jobs.crm.writing import NoAnswer

MANIFEST, LOCK = "manifest.json", ".lock"
OURS = re.compile(r"\.?\d{6,}-[0-9a-f]{32}\.csv(\.new)?")
MODE = 0o640  # whoever takes the files is of the folder's group
LOCK_SECONDS = 30.0
REQUEST_SECONDS = 60.0


@dataclass(frozen=True)
class Dropped:
    """A file, as the manifest tells of it."""

    name: str
    sequence: int  # from 1 on, without gaps
    batch: str
    written_at: str  # UTC
    rows: int
    bytes: int
    sha256: str
    columns: tuple[str, ...]

    @property
    def dropped_at(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self.written_at)


@dataclass(frozen=True)
class Manifest:
    """What the folder holds, in the order in which it was dropped."""

    instance: str  # a folder that was taken into use anew is another
    key: str
    files: tuple[Dropped, ...] = ()


class Folder:
    """On a local disk, or on the lake's object store: s3a://bucket/folder."""

    def __init__(self, place: str) -> None:
        if "://" not in place and not Path(place).is_absolute():
            raise CrmError("data", f"folder {place!r}: write all of its path, from / on")
        self.place = place
        self._system, self._root = lake.files(place)
        self._is_local = isinstance(self._system, fs.LocalFileSystem)

    @property
    def request_seconds(self) -> float:
        """After these nothing that a killed process sent can appear any more."""
        return 0.0 if self._is_local else REQUEST_SECONDS

    def make(self) -> None:
        if self._is_local:
            try:
                Path(self._root).mkdir(mode=0o750, parents=True, exist_ok=True)
            except OSError as error:
                raise self._meaning(error) from None

    @contextlib.contextmanager
    def only_writer(self) -> Iterator[None]:
        """Among processes of this machine; beyond it the delivery itself sees to that.

        Raises:
            CrmError: another one is at it, or the folder is not there.
        """
        if not self._is_local:
            yield
            return
        try:
            lock = FileLock(Path(self._root, LOCK), timeout=LOCK_SECONDS)
            lock.acquire()
        except Timeout:
            raise CrmError("transient", f"{self.place}: another process writes to it") from None
        except OSError as error:
            raise self._meaning(error) from None
        try:
            yield
        finally:
            lock.release()

    def manifest(self) -> Manifest | None:
        """The manifest; null: the folder was not taken into use."""
        try:
            told = json.loads(self.bytes_of(MANIFEST))
            files = [
                Dropped(**each | {"columns": tuple(each["columns"])}) for each in told["files"]
            ]
            return Manifest(told["instance"], told["key"], tuple(files))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise CrmError(
                "data", f"{self.place}/{MANIFEST} is not as it was written: put it back"
            ) from None

    def content(self, file: Dropped) -> bytes:
        """A file's content.

        Raises:
            CrmError: it is not what was dropped.
        """
        try:
            found = self.bytes_of(file.name)
        except FileNotFoundError:
            found = b""
        if sha256(found) != file.sha256:
            raise CrmError(
                "data",
                f"{self.place}/{file.name} is gone, or other than it was dropped: put it back as "
                "the manifest says, or deliver to a new folder",
            )
        return found

    def add(self, manifest: Manifest, file: Dropped, content: bytes) -> Manifest:
        """Drop a file; returns the manifest that names it.

        Raises:
            NoAnswer: the manifest may name it or not.
            CrmError: nothing was dropped.
        """
        made = Manifest(manifest.instance, manifest.key, (*manifest.files, file))
        try:
            self._put(file.name, content)
        except OSError as error:
            raise self._meaning(error) from None
        self.take(made)
        return made

    def take(self, manifest: Manifest) -> None:
        """Put a manifest in the place of the one that is there."""
        told: dict[str, Any] = asdict(manifest)
        try:
            self._put(MANIFEST, json.dumps(told, indent=1).encode())
        except OSError as error:
            raise NoAnswer("unknown", str(self._meaning(error))) from None

    def sweep(self, manifest: Manifest) -> None:
        """Remove what a killed process left; only for the folder's only writer."""
        named = {file.name for file in manifest.files}
        for name in lake.file_names(self.place):
            if OURS.fullmatch(name) and name not in named:
                self._system.delete_file(f"{self._root}/{name}")

    def bytes_of(self, name: str) -> bytes:
        try:
            with self._system.open_input_stream(f"{self._root}/{name}") as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._meaning(error) from None

    def _put(self, name: str, content: bytes) -> None:
        """Readers see all of it or nothing, also after a power cut."""
        path = f"{self._root}/{name}"
        if not self._is_local:
            # an object appears when it is complete
            with self._system.open_output_stream(path) as stream:
                stream.write(content)
            return
        new = f"{self._root}/.{name}.new"
        with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        folder = os.open(self._root, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _meaning(self, error: OSError) -> CrmError:
        if isinstance(error, PermissionError):
            return CrmError("permission", f"{self.place}: we may not read or write there")
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return CrmError("transient", f"{self.place} is not there: make it, or mount it")
        return CrmError("transient", f"{self.place}: {error.strerror or error}")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
