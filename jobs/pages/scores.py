"""A page per connection for those who see scores in a CRM: what they mean, and what made them.

The link at a customer (`as: link` of a mapping) leads to the part about the model. Nothing of a
single customer is on the page: it can lie on any web server that salespeople reach.
"""

import ast
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from jobs import lake
from jobs.delivery import mapping as mappings
from jobs.delivery.entries import SCORES
from jobs.delivery.mapping import ConnectionMap, MappingError
from jobs.pages.html import render
from jobs.settings import ROOT
from jobs.table import columns, table

DECISIONS = "ops.promotions"
FAMILY = "recommenders"  # whose champion fills the outbox
MODELS = ROOT / "jobs/training" / FAMILY
WHOSE = {
    "always": "kept by us: what a person types there is overwritten",
    "if_empty": "filled once, then yours",
    "if_ours": "yours once you change or clear it",
}

Row = Mapping[str, Any]

log = logging.getLogger(__name__)


def pages() -> dict[str, str]:
    """The page of every connection whose mapping can be used, by the connection's name."""
    models, found = _models(), {}
    for name in mappings.names():
        try:
            mapping = mappings.load(name)
        except MappingError as error:
            log.warning("no page about the scores of %s: %s", name, error)
            continue
        if mapping.customers is None:  # others make tasks
            found[name] = made(mapping, models)
    return found


def made(mapping: ConnectionMap, models: Sequence[Row]) -> str:
    said = {column.name: column.comment for column in columns(table(SCORES).full_schema)}
    fields = [
        {
            "name": name,
            "shows": [(column.replace("_", " "), said.get(column, "")) for column in of.columns],
            "whose": WHOSE[of.ownership],
            "purpose": of.purpose,
        }
        for name, of in mapping.fields.items()
        if of.transform != "link"
    ]
    return render("scores.html", mapping=mapping, fields=fields, models=models)


def _models() -> list[Row]:
    """Whose answers the outbox holds, the newest first."""
    if not lake.exists(SCORES):
        return []
    asked = """select score_name, model_name, model_version, min(as_of_date) as first_date,
        max(as_of_date) as last_date, max(valid_until) as valid_until, count(*) as customers
        from t where is_contactable group by all
        order by last_date desc, model_name, model_version"""
    rows = lake.read(SCORES, sql=asked).to_pylist()
    chosen = _chosen()
    return [
        row | {"what": _what(row["model_name"]), "chosen_at": chosen.get(row["model_version"])}
        for row in rows
    ]


def _chosen() -> dict[str, Any]:
    """When each version became the one that answers."""
    if not lake.exists(DECISIONS):
        return {}
    asked = f"""select model_version, max(decided_at) as chosen_at from t
        where family = '{FAMILY}' and decision = 'promoted' group by all"""  # noqa: S608 our own
    return {r["model_version"]: r["chosen_at"] for r in lake.read(DECISIONS, sql=asked).to_pylist()}


def _what(model: str) -> str:
    """What a model does: the first line of its file; to import that would take seconds."""
    path = MODELS / f"{model}.py"
    if not model.isidentifier() or not path.is_file():
        return ""
    told = ast.get_docstring(ast.parse(path.read_text())) or ""
    return told.partition("\n\n")[0].replace("\n", " ").removeprefix(f"{model}: ")
