"""The look of our pages: templates without a script, everything that is filled in escaped."""

import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("jobs.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

LONG = 60  # characters of a value in a sample


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
    if isinstance(value, Decimal | dt.date):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(shown(each) for each in value)
    return str(value)


def short(value: Any) -> str:
    """The same, cut where it is long."""
    text = shown(value)
    return text if len(text) <= LONG else f"{text[:LONG]} …"


TEMPLATES.filters.update(shown=shown, short=short)


def render(template: str, **told: Any) -> str:
    """A page from its template."""
    return TEMPLATES.get_template(template).render(**told)


def put(home: Path, pages: Mapping[str, str]) -> None:
    """Pages by their files' names, in the place of what the folder had.

    A reader sees all of the old ones or all of the new ones, but for a moment between.
    """
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pages-", dir=home.parent) as folder:
        new = Path(folder, "new")
        new.mkdir(mode=0o700)
        for name, text in pages.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)
        shutil.rmtree(home, ignore_errors=True)
        os.rename(new, home)
