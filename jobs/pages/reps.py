"""Writes the reports: `python -m jobs.pages.reps`; they lie in the state, reports/index.html.

A page per salesperson and week, in English and in Chinese, and one that compares them. No script,
nothing from a network; customers and salespeople by their numbers. A day's run writes those of the
week that closed last anew, until the next one closes; earlier ones stay as they were last written.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from jobs import command
from jobs.pages import charts, rep_facts
from jobs.pages.html import put, render
from jobs.pages.rep_facts import NOBODY, Week
from jobs.pages.rep_words import WORDS
from jobs.settings import settings

ENDINGS = {"en": ".html", "zh": ".zh.html"}  # of a page's name, by language


def refresh(week: dt.date | None = None, out: Path | None = None) -> Path | None:
    """Write the reports of a week (null: the newest that is over); gives the first page.

    Args:
        out: another folder than the state's.

    Raises:
        NoSuchWeek: it is not over, or has no sales.
    """
    told = rep_facts.read(week)
    if told is None:
        return None
    home = out or settings().state / "reports"
    put(home / told.start.isoformat(), pages(told))
    there = (path.name for path in home.iterdir() if path.is_dir())
    weeks = sorted((n for n in there if re.fullmatch(r"\d{4}-\d\d-\d\d", n)), reverse=True)
    index = home / "index.html"
    index.write_text(render("report_weeks.html", weeks=weeks))
    return index


def pages(week: Week) -> dict[str, str]:
    """The pages of a week by their file's names."""
    found = {}
    for language, ending in ENDINGS.items():
        about = {"week": week, "words": WORDS[language], "language": language, "nobody": NOBODY}
        links = {rep.rep_id: quote(file_name(rep.rep_id) + ending) for rep in week.reps}
        all_weeks = [_of_all(week, n) for n in range(len(week.reps[0].weeks))]
        found[f"index{ending}"] = render(
            "reps.html",
            **about,
            links=links,
            chart=_chart(all_weeks),
            other=_other("index", language),
        )
        for rep in week.reps:
            most = max((abs(each.change) for each in (*rep.up, *rep.down)), default=0)
            found[file_name(rep.rep_id) + ending] = render(
                "rep.html",
                **about,
                rep=rep,
                chart=_chart([(w["week_start_date"], float(w["sales_usd"])) for w in rep.weeks]),
                moves={e.account_id: charts.move(e.change, most) for e in (*rep.up, *rep.down)},
                rows=rep_facts.ROWS,
                other=_other(file_name(rep.rep_id), language),
            )
    return found


def file_name(rep_id: str) -> str:
    """A salesperson's number as a part of a file's name, whatever the CRM has for numbers."""
    return f"rep-{quote(rep_id, safe='')}"


def _other(name: str, language: str) -> str:
    """The address of the same page in the other language."""
    [other] = ENDINGS.keys() - {language}
    return quote(name + ENDINGS[other])


def _of_all(week: Week, n: int) -> tuple[dt.date, float]:
    day = week.reps[0].weeks[n]["week_start_date"]
    return day, sum(float(rep.weeks[n]["sales_usd"]) for rep in week.reps)


def _chart(weeks: list[tuple[dt.date, float]]) -> charts.Bars:
    before = [usd for _, usd in weeks[:-1]]
    mean = sum(before) / len(before) if before else None
    return charts.bars([f"{day:%m-%d}" for day, _ in weeks], [usd for _, usd in weeks], mean)


def main(
    week: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="any day of it; without: the newest that is over"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder; without: reports of the state")] = None,
) -> None:
    """Write the week's report of each salesperson, and the page that compares them."""
    index = refresh(week and week.date(), out)
    typer.echo(f"file://{index.absolute()}" if index else "no week is over yet: nothing to report")


if __name__ == "__main__":
    command.run(main)
