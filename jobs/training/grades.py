"""Grades of scores that mean the same from version to version: edges, and how many accounts flip.

A family that has them says so by `scores` (see `family.Graded`). Edges are kept with a version, and
a challenger takes the champion's over: an A stays what it was, whoever answers.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from jobs.spark.grading import FIFTHS, GRADES

EDGES = "grade_edges"  # tag of a version: JSON of the floors of A to D

Edges = tuple[float, ...]


def fifths(scores: pd.Series) -> Edges:
    """Floors of A to D such that each grade has a fifth of the accounts, ties in the higher one."""
    return tuple(float(edge) for edge in scores.quantile(list(FIFTHS), interpolation="higher"))


def kept(version: ModelVersion | None) -> Edges | None:
    """The edges that a version carries; null: none, or no version."""
    told = version.tags.get(EDGES) if version else None
    return tuple(json.loads(told)) if told else None


def graded(scores: pd.Series, edges: Edges) -> pd.Series:
    """A from the first edge up, then B, C and D; E below the last, and where there is no score."""
    places = len(edges) - np.searchsorted(edges[::-1], scores.fillna(-np.inf), side="right")
    return pd.Series(np.asarray(GRADES)[places], scores.index)


@dataclass(frozen=True)
class Flips:
    """Of the accounts that both versions score: shares whose grade differs, 0..1."""

    accounts: int
    any: float  # by one step or more
    two_steps: float  # by two or more, such as A to C


def flips(before: pd.Series, after: pd.Series, edges: Edges) -> Flips:
    """Compare two versions' scores of the same feature rows, graded by the same edges.

    Raises:
        ValueError: no account is scored by both.
    """
    pairs = pd.concat({"before": before, "after": after}, axis=1, join="inner")
    if pairs.empty:
        raise ValueError("grade flips: no account has a score of both versions")
    steps = {name: graded(pairs[name], edges).map(GRADES.index) for name in pairs}
    apart = (steps["before"] - steps["after"]).abs()
    return Flips(len(pairs), float((apart >= 1).mean()), float((apart >= 2).mean()))
