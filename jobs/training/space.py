"""What a model's settings may be, and how found ones come to stand in its file.

SPACE, below the Params of a model's file: field → a distribution of Optuna's.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Space = Mapping[str, BaseDistribution]  # field of Params → what it may be

GRID_POINTS = 4  # of a range, both ends included
DIGITS = 3  # of a number that is tried: more say nothing, and nobody could read them


class NoSpace(Exception):
    """A model's file does not say what its settings may be."""


def space_of(model: type[Any]) -> Space:
    """SPACE of a model's file.

    Raises:
        NoSpace: the file has none.
    """
    found: Space = getattr(importlib.import_module(model.__module__), "SPACE", {})
    if not found:
        raise NoSpace(
            f"{model.name} has no SPACE: write below its Params what each setting may be,"
            " as docs/tuning.md says"
        )
    return found


def points(kind: BaseDistribution) -> list[Any]:
    """What a grid tries of a setting."""
    if isinstance(kind, CategoricalDistribution):
        return list(kind.choices)
    assert isinstance(kind, FloatDistribution | IntDistribution)
    spaced = np.geomspace if kind.log else np.linspace
    found = spaced(kind.low, kind.high, GRID_POINTS).clip(kind.low, kind.high)
    if isinstance(kind, IntDistribution):
        return sorted({int(value) for value in found.round()})
    return [float(value) for value in found]


def readable(value: Any) -> Any:
    """A number of so many digits that it can stand in a file."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def with_defaults(kind: type[Any], params: Mapping[str, Any], note: str) -> list[str]:
    """The source of a dataclass with other defaults, and a line that says where they come from."""
    source = textwrap.dedent(inspect.getsource(kind))
    [found] = ast.parse(source).body
    assert isinstance(found, ast.ClassDef)
    lines = source.rstrip().splitlines()
    for field in found.body:
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        value = field.value
        if field.target.id in params and value is not None and value.end_col_offset is not None:
            line = lines[value.lineno - 1]
            new = repr(params[field.target.id]).replace("'", '"')
            lines[value.lineno - 1] = line[: value.col_offset] + new + line[value.end_col_offset :]
    head = found.lineno - 1
    old = [line for line in lines[head + 1 :] if not line.lstrip().startswith("# tuned on ")]
    return [lines[head], f"    # {note}", *old]
