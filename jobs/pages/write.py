"""Writes the pages: `python -m jobs.pages.write`; they lie in the state, pages/index.html.

Everything is read by deltalake, with the services up or down.
"""

import datetime as dt
import os
import shutil
import tempfile
from pathlib import Path

import typer

from jobs import command, lake
from jobs.pages import data_docs, facts, lineage, scores
from jobs.pages.html import render
from jobs.settings import settings
from jobs.table import LAYERS, Log, names, table


def refresh() -> Path:
    """Write all pages anew, and put them in the place of those before; gives the first page."""
    told = facts.read()
    made = {n: facts.about(n, told) for n in names((*LAYERS, "ops")) if lake.exists(n)}
    arrows = lineage.inputs(made.keys())
    layers = [
        (layer, [each for name, each in made.items() if name.startswith(f"{layer}.")])
        for layer in ("gold", "scores", "silver", "features", "bronze", "ops")
    ]
    pages = {
        name: render(
            "table.html",
            table=each,
            picture=lineage.picture(arrows, name) if name in arrows else None,
        )
        for name, each in made.items()
    }
    for name, each in made.items():
        if each.rules and not isinstance(which := table(name), Log):
            results = data_docs.results(which, each.rules)
            pages[f"{name}.data_docs"] = render("data_docs.html", table=each, results=results)
    connections = scores.pages()
    pages |= {f"crm/{name}": text for name, text in connections.items()}
    pages["index"] = render(
        "index.html",
        connections=sorted(connections),
        now=dt.datetime.now(dt.UTC),
        layers=[(layer, tables) for layer, tables in layers if tables],
        picture=lineage.picture(arrows),
    )
    return _swap(pages) / "index.html"


def _swap(pages: dict[str, str]) -> Path:
    """A reader sees all of the old pages or all of the new ones, but for a moment between."""
    state = settings().state
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = state / "pages"
    with tempfile.TemporaryDirectory(prefix=".pages-", dir=state) as folder:
        new = Path(folder, "new")
        new.mkdir(mode=0o700)
        (new / "crm").mkdir()
        for name, text in pages.items():
            (new / f"{name}.html").write_text(text)
        shutil.rmtree(home, ignore_errors=True)
        os.rename(new, home)
    return home


def main() -> None:
    """Write a page per table, one per connection to a CRM, and the index."""
    command.tell_facts()
    typer.echo(f"file://{refresh()}")


if __name__ == "__main__":
    command.run(main)
