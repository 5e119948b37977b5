"""dbscan: groups are where points lie close, however shaped; what lies apart is in none.

Ester et al.: A density-based algorithm for discovering clusters (1996), as by scikit-learn.
Differs: "close" is not a number that someone guesses, but a quantile of the points' own distances.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial import cKDTree
from sklearn.cluster import DBSCAN

from jobs.training.segments.segmenter import Groups, Segmenter, drawn


@dataclass(frozen=True)
class Params:
    neighbours: int = 12  # that a point needs within reach: twice the coordinates
    close: float = 0.7  # 0 to 1: reach = this quantile of distances to that neighbour
    most: int = 20_000  # points that groups are made of
    seed: int = 0  # of the sample


class DbscanSegmenter(Segmenter):
    name = "dbscan"
    Params: ClassVar[type] = Params

    def groups(self, points: np.ndarray) -> Groups:
        points = drawn(points, self.params.most, self.params.seed)
        neighbours = min(self.params.neighbours, len(points))
        away = cKDTree(points).query(points, [neighbours])[0][:, 0]  # itself is the first
        # twins are no distance apart, and a reach must be above 0
        reach = max(float(np.quantile(away, self.params.close)), np.finfo(float).eps)
        found = DBSCAN(eps=reach, min_samples=neighbours).fit(points)
        core = found.core_sample_indices_
        return Groups(points[core], found.labels_[core].astype(int), reach)
