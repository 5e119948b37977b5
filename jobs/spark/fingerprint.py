"""The code that makes a table, part by part: what `make` reaches, schema, rules, settings.

A part is other only where its code is: comments, docstrings and formatting do not count, nor does a
function of the same file that `make` never calls.
"""

import ast
import functools
import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs.settings import ROOT, settings
from jobs.table import Built, Landed, columns

# Modules of jobs that decide when and how rows are written, not what they say.
MACHINERY = (
    *("jobs.command", "jobs.lake", "jobs.landing", "jobs.ops.", "jobs.settings", "jobs.table"),
    *("jobs.spark.build", "jobs.spark.catalog", "jobs.spark.changes", "jobs.spark.fingerprint"),
    *("jobs.spark.key_rule", "jobs.spark.plan", "jobs.spark.row_rules", "jobs.spark.rules"),
    *("jobs.spark.selection", "jobs.spark.session", "jobs.spark.store", "jobs.spark.trial"),
    *("jobs.spark.upkeep", "jobs.spark.watermark"),
)
CONTRACT = ("key", "inputs", "slice", "grain", "as_of", "unit", "entity", "since")
# Settings that the rows depend on, by their field.
MADE_WITH = {"timezone": "COMPANY_TIMEZONE"}
ALL = "*"  # every statement of a file


def fingerprint(which: Built) -> dict[str, str]:
    """Each part of the table's code, and a hash of it.

    A part is a file, or SCHEMA (names, types, NOT NULL), the key and inputs, a setting.
    """
    schema = [(c.name, c.type, c.nullable) for c in columns(which.full_schema)]
    contract = [(name, getattr(which, name, None)) for name in CONTRACT]
    parts = {"SCHEMA": _hash(repr(schema)), "key and inputs": _hash(repr(contract))}
    rules = ROOT / "expectations" / Path(*which.name.split(".")).with_suffix(".py")
    start = [_made_by(which), *([(rules, ALL)] if rules.exists() else [])]
    reviewed = start[0][0].with_suffix(".yaml")  # what people review, beside the table's file
    if reviewed.exists():
        parts[str(reviewed.relative_to(ROOT))] = _hash(reviewed.read_text())
    return parts | code(start)


def code(start: Iterable[tuple[Path, str]], root: Path = ROOT) -> dict[str, str]:
    """Hashes of what is reached from definitions (file, name), and of the settings used there."""
    found: dict[Path, set[str]] = {}
    to_come = list(start)
    while to_come:
        path, name = to_come.pop()
        if name not in found.setdefault(path, set()):
            found[path].add(name)
            to_come += _module(path, root).leads_to(name)
    parts = {}
    for path, names in found.items():
        statements = _module(path, root).statements(names)
        parts[str(path.relative_to(root))] = _hash("\n".join(map(ast.unparse, statements)))
        for field in {f for s in statements for f in _settings(s)}:
            parts[MADE_WITH[field]] = str(getattr(settings(), field))
    return parts


def _made_by(which: Built) -> tuple[Path, str]:
    """The definition that gives the rows; all of its file for a function inside another one."""
    if isinstance(which, Landed):
        return ROOT / "jobs/spark/quarantine.py", "split"
    source = inspect.getsourcefile(which.make)
    assert source, f"{which.name}: its make has no file"
    name = which.make.__qualname__
    return Path(source).resolve(), name if name.isidentifier() else ALL


@dataclass(frozen=True)
class Module:
    """A file's statements at top level, and what its names stand for."""

    path: Path
    body: list[ast.stmt]
    definitions: dict[str, ast.stmt]
    imports: dict[str, tuple[Path, str]]  # name here → (file, name there), ours only

    def statements(self, names: set[str]) -> list[ast.stmt]:
        """Those that define the names, in the file's order."""
        wanted = {id(self.definitions[n]) for n in names if n in self.definitions}
        return [s for s in self.body if ALL in names or id(s) in wanted]

    def leads_to(self, name: str) -> list[tuple[Path, str]]:
        """The definitions that a definition uses, here and in other files."""
        if name in self.imports:
            return [self.imports[name]]
        found = []
        for statement in self.statements({name}):
            nodes = list(ast.walk(statement))
            # of a module only what is taken from it: `columns.newest` is newest
            taken = {id(n.value): n.attr for n in nodes if isinstance(n, ast.Attribute)}
            for node in nodes:
                if not isinstance(node, ast.Name):
                    continue
                if node.id in self.definitions:
                    found.append((self.path, node.id))
                elif node.id in self.imports:
                    path, there = self.imports[node.id]
                    found.append((path, taken.get(id(node), ALL) if there == ALL else there))
        return found


def _module(path: Path, root: Path) -> Module:
    return _parsed(path, root, path.stat().st_mtime_ns)


@functools.cache
def _parsed(path: Path, root: Path, changed_ns: int) -> Module:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, tuple[Path, str]] = {}
    for statement in tree.body:
        definitions |= dict.fromkeys(_defined(statement), statement)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if place := _place(f"{node.module}.{alias.name}", root):
                    imports[alias.asname or alias.name] = place
    body = [s for s in tree.body if not isinstance(s, ast.Import | ast.ImportFrom)]
    return Module(path, body, definitions, imports)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Pass()]
    return body


def _defined(statement: ast.stmt) -> set[str]:
    """Names that a statement at top level gives a meaning; not those inside a function."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    nodes = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {n.id for n in nodes if isinstance(n.ctx, ast.Store)}


def _place(dotted: str, root: Path) -> tuple[Path, str] | None:
    """Where a name that is imported lies; null where it is not made of our tables' code."""
    if not dotted.startswith(("jobs.", "expectations.")) or dotted.startswith(MACHINERY):
        return None
    home, _, name = dotted.rpartition(".")
    for module, there in ((dotted, ALL), (home, name)):
        at = root / Path(*module.split("."))
        for file in (at.with_suffix(".py"), at / "__init__.py"):
            if file.exists():
                return file, there
    return None


def _settings(statement: ast.stmt) -> set[str]:
    """Fields of `settings().…` that rows depend on."""
    return {
        node.attr
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute)
        and node.attr in MADE_WITH
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "settings"
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
