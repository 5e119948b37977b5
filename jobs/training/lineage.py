"""What a table's version was built from, back to the landed files: by the logs that builds keep.

Nothing is guessed: a link that is gone (a build that is in no log, a list of batches that was
forgotten) is said to be gone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from jobs import lake, landing
from jobs.ops import builds
from jobs.table import Landed, table
from jobs.training import tracking
from jobs.training.family import Dataset


@dataclass(frozen=True)
class Node:
    """One thing that a score rests on, with what it rests on in turn."""

    what: str  # score, answers, version, run, bench, decision, table, batches, own lines
    name: str
    told: Mapping[str, Any] = field(default_factory=dict)
    rests_on: Sequence["Node"] = ()


def built(dataset: Dataset, seen: set[tuple[str, int]]) -> Node:
    """A table at a version, the build that wrote it and what it was built from, once each."""
    name = f"{dataset.table}@{dataset.version}"
    if (dataset.table, dataset.version) in seen:
        return Node("table", name, {"see": "above"})
    seen.add((dataset.table, dataset.version))
    row = _build(dataset)
    if row is None:
        return Node("table", name, {"gone": "no build of it, or of one before, is in ops.builds"})
    told = {
        "build": row["run_id"],
        "wrote": f"version {row['table_version']}",
        "at": row["finished_at"].isoformat(timespec="seconds"),
        "rows_written": row["rows_written"],
    }
    watermark = json.loads(row["watermark"])
    told["code"] = tracking.fingerprint(code=watermark["code"])
    which = table(dataset.table)
    if isinstance(which, Landed):
        return Node("table", name, told, (_batches(which, watermark["batches"]),))
    inputs = [Dataset(of, pin[1]) for of, pin in sorted(watermark["inputs"].items())]
    return Node("table", name, told, tuple(built(each, seen) for each in inputs))


def _build(dataset: Dataset) -> dict[str, Any] | None:
    """The build that a version holds; upkeep writes versions too, with the same rows."""
    if not lake.exists(builds.TABLE.name):
        return None
    found = lake.read(
        builds.TABLE.name,
        sql=f"select * from t where table_name = '{dataset.table}'"  # noqa: S608
        f" and table_version <= {dataset.version} and outcome in ('written', 'unchanged')"
        " and watermark is not null order by table_version desc, finished_at limit 1",
    ).to_pylist()
    return found[0] if found else None


def _batches(which: Landed, list_sha256: str | None) -> Node:
    """The landed files that a bronze table had taken."""
    taken = landing.taken(which.entity, list_sha256) if list_sha256 else None
    if taken is None:
        return Node("batches", f"landing/{which.entity}", {"gone": "their list was forgotten"})
    folders = {batch: f"{which.entity}/{batch}/{sha256}" for batch, sha256 in taken.items()}
    now = {m.batch_id: m.sha256 for m in landing.manifests(which.entity).values()}
    moved = sum(now.get(batch) != sha256 for batch, sha256 in taken.items())
    told = {"batches": len(taken), "landed_otherwise_since": moved, "folders": folders}
    return Node("batches", f"landing/{which.entity}", told)


def as_json(node: Node) -> dict[str, Any]:
    """The whole trace, every file by name."""
    told = {"what": node.what, "name": node.name, **node.told}
    return told | {"rests_on": [as_json(each) for each in node.rests_on]}


def as_tree(node: Node, above: Tree | None = None) -> Tree:
    """The trace for a person: of many files the number, the first and the last."""
    told = escape(", ".join(f"{k} {_short(k, v)}" for k, v in node.told.items()))
    name = f"[bold]{node.what}[/bold] {escape(node.name)}"
    label = f"{name} [dim]{told}[/dim]" if told else name
    here = above.add(label) if above else Tree(label)
    for each in node.rests_on:
        as_tree(each, here)
    return here


def _short(name: str, value: Any) -> str:
    if name != "folders":
        return str(value)
    paths = sorted(value)
    return paths[0] if len(paths) == 1 else f"{paths[0]} … {paths[-1]}" if paths else "none"
