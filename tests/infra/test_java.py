"""Which Java is taken, and which JARs."""

from pathlib import Path

import pytest

from infra import jars
from infra.java.find import version


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_401"', 1),  # the old way to count: too old in any case
        ("", 0),
    ],
)
def test_the_version_is_what_java_says(tmp_path: Path, told: str, expected: int) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    java.chmod(0o700)
    assert version(java) == expected


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version(tmp_path / "java") == 0


@pytest.mark.parametrize("pack", [jars.DELTA, jars.S3], ids=lambda pack: pack.what)
def test_a_jar_with_another_content_is_a_fault(tmp_path: Path, pack: jars.Pack) -> None:
    pinned = list(pack.names)
    assert len(pinned) >= 7
    assert jars._faults(tmp_path, pack) == pinned
    (tmp_path / pinned[0]).write_bytes(b"something else")
    assert jars._faults(tmp_path, pack) == pinned
