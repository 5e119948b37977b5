"""The bench on anyone's files, by the options of `python -m jobs.training.bench`."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from jobs.training import board
from jobs.training.family import FamilyName


def told(file_options: Mapping[str, object], needed: Sequence[str]) -> None:
    """Whether a bench of files was told all that it needs.

    Raises:
        typer.BadParameter: something is missing.
    """
    if missing := [f"--{name.replace('_', '-')}" for name in needed if not file_options[name]]:
        raise typer.BadParameter(f"a bench of files needs {', '.join(missing)} too")


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between.

    Raises:
        typer.BadParameter: they are none.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--origins {text!r}: give numbers of points with commas between, such as 36,40"
        ) from None


def bench(family: FamilyName, given: Mapping[str, Any]) -> None:
    """Judge a family on the files given, by option, and show the leaderboard.

    Raises:
        typer.BadParameter: an option is missing, or cannot be read.
    """
    if family == "recommenders":
        told(given, ("interactions", "train_until", "out"))
        from jobs.training.recommenders import files, purchase_files

        wanted = purchase_files.Asked(
            given["interactions"],
            given["train_until"].date(),
            given["out"],
            given["horizon_days"],
            given["k"],
            given["min_buyers"],
            given["products"],
            given["promotions"],
        )
        board.show(files.bench(wanted), "task")
        return
    told(given, ("series", "freq", "season", "horizon", "origins", "out"))
    from jobs.training.forecasts import files as series_files

    found = series_files.bench(
        given["series"],
        given["freq"],
        given["season"],
        given["horizon"],
        numbers(given["origins"]),
        given["out"],
    )
    board.show(found, "origin")
