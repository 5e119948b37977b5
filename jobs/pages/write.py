"""Writes the pages: `python -m jobs.pages.write`; they lie in the state, pages/index.html.

Everything is read by deltalake, with the services up or down.
"""

import datetime as dt
from pathlib import Path

import typer

from jobs import command, lake
from jobs.pages import data_docs, facts, lineage, scores
from jobs.pages.html import put, render
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
    home = settings().state / "pages"
    put(home, {f"{name}.html": text for name, text in pages.items()})
    return home / "index.html"


def main() -> None:
    """Write a page per table, one per connection to a CRM, and the index."""
    command.tell_facts()
    typer.echo(f"file://{refresh()}")


if __name__ == "__main__":
    command.run(main)
