"""Everything that a table's page tells, read from the table's file, the lake and ops."""

import importlib
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs import lake
from jobs.command import number
from jobs.ops import freshness
from jobs.settings import settings
from jobs.table import Column, Entities, Events, Landed, Log, Table, columns, table

BUILDS = 8  # the newest
SAMPLE = 5  # rows
HIDDEN = "•••"
# how Great Expectations words a rule that no row can break
AT_LEAST_NONE, COUNTED = ", at least 0 % of the time.", "; counted, never refused"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class About:
    """One table's page."""

    name: str
    first_line: str
    more: Sequence[str]  # paragraphs
    kind: str
    key: str
    columns: Sequence[Column]
    fresh: Row | None  # of ops.freshness
    builds: Sequence[Row]  # of ops.builds, newest first
    rules: Sequence[Row]  # of ops.quality, the newest build that judged rows; with `words`
    sample: Sequence[Row]

    @property
    def broken(self) -> int:
        return sum(not rule["is_kept"] for rule in self.rules)

    @property
    def judged(self) -> str:
        """How many rows the rules were last asked of, in words."""
        rows = max((rule["rows_judged"] for rule in self.rules), default=0)
        return number(rows, "row", "rows") if rows else "no rows"

    @property
    def never_due(self) -> str:
        """Why nothing is due."""
        played = settings().clock == "data"
        return "never late: a past year is played" if played else "no rhythm"


def about(name: str, told: "Told") -> About:
    """What is to be said of a table."""
    which = table(name)
    first_line, more = docstring(name)
    rules = told.rules.get(name, [])
    words = in_words(which) if rules else {}
    return About(
        name=name,
        first_line=first_line,
        more=more,
        kind=kind(which),
        key=", ".join(getattr(which, "key", ())),
        columns=columns(which.full_schema),
        fresh=told.fresh.get(name),
        builds=told.builds.get(name, []),
        rules=[{**rule, "words": words.get(rule["rule"], "")} for rule in rules],
        sample=sample(which),
    )


@dataclass(frozen=True)
class Told:
    """What ops says of all tables, read once."""

    fresh: Mapping[str, Row]
    builds: Mapping[str, Sequence[Row]]
    rules: Mapping[str, Sequence[Row]]


def read() -> Told:
    """Freshness as of now; newest builds and verdicts."""
    fresh = {row["table_name"]: row for row in freshness.refresh()}
    builds = f"""select * from (select table_name, started_at, kind, why, outcome, slices_written,
        rows_written, rows_refused, seconds, table_version, error,
        row_number() over (partition by table_name order by started_at desc) as place from t)
        where place <= {BUILDS} order by table_name, place"""  # noqa: S608 - our own number
    # the newest that judged rows: a build of slices without any says nothing of the table
    rules = """with runs as (select table_name, run_id, row_number() over (partition by table_name
        order by sum(rows_judged) > 0 desc, max(judged_at) desc) as place
        from t group by table_name, run_id)
        select t.table_name, t.run_id, t.rule, min(severity) as severity,
        bool_and(is_kept) as is_kept,
        sum(rows_judged) as rows_judged, sum(rows_broken) as rows_broken,
        max(observed) as observed, max(judged_at) as judged_at
        from t join runs on t.table_name = runs.table_name and t.run_id = runs.run_id
        where runs.place = 1
        group by t.table_name, t.run_id, t.rule order by t.table_name, is_kept, t.rule"""
    return Told(fresh, _by_table("ops.builds", builds), _by_table("ops.quality", rules))


def _by_table(name: str, asked: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in lake.read(name, sql=asked).to_pylist() if lake.exists(name) else ():
        found.setdefault(row["table_name"], []).append(row)
    return found


def docstring(name: str) -> tuple[str, list[str]]:
    """What one row of a table is, and the paragraphs after that line."""
    layer, _, short = name.partition(".")
    home = f"jobs.ops.{short}" if layer == "ops" else f"jobs.spark.{name}"
    first, *more = (importlib.import_module(home).__doc__ or "").strip().split("\n\n")
    told = _joined(first).removeprefix(f"{name}: ")
    return told[:1].upper() + told[1:], [_joined(part) for part in more]


def _joined(paragraph: str) -> str:
    """Its lines as one; points of a list begin lines of their own."""
    return " ".join(paragraph.replace("\n- ", "\n• ").replace("`", "").split()).replace(
        " • ", "\n• "
    )


def kind(which: Table) -> str:
    if isinstance(which, Landed):
        return "landed: rows by batch, as received, typed"
    if isinstance(which, Events):
        return f"events: rows of a {which.grain}, replaced by {which.slice}"
    if isinstance(which, Entities):
        return "entities: one row per key, merged"
    return "log: what the pipeline writes about itself"


def sample(which: Table) -> list[Row]:
    """A few rows; what is personal data is not in them."""
    if not lake.exists(which.name):
        return []
    hidden = {c.name for c in columns(which.full_schema) if c.is_personal}
    rows = lake.read(which.name, sql=f"select * from t limit {SAMPLE}").to_pylist()  # noqa: S608
    return [
        {n: HIDDEN if n in hidden and v is not None else v for n, v in row.items()} for row in rows
    ]


def in_words(which: Table) -> dict[str, str]:
    """Each rule in words; those of RULES in Great Expectations' own."""
    if isinstance(which, Log):
        return {}
    from jobs.spark import rules

    found = {rules.READABLE: "the file can be read, and each of its rows has the columns"}
    for column in columns(which.full_schema):
        found[f"type({column.name})"] = f"every value is written as {column.type}"
        found[f"not_null({column.name})"] = "never missing"
    found[f"key({', '.join(which.key)})"] = "no two rows with the same"
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    for rule in rules.declared(which):
        [content] = InlineRenderer(render_object=rule.configuration).get_rendered_content()
        told = {n: getattr(p, "value", p) for n, p in (content.value.params or {}).items()}
        values = {n: p.get("value") if isinstance(p, Mapping) else p for n, p in told.items()}
        reason = (rule.meta or {})["reason"]
        words = string.Template(content.value.template or "").safe_substitute(values)
        found[reason] = words.replace(AT_LEAST_NONE, COUNTED)
    return found
