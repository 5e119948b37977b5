"""Makes .venv from the lock; the system's Python runs it, so it uses only what Python brings.

python infra/setup.py
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"  # sha256 of the lock
ROOM_GIB = 9  # the environment takes 6.8 (4.6 of it torch with CUDA), the unpacking some more


def main() -> None:
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        STAMP.touch()
        return
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        sys.exit(
            f"Python {sys.version.split()[0]} is too old or too new: install 3.11, 3.12 or 3.13"
        )
    free = shutil.disk_usage(ROOT).free / 2**30
    if not STAMP.exists() and free < ROOM_GIB:
        sys.exit(f"{ROOT} has {free:.1f} GiB free, {ROOM_GIB} are needed: free some and run again")
    python = VENV / "bin/python"
    if not python.exists():
        print("making .venv (about 7 GB of packages; 2 to 4 minutes the first time)", flush=True)
        make_environment()
    STAMP.unlink(missing_ok=True)
    install = [uv(), "pip", "install", "--python", str(python), "--quiet", "--compile-bytecode"]
    run([*install, "--require-hashes", "--requirement", str(LOCK)], "the packages")
    STAMP.write_text(wanted)


def make_environment() -> None:
    """An empty .venv, with pip in it only where uv is missing."""
    if found := shutil.which("uv"):
        run([found, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], ".venv")
        return
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], ".venv (is python3-venv installed?)")


def uv() -> str:
    """The machine's uv, else the one of the lock, put into .venv first."""
    inside = VENV / "bin/uv"
    if found := shutil.which("uv") or (inside.exists() and str(inside)):
        return found
    lines, block = LOCK.read_text().splitlines(keepends=True), ""
    for line in lines:
        if line.startswith("uv==") or (block and line.startswith("    --hash")):
            block += line
    wanted = VENV / "uv.txt"
    wanted.write_text(block.rstrip().removesuffix("\\") + "\n")
    pip = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    run([*pip, "--requirement", str(wanted)], "uv")
    return str(inside)


def run(command: list[str], what: str) -> None:
    """Run a command; one sentence if it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        told = " ".join(done.stderr.split())[-600:]
        sys.exit(f"set-up stopped at {what}: {told or 'no message'}; mend that and run again")


if __name__ == "__main__":
    main()
