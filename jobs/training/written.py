"""Files that are there whole or not at all, whoever is killed when; unused, they go."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A path to write to, which becomes the file once it is written and on disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    candidate = file.with_suffix(f".{os.getpid()}.new")
    try:
        yield candidate
        with candidate.open("rb") as written:
            os.fsync(written.fileno())
        candidate.replace(file)
    finally:
        candidate.unlink(missing_ok=True)


def used(file: Path) -> bool:
    """Whether it is there; if so, it counts as used just now."""
    try:
        os.utime(file)
    except FileNotFoundError:
        return False
    return True


def forget(folder: Path, pattern: str, days: float) -> int:
    """Remove a folder's files that were neither written nor used for so many days; their count."""
    oldest, gone = time.time() - days * 86_400, 0
    for file in folder.glob(pattern):
        with suppress(FileNotFoundError):  # another process forgets too
            if file.stat().st_mtime < oldest:
                file.unlink()
                gone += 1
    return gone
