"""spark_kmeans: kmeans in Spark, where one machine's memory ends: from some 10 million accounts.

At one million one core was seven times as fast, in an eighth of the memory: docs/segments.md.
Bahmani et al.: Scalable k-means++ (2012), as computed by Spark ML over Spark Connect.
Differs from `kmeans`: sums are taken in parallel, so two fits agree to rounding only.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pyspark.ml.clustering import KMeans
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.training.segments.segmenter import Groups, Segmenter


@dataclass(frozen=True)
class Params:
    groups: int = 6  # 1 or more; fewer are made of fewer points that differ
    starts: int = 3  # of which the best is kept; each is a pass of its own over all accounts
    seed: int = 0  # of the first start


class SparkKMeansSegmenter(Segmenter):
    name = "spark_kmeans"
    Params: ClassVar[type] = Params

    def __init__(self, params: Any, spark: Any) -> None:
        """spark: a session, as `session.opened` gives it."""
        super().__init__(params)
        self.spark = spark

    def groups(self, points: np.ndarray) -> Groups:
        """See `Segmenter`. (N, C)"""
        columns = [f"c{place}" for place in range(points.shape[1])]
        return self.of(self.spark.createDataFrame(pd.DataFrame(points, columns=columns)))

    def of(self, points: DataFrame) -> Groups:
        """Groups of a table of coordinates, a column each, wherever it lies."""
        vector = array_to_vector(F.array(*points.columns)).alias("features")
        table = points.select(vector)
        fits = [
            KMeans(k=self.params.groups, seed=self.params.seed + start).fit(table)
            for start in range(self.params.starts)
        ]
        best = min(fits, key=lambda fit: fit.summary.trainingCost)
        centres = np.array(best.clusterCenters())
        return Groups(centres, np.arange(len(centres)))
