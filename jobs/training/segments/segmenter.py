"""What every way of making segments promises: groups of points, and where a new point belongs."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.spatial import cKDTree

NONE = -1  # of a point that is in no group


@dataclass(frozen=True)
class Groups:
    """Points that stand for groups: a point belongs to the group of the nearest one.

    A anchors, C coordinates, K groups.

    Attributes:
        anchors: (A, C) centres, or members, of the groups.
        of: (A,) the group of each, 0 to K - 1, each of which has one.
        reach: distance beyond which a point belongs to no group; infinite: to the nearest.
    """

    anchors: np.ndarray
    of: np.ndarray
    reach: float = np.inf

    @property
    def count(self) -> int:
        return len(np.unique(self.of))

    @cached_property
    def centres(self) -> np.ndarray:
        """Means of the anchors of each group. (K, C)"""
        return np.array(
            [self.anchors[self.of == group].mean(axis=0) for group in range(self.count)]
        )

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.anchors)

    def assign(self, points: np.ndarray) -> np.ndarray:
        """The group of each point; NONE: it is near none. (N, C) → (N,)"""
        if not len(self.anchors) or not len(points):
            return np.full(len(points), NONE)
        distance, nearest = self._tree.query(points)
        return np.where(distance <= self.reach, self.of[nearest], NONE)

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Of each point to each centre. (N, K)"""
        if not self.count:
            return np.empty((len(points), 0))
        return np.linalg.norm(points[:, None, :] - self.centres[None], axis=2)


class Segmenter(ABC):
    """One file per way, with `Params` and this class. The same points and seed: the same groups."""

    name: ClassVar[str]
    Params: ClassVar[type]

    def __init__(self, params: Any) -> None:
        self.params = params

    @abstractmethod
    def groups(self, points: np.ndarray) -> Groups:
        """Groups of points, of which there is one at least. (N, C)"""


def drawn(points: np.ndarray, most: int, seed: int) -> np.ndarray:
    """All points, or so many of them at random where there are more."""
    if len(points) <= most:
        return points
    return points[np.sort(np.random.default_rng(seed).choice(len(points), most, replace=False))]


def distinct(points: np.ndarray) -> int:
    """How many points differ: there cannot be more groups."""
    return len(np.unique(points, axis=0))


Maker = Callable[[int], Segmenter]  # number of groups → a way that makes so many
