"""Format, lint and types hold: whoever runs the tests has run all that a change is held against."""

import subprocess
import sys

import pytest

from jobs.settings import ROOT


@pytest.mark.parametrize("check", ["ruff format --check .", "ruff check .", "mypy"])
def test_the_code_passes(check: str) -> None:
    command = [sys.executable, "-m", *check.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, f"`{check}` says:\n{done.stdout}{done.stderr}"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no clone: nothing says what is committed")
def test_no_link_is_committed() -> None:
    """A link names a place on the machine where it was made."""
    asked = ["git", "ls-files", "--stage"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line for line in told.splitlines() if line.startswith("120000")] == []
