"""The bench on anyone's files, by the options of `python -m jobs.training.bench`."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import typer

from jobs.training import board
from jobs.training.family import BenchName

Given = Mapping[str, Any]  # by option


def purchases(given: Given) -> None:
    from jobs.training.recommenders import files, purchase_files

    told = {name: given[name] for name in (*PURCHASES.more, *EVERY) if name in given}
    wanted = purchase_files.Asked(
        given["interactions"], given["train_until"].date(), given["out"], **told
    )
    board.show(files.bench(wanted), "task", wanted.out, is_higher_better=True)


def series(given: Given) -> None:
    from jobs.training.forecasts import files

    found = files.bench(
        given["series"],
        given["freq"],
        given["season"],
        given["horizon"],
        numbers(given["origins"]),
        given["out"],
        given.get("leave_out", ()),
    )
    board.show(found, "origin", given["out"], is_higher_better=False)


def propensity(given: Given) -> None:
    from jobs.training.propensity import files
    from jobs.training.propensity.wanted import Wanted

    told = {name: given[name] for name in (*PROPENSITY.more, *EVERY) if name in given}
    if given["task"] == "win":
        told = {"horizon_days": WIN_DAYS, "opportunities": given["opportunities"]} | told
    lines, origins = given.get("transactions"), dates(given["origins"])
    wanted = Wanted(lines, given["task"], origins, given["out"], **told)
    board.show(files.bench(wanted), "origin", wanted.out, is_higher_better=True)


def value(given: Given) -> None:
    from jobs.training.value import files

    wanted = files.Asked(
        given["transactions"],
        dates(given["origins"]),
        given.get("horizon_days", VALUE_DAYS),
        given["out"],
        given.get("leave_out", ()),
    )
    board.show(files.bench(wanted), "origin", wanted.out, is_higher_better=False)


def segments(given: Given) -> None:
    from jobs.training.segments import files, kinds

    lines, days = given["transactions"], dates(given["origins"])
    wanted = files.Asked(lines, days, given["out"], given.get("leave_out", ()))
    board.show(files.bench(wanted), "origin", wanted.out, is_higher_better=True)
    kinds.show(wanted.out)


@dataclass(frozen=True)
class Options:
    """Of the command line, what a bench of files is told."""

    bench: Callable[[Given], None]
    needed: tuple[str, ...]
    more: tuple[str, ...] = ()


EVERY = ("leave_out",)  # that each bench takes, that of the lake too
YEARS = range(1900, 2201)  # of an origin
VALUE_DAYS = 56  # of spend that is foretold
WIN_DAYS = 90  # in which an opportunity is won: a quarter
PURCHASES = Options(
    purchases,
    ("interactions", "train_until", "out"),
    ("horizon_days", "k", "min_buyers", "products", "promotions"),
)
SERIES = Options(series, ("series", "freq", "season", "horizon", "origins", "out"))
PROPENSITY = Options(
    propensity,
    ("transactions", "task", "origins", "out"),
    ("horizon_days", "campaigns", "recipients", "coupons", "redemptions"),
)
WIN = Options(propensity, ("opportunities", "task", "origins", "out"), ("horizon_days",))
VALUE = Options(value, ("transactions", "origins", "out"), ("horizon_days",))
SEGMENTS = Options(segments, ("transactions", "origins", "out"))
OF: Mapping[BenchName, Options] = {
    "recommenders": PURCHASES,
    "forecasts": SERIES,
    "forecasts_daily": SERIES,
    "propensity": PROPENSITY,
    "value": VALUE,
    "segments": SEGMENTS,
}


def flags(names: Iterable[str]) -> str:
    """Names as they are typed."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def options(family: BenchName, given: Given) -> Options:
    """Of a bench: opportunities are another file than sales lines."""
    return WIN if family == "propensity" and given.get("task") == "win" else OF[family]


def checked(family: BenchName, given: Given) -> None:
    """Whether a bench of a family's files was told all that it needs, and nothing else.

    Raises:
        typer.BadParameter: an option is missing, or is not of such a bench.
    """
    if family not in OF:
        raise typer.BadParameter(
            f"{family} is judged on files by `python -m jobs.training.bench propensity"
            f" --task {family} …`"
        )
    of = options(family, given)
    asked = f"{family} --task win" if of is WIN else family
    taken = (*of.needed, *of.more, *EVERY)
    if others := [name for name in given if name not in taken]:
        raise typer.BadParameter(
            f"a bench of files of {asked} does not take {flags(others)}; it takes {flags(taken)}"
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


def dates(text: str) -> tuple[dt.date, ...]:
    """Days with commas between.

    Raises:
        typer.BadParameter: they are none.
    """
    try:
        found = tuple(dt.date.fromisoformat(part.strip()) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"--origins {text!r}: give days with commas between, such as 2017-10-29,2017-11-26"
        ) from None
    if strange := [str(day) for day in found if day.year not in YEARS]:
        raise typer.BadParameter(
            f"--origins {strange[0]}: take a day of the years {YEARS[0]} to {YEARS[-1]}"
        )
    return found


def bench(family: BenchName, given: Given) -> None:
    """Judge a family on the files given, by option, and show the leaderboard.

    Raises:
        typer.BadParameter: an option is missing, is not of such a bench, or cannot be read.
    """
    checked(family, given)
    OF[family].bench(given)
