"""The folder mlflow/ must not hide the installed package of that name."""

import subprocess
import sys

from jobs.settings import ROOT


def test_no_python_lies_below_the_folder() -> None:
    assert not [path for path in (ROOT / "mlflow").rglob("*") if path.suffix in (".py", ".pyc")]


def test_the_import_finds_the_installed_package() -> None:
    where = "import importlib.util; print(importlib.util.find_spec('mlflow').origin)"
    told = subprocess.run(
        [sys.executable, "-c", where], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "site-packages" in told.stdout
