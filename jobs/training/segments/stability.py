"""How sure groups are: made again of accounts drawn by chance, and how far apart they lie.

Each bootstrap draws as many accounts as there are, with repeats, makes groups of them, and asks
them about everyone; the adjusted Rand index says how far that agrees with the groups of all: 1 the
same, 0 as by chance. Hennig: Cluster-wise assessment of cluster stability (2007) draws so too.
Who is in no group counts as in a group of its own.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from jobs.training.segments.segmenter import NONE, Groups, Maker, Segmenter, drawn

logger = logging.getLogger(__name__)

BOOTSTRAPS = 50
MOST = 20_000  # accounts that stability is told of; a sample where there are more
MOST_PAIRS = 10_000  # accounts that silhouettes are told of: each is held against each
COUNTS = (4, 5, 6, 7, 8)  # fewer say little, and people do not keep more apart
ARI_MEAN, ARI_MIN = 0.8, 0.6  # what a bootstrap must agree on, on average and at worst
NEAR = 0.03  # of the best silhouette: within it the steadier number of groups is taken
AS_STEADY = 0.01  # of the best mean index: within it the fewer


@dataclass(frozen=True, eq=False)  # arrays are not equal or not
class Stability:
    """What was seen of one way to make groups.

    Attributes:
        count: groups.
        ari: (B,) adjusted Rand index of each bootstrap, -1 to 1.
        silhouettes: (N,) of each account that was looked at, -1 to 1: (b - a) / max(a, b), with a
            the mean distance to its own group and b to the nearest other; null: in no group.
    """

    count: int
    ari: np.ndarray
    silhouettes: np.ndarray

    @property
    def silhouette(self) -> float:
        """Mean over accounts; null where there are not two groups."""
        known = self.silhouettes[~np.isnan(self.silhouettes)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def faults(self) -> list[str]:
        """Why these are no segments to work with; empty: they are."""
        found = []
        if self.count not in COUNTS:
            found.append(f"{self.count} segments: {COUNTS[0]} to {COUNTS[-1]} are wanted")
        for name, value, least in (
            ("mean", self.ari.mean(), ARI_MEAN),
            ("least", self.ari.min(), ARI_MIN),
        ):
            if value < least:
                found.append(f"{name} adjusted Rand index {value:.2f}: {least} is needed")
        return found


def stability(way: Segmenter, points: np.ndarray, seed: int = 0) -> Stability:
    """Groups of points, made again BOOTSTRAPS times. (N, C), N > 0"""
    points = drawn(points, MOST, seed)
    groups = way.groups(points)
    labels = groups.assign(points)
    rng, found = np.random.default_rng(seed), []
    for _ in range(BOOTSTRAPS):
        again = way.groups(points[rng.integers(0, len(points), len(points))])
        found.append(adjusted_rand_score(labels, again.assign(points)))
    return Stability(groups.count, np.array(found), silhouettes(groups, points, seed))


def silhouettes(groups: Groups, points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Of each point, or of MOST_PAIRS of them; null: in no group, or there are not two. (N,)"""
    points = drawn(points, MOST_PAIRS, seed)
    labels = groups.assign(points)
    inside = labels != NONE
    found = np.full(len(points), np.nan)
    if 1 < len(np.unique(labels[inside])) < inside.sum():
        found[inside] = silhouette_samples(points[inside], labels[inside])
    return found


def by_count(of: Maker, points: np.ndarray, seed: int = 0) -> dict[int, Stability]:
    """What is seen of each of COUNTS."""
    seen = {count: stability(of(count), points, seed) for count in COUNTS}
    for count, one in seen.items():
        logger.info(
            "%d segments: adjusted Rand index %.3f on average, %.3f at least, silhouette %.3f",
            *(count, one.ari.mean(), one.ari.min(), one.silhouette),
        )
    return seen


def steadiest(seen: Mapping[int, Stability]) -> int:
    """How many groups: of those without faults and NEAR the best silhouette, the steadiest.

    Of two AS_STEADY the fewer; where all have faults, one of them: its faults say so.
    """
    able = {count: one for count, one in seen.items() if not one.faults} or dict(seen)
    height = {count: np.nan_to_num(one.silhouette, nan=-1.0) for count, one in able.items()}
    close = [count for count in able if height[count] >= max(height.values()) - NEAR]
    steady = {count: float(able[count].ari.mean()) for count in close}
    return min(count for count in close if steady[count] >= max(steady.values()) - AS_STEADY)
