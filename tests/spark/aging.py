"""A lake as it will be in some days: a copy whose files and log are that much older.

A copy, because the JVM remembers the log that it has read.
"""

import os
import re
import shutil
from pathlib import Path

DAY_MS = 86_400_000


def aged(lake: Path, folder: Path, days: int) -> Path:
    """The lake's copy in `folder`, `days` older."""
    shutil.copytree(lake, folder)
    for path in [each for each in folder.rglob("*") if each.is_file()]:
        if path.name.endswith(".crc"):
            path.unlink()  # of the log as it was
            continue
        if path.parent.name == "_delta_log" and path.suffix == ".json":
            earlier = re.sub(r"\b1[0-9]{12}\b", lambda ms: _older(ms[0], days), path.read_text())
            path.write_text(earlier)
        at = path.stat().st_mtime - days * 86_400
        os.utime(path, (at, at))
    return folder


def _older(milliseconds: str, days: int) -> str:
    return str(int(milliseconds) - days * DAY_MS)
