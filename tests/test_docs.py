"""What the documentation names is there: links, commands, modules, files, settings, tables."""

import ast
import datetime as dt
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from jobs import lake
from jobs.ops import quality
from jobs.settings import ROOT, settings
from jobs.table import LAYERS, Landed, Log, names, table

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
PAGES = [ENGLISH, CHINESE, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(text: str) -> str:
    return FENCE.sub("", text)


def fenced(text: str) -> list[str]:
    """Lines of code blocks without their comments."""
    lines = (line for _, body in FENCE.findall(text) for line in body.splitlines())
    return [line.partition(" #")[0].strip() for line in lines]


def code(text: str) -> list[str]:
    """Lines of code blocks, and what stands between backticks."""
    return fenced(text) + re.findall(r"`([^`\n]+)`", prose(text))


def commands(text: str) -> set[str]:
    """Whole commands of the code blocks."""
    return {line for line in fenced(text) if line.startswith(("make ", ".venv/bin/python "))}


def make_targets() -> set[str]:
    rules = re.findall(r"^([a-z][a-z -]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {target for rule in rules for target in rule.split()}


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text()))
    near = [link.partition("#")[0] for link in links if not re.match(r"\w+:", link)]
    assert not [link for link in near if link and not (page.parent / link).exists()]


@each_page
def test_every_make_target_exists(page: Path) -> None:
    named = {
        target
        for line in code(page.read_text())
        for target in re.findall(r"\bmake ([a-z][a-z-]*)", line)
    }
    assert named <= make_targets(), named - make_targets()


@each_page
def test_every_module_that_is_run_exists(page: Path) -> None:
    run = {m for line in code(page.read_text()) for m in re.findall(r"python -m ([\w.]+)", line)}
    assert not [module for module in run if importlib.util.find_spec(module) is None]


@each_page
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    ours = re.compile(r"(?:jobs|dags|infra|mlflow|expectations|tests|docs)/[\w./-]*")
    named = {word for word in code(page.read_text()) if ours.fullmatch(word)}
    assert not [path for path in named if not (ROOT / path).exists()]


@each_page
def test_python_in_a_page_imports_what_exists(page: Path) -> None:
    for kind, body in FENCE.findall(page.read_text()):
        if kind != "python":
            continue
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jobs"):
                home = importlib.import_module(node.module)
                for name in node.names:
                    found = hasattr(home, name.name)
                    assert found or importlib.util.find_spec(f"{node.module}.{name.name}")


def sql_of(page: str) -> str:
    """The one SQL block of a page."""
    [body] = [body for kind, body in FENCE.findall((ROOT / page).read_text()) if kind == "sql"]
    return str(body)


def test_what_a_rule_touched_is_counted_in_the_last_build_that_judged_rows(state: Path) -> None:
    row = {"rule": "key", "severity": "critical", "is_kept": False, "observed": ""}
    # parts of a wide build add up; older builds, and later ones without rows, do not count
    for run, hour, judged, broken in (
        ("a", 1, 9, 9),
        ("b", 2, 5, 1),
        ("b", 3, 4, 2),
        ("c", 4, 0, 0),
    ):
        at = dt.datetime(2026, 3, 2, hour, tzinfo=dt.UTC)
        told = {"run_id": run, "rows_judged": judged, "rows_broken": broken, "judged_at": at}
        lake.append(quality.TABLE, [row | told | {"table_name": "gold.daily_sales"}])
    asked = sql_of("docs/cleaning.md").replace("ops.quality", "t")
    [found] = lake.read("ops.quality", sql=asked).to_pylist()
    assert (found["table_name"], found["rule"]) == ("gold.daily_sales", "key")
    assert (found["rows_judged"], found["rows_touched"]) == (9, 3)
    [snippet] = re.findall(r'broken = """(.*?)"""', (ROOT / "docs/bi.md").read_text(), re.DOTALL)
    [found] = lake.read("ops.quality", sql=snippet).to_pylist()
    assert found == {"table_name": "gold.daily_sales", "rule": "key", "rows": 3}


def test_every_setting_is_documented_and_none_is_invented() -> None:
    text = (ROOT / "docs/operate.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", text, re.MULTILINE))
    assert documented == set(settings().environment())


@pytest.mark.parametrize("name", names((*LAYERS, "ops")))
def test_every_table_stands_in_the_docs_as_in_the_code(name: str) -> None:
    layer, _, short = name.partition(".")
    home = importlib.import_module(f"jobs.ops.{short}" if layer == "ops" else f"jobs.spark.{name}")
    row = (home.__doc__ or "").splitlines()[0].removeprefix(f"{name}: ")
    cells = [f"`{name}`", row]
    built = table(name)
    if not isinstance(built, Log):
        made_from = [arrow.name for arrow in built.inputs]
        if isinstance(built, Landed):
            made_from = [f"landing/{built.entity}"]
        cells += [", ".join(built.key), ", ".join(made_from)]
    assert f"| {' | '.join(cells)} |" in (ROOT / "docs/tables.md").read_text().splitlines()


def test_the_two_readmes_keep_step() -> None:
    def shape(page: Path) -> dict[str, object]:
        text = page.read_text()
        return {
            "headings": [len(level) for level in re.findall(r"^(#+) ", prose(text), re.MULTILINE)],
            "code blocks": [kind for kind, _ in FENCE.findall(text)],
            "images": re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text),
            "rows of tables": len(re.findall(r"^\|", prose(text), re.MULTILINE)),
            "points of lists": len(re.findall(r"^- ", prose(text), re.MULTILINE)),
            "commands": commands(text),
        }

    assert shape(ENGLISH) == shape(CHINESE)


def test_the_checks_find_what_they_look_for() -> None:
    text = "`make it-up`\n```sh\nmake demo    # a word\n.venv/bin/python -m jobs.none\n```\n"
    assert code(text) == ["make demo", ".venv/bin/python -m jobs.none", "make it-up"]
    assert commands(text) == {"make demo", ".venv/bin/python -m jobs.none"}
    assert {"demo", "bench", "clean-all"} <= make_targets()
    assert "it-up" not in make_targets()
    assert len(PAGES) > 6
