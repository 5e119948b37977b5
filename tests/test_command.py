"""A command ends with one sentence where there is one, else with the stack; Ctrl-C with 130."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.errors import AnalysisException

from jobs.command import sentence
from jobs.settings import ROOT, SettingsError
from jobs.training.predict import NoChampion


def ended(tmp_path: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of ours whose `main` has this body, run to its end."""
    program = tmp_path / "program.py"
    program.write_text(
        "from jobs import command\nfrom jobs.settings import SettingsError\n"
        f"def main(table: str = 'all') -> None:\n    {body}\n"
        "if __name__ == '__main__':\n    command.run(main)\n"
    )
    return subprocess.run(
        [sys.executable, program, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_an_error_of_ours_is_one_line_and_the_command_fails(tmp_path: Path) -> None:
    done = ended(tmp_path, "raise SettingsError('the port is taken: choose another')")
    assert done.stderr == "error: the port is taken: choose another\n"
    assert done.returncode == 1


def test_another_error_keeps_its_stack(tmp_path: Path) -> None:
    done = ended(tmp_path, "{}['nobody thought of this']")
    assert "Traceback" in done.stderr
    assert "nobody thought of this" in done.stderr
    assert done.returncode == 1


def test_an_interrupted_command_ends_as_in_a_shell(tmp_path: Path) -> None:
    done = ended(tmp_path, "raise KeyboardInterrupt")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_arguments_and_good_ends_are_typers(tmp_path: Path) -> None:
    done = ended(tmp_path, "print(f'built {table}')", "--table", "silver.products")
    assert (done.returncode, done.stdout) == (0, "built silver.products\n")
    assert ended(tmp_path, "pass", "--unknown").returncode == 2


def test_of_a_spark_error_the_first_line_is_told() -> None:
    error = AnalysisException("[TABLE_OR_VIEW_NOT_FOUND] no table t\n\nJVM stacktrace:\norg.apache")
    assert sentence(error) == "[TABLE_OR_VIEW_NOT_FOUND] no table t"


def test_a_full_disk_is_named_with_its_file() -> None:
    told = sentence(OSError(errno.ENOSPC, "No space left on device", "/lake/part-0"))
    assert told is not None
    assert told.startswith("the disk is full (/lake/part-0)")
    assert sentence(OSError(errno.EACCES, "Permission denied", "/lake")) is None


@pytest.mark.parametrize("kind", [SettingsError, NoChampion])
def test_every_error_of_ours_is_told_as_it_is(kind: type[Exception]) -> None:
    assert sentence(kind("train first")) == "train first"


@pytest.mark.parametrize(
    "command",
    [
        "infra.jars",
        "infra.tryton.prepare",
        "infra.tryton.web",
        "infra.tryton.serve",
        "infra.spark",
        "infra.submit silver.products",
        "infra.cluster up",
        "infra.object_store up",
        "infra.stack up",
        "infra.demo.demo",
        "infra.demo.seed",
        "jobs.spark.catalog",
        "jobs.spark.upkeep check",
        "jobs.spark.build silver.products",
        "jobs.sources till --start 2017-03-01 --end 2017-03-01",
        "jobs.delivery status",
        "jobs.identity review",
    ],
)
def test_every_command_of_ours_says_what_stands_in_its_way(tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        env={**os.environ, "SALES_STATE": str(tmp_path), "SPARK_CORES": "none"},
        capture_output=True,
        text=True,
    )
    told = "error: settings cannot be used: SPARK_CORES='none' must be a whole number from 1 to 512"
    assert done.stderr.strip() == told
    assert done.returncode == 1
    assert not list(tmp_path.iterdir())
