"""Where a secret or an address stands that must not: in files, in tables, on command lines."""

import gzip
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

LOOK_SECONDS = 0.05  # between two looks at the command lines of this machine


def in_files(folder: Path, words: Collection[str], but: Collection[str] = ()) -> list[str]:
    """Files below a folder that hold one of the words; of Parquet what it says, not its bytes.

    Args:
        but: names of folders that are not looked into.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not {*but} & {*within.parts}:
            content = _content(path)
            found += [f"{within}: {word[:3]}…" for word in words if word.encode() in content]
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist()).encode()
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


@contextmanager
def on_command_lines(words: Collection[str]) -> Iterator[set[str]]:
    """Those of the words that a process showed on its command line while the block ran."""
    seen, is_over = set[str](), threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_SECONDS):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:  # it has ended
                    continue
                seen.update(word for word in words if word.encode() in line)

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield seen
    finally:
        is_over.set()
        watch.join()
