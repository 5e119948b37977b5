"""hdbscan: groups that stay as "close" is made tighter; each may be as dense as it likes.

Campello et al.: Density-based clustering based on hierarchical density estimates (2013), as
computed by scikit-learn. A new point is in the group of the nearest member, where that is no
farther than nearly all members are from one another.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial import cKDTree
from sklearn.cluster import HDBSCAN

from jobs.training.segments.segmenter import NONE, Groups, Segmenter, drawn


@dataclass(frozen=True)
class Params:
    least_share: float = 0.03  # of the points, that a group has at least
    neighbours: int = 12  # by which density is told: twice the coordinates
    near: float = 0.95  # reach = this quantile of members' distances to the next member
    most: int = 20_000  # points that groups are made of
    seed: int = 0  # of the sample


class HdbscanSegmenter(Segmenter):
    name = "hdbscan"
    Params: ClassVar[type] = Params

    def groups(self, points: np.ndarray) -> Groups:
        points = drawn(points, self.params.most, self.params.seed)
        least = max(2, round(self.params.least_share * len(points)))
        if len(points) < 2 * least:  # one group at most, which it does not tell
            return Groups(points[:0], np.empty(0, int))
        neighbours = min(self.params.neighbours, len(points))
        found = HDBSCAN(min_cluster_size=least, min_samples=neighbours, copy=True).fit(points)
        inside = found.labels_ != NONE
        anchors, of = points[inside], found.labels_[inside].astype(int)
        if not len(anchors):
            return Groups(anchors, of)
        away = cKDTree(anchors).query(anchors, [2])[0][:, 0]
        return Groups(anchors, of, max(float(np.quantile(away, self.params.near)), 1e-9))
