"""K-means in Spark: the same contract, the same groups as on one core."""

from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from jobs.training.segments import kmeans
from jobs.training.segments.spark_kmeans import Params, SparkKMeansSegmenter


def test_spark_finds_what_one_core_finds(spark: Any) -> None:
    of = np.repeat(np.arange(4), 30)
    points = 3.0 * np.eye(6)[of] + np.random.default_rng(0).normal(0, 0.1, (len(of), 6))
    found = SparkKMeansSegmenter(Params(groups=4, starts=2), spark).groups(points)
    assert adjusted_rand_score(of, found.assign(points)) == 1
    one_core = kmeans.KMeansSegmenter(kmeans.Params(groups=4)).groups(points)
    by_corner = [one.centres[one.assign(points[::30])] for one in (found, one_core)]
    np.testing.assert_allclose(*by_corner, atol=1e-9)
