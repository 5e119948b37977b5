"""The bench on anyone's files, by the options of `python -m jobs.training.bench`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import typer

from jobs.training import board
from jobs.training.family import FamilyName


@dataclass(frozen=True)
class Options:
    """Of the command line, what a bench of files is told."""

    needed: tuple[str, ...]
    more: tuple[str, ...] = ()


PURCHASES = Options(
    ("interactions", "train_until", "out"),
    ("horizon_days", "k", "min_buyers", "products", "promotions"),
)
SERIES = Options(("series", "freq", "season", "horizon", "origins", "out"))


def flags(names: Iterable[str]) -> str:
    """Names as they are typed."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def checked(family: FamilyName, given: Collection[str]) -> None:
    """Whether a bench of a family's files was told all that it needs, and nothing else.

    Raises:
        typer.BadParameter: an option is missing, or is not of such a bench.
    """
    of = PURCHASES if family == "recommenders" else SERIES
    taken = (*of.needed, *of.more)
    if others := [name for name in given if name not in taken]:
        raise typer.BadParameter(
            f"a bench of files of {family} does not take {flags(others)}; it takes {flags(taken)}"
        )
    if missing := [name for name in of.needed if name not in given]:
        raise typer.BadParameter(f"a bench of files needs {flags(missing)} too")


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
        typer.BadParameter: an option is missing, is not of such a bench, or cannot be read.
    """
    checked(family, given)
    if family == "recommenders":
        from jobs.training.recommenders import files, purchase_files

        wanted = purchase_files.Asked(
            given["interactions"],
            given["train_until"].date(),
            given["out"],
            **{name: given[name] for name in PURCHASES.more if name in given},
        )
        board.show(files.bench(wanted), "task", wanted.out, is_higher_better=True)
        return
    from jobs.training.forecasts import files as series_files

    found = series_files.bench(
        given["series"],
        given["freq"],
        given["season"],
        given["horizon"],
        numbers(given["origins"]),
        given["out"],
    )
    board.show(found, "origin", given["out"], is_higher_better=False)
