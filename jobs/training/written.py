"""Files that are there whole or not at all, whoever is killed when."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
