"""kmeans: centres such that squared distances to the nearest one are least; the default.

Lloyd: Least squares quantization in PCM (1982), with the starts of Arthur and Vassilvitskii:
k-means++ (2007), as computed by scikit-learn.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.cluster import KMeans

from jobs.training.segments.segmenter import Groups, Segmenter, distinct


@dataclass(frozen=True)
class Params:
    groups: int = 6  # 1 or more; fewer are made of fewer points that differ
    starts: int = 20  # of which the best is kept: with 4, one bootstrap in 30 ends elsewhere
    seed: int = 0


class KMeansSegmenter(Segmenter):
    name = "kmeans"
    Params: ClassVar[type] = Params

    def groups(self, points: np.ndarray) -> Groups:
        count = min(self.params.groups, distinct(points))
        found = KMeans(count, n_init=self.params.starts, random_state=self.params.seed).fit(points)
        return Groups(found.cluster_centers_, np.arange(count))
