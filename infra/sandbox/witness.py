"""What the wire proxy saw: one entry per request, and nothing in it that names a person or opens
a door. Headers and queries are never kept, values as digests only."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infra.sandbox.dialects.plain import Touched


@dataclass(frozen=True)
class Entry:
    """One request."""

    n: int  # from 1, as they came
    at: str  # when it was here whole, UTC
    method: str
    path: str
    call: str  # the method it calls, where the path does not say it
    is_write: bool
    records: list[Touched]  # of a write: each as often as it stands in it
    bytes: int
    fault: str
    forwarded: bool  # the server has been given it, or a part of it
    status: int  # of the server's answer, else of the proxy's; 0: there was none

    def line(self) -> str:
        return json.dumps(vars(self))


class Witness:
    """Keeps entries in a file, or in memory where there is none."""

    def __init__(self, path: Path | None) -> None:
        self.entries: list[Entry] = []
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path else None

    def note(self, entry: Entry) -> None:
        if self._file is None:
            self.entries.append(entry)
            return
        self._file.write(entry.line() + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
