"""ward: the two groups whose union adds least to squared distances are joined, until so many stand.

Ward: Hierarchical grouping to optimize an objective function (1963), as computed by scikit-learn.
Differs: an account belongs to the nearest centre of the tree's groups, as new ones do, so a few are
not where the tree had them. All pairs of points are held in memory: a sample is taken of many.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from jobs.training.segments.segmenter import Groups, Segmenter, distinct, drawn


@dataclass(frozen=True)
class Params:
    groups: int = 6  # 1 or more; fewer are made of fewer points that differ
    most: int = 10_000  # points that the tree is made of: 400 MB of pairs
    seed: int = 0  # of the sample


class WardSegmenter(Segmenter):
    name = "ward"
    Params: ClassVar[type] = Params

    def groups(self, points: np.ndarray) -> Groups:
        points = drawn(points, self.params.most, self.params.seed)
        count = min(self.params.groups, distinct(points))
        if count == 1:
            return Groups(points.mean(axis=0, keepdims=True), np.zeros(1, int))
        labels = AgglomerativeClustering(count).fit_predict(points)
        centres = [points[labels == group].mean(axis=0) for group in range(count)]
        return Groups(np.array(centres), np.arange(count))
