"""One contract for every way to make segments: what is planted is found, and noise is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from jobs.training.segments import stability as bootstraps
from jobs.training.segments.files import WAYS, takes_count, way
from jobs.training.segments.kmeans import KMeansSegmenter, Params
from jobs.training.segments.segmenter import NONE, Groups, Segmenter
from jobs.training.segments.stability import (
    ARI_MIN,
    Stability,
    by_count,
    silhouettes,
    stability,
    steadiest,
)

PLANTED = 5
FEW = 10  # bootstraps: quick, and they show the same

each_way = pytest.mark.parametrize("model", WAYS)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstraps, "BOOTSTRAPS", FEW)


def planted(each: int = 40, wide: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Points around PLANTED corners, and the corner of each."""
    rng = np.random.default_rng(3)
    corners = 3 * np.eye(6)[:PLANTED]
    of = np.repeat(np.arange(PLANTED), each)
    return corners[of] + rng.normal(0, wide, (len(of), 6)), of


def noise(count: int = 400) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (count, 6))


@each_way
def test_what_is_planted_is_found(model: str) -> None:
    points, of = planted()
    groups = way(model, PLANTED).groups(points)
    assert groups.count == PLANTED
    labels = groups.assign(points)
    inside = labels != NONE
    assert inside.mean() > 0.9
    assert adjusted_rand_score(of[inside], labels[inside]) == 1
    assert not stability(way(model, PLANTED), points).faults


@each_way
def test_who_comes_later_belongs_where_it_is_near(model: str) -> None:
    points, of = planted()
    groups = way(model, PLANTED).groups(points)
    again, _ = planted(wide=0.05)
    labels, later = groups.assign(points), groups.assign(again)
    assert all((later[of == one] == labels[of == one].max()).mean() > 0.9 for one in set(of))


@each_way
def test_noise_is_told_as_unsteady(model: str) -> None:
    seen = stability(way(model, PLANTED), noise())
    assert seen.faults


@each_way
def test_the_same_seed_gives_the_same(model: str) -> None:
    points, _ = planted(wide=0.5)
    one, other = (way(model, PLANTED).groups(points) for _ in range(2))
    np.testing.assert_array_equal(one.anchors, other.anchors)
    np.testing.assert_array_equal(one.of, other.of)
    assert one.reach == other.reach


@each_way
@pytest.mark.parametrize("points", [noise(1), np.ones((30, 6))], ids=["one", "identical"])
def test_one_account_and_identical_ones_are_one_segment_at_most(
    model: str, points: np.ndarray
) -> None:
    seen = stability(way(model, PLANTED), points)
    assert seen.count <= 1
    assert f"{seen.count} segments: 4 to 8 are wanted" in seen.faults
    assert np.isnan(seen.silhouette)
    assert len(set(way(model, PLANTED).groups(points).assign(points))) == 1


@each_way
def test_nobody_asks_about_nobody(model: str) -> None:
    groups = way(model, PLANTED).groups(planted()[0])
    assert groups.assign(np.empty((0, 6))).shape == (0,)


@pytest.mark.parametrize("model", ["ward", "dbscan", "hdbscan"])
def test_of_many_a_sample_is_taken(model: str) -> None:
    points, of = planted(each=100)
    params = WAYS[model].Params(most=150)
    params = replace(params, groups=PLANTED) if takes_count(model) else params
    groups = WAYS[model](params).groups(points)
    assert len(groups.anchors) <= 150
    labels = groups.assign(points)
    inside = labels != NONE
    assert adjusted_rand_score(of[inside], labels[inside]) == 1


def test_the_number_that_was_planted_is_chosen() -> None:
    points, _ = planted(each=20, wide=0.3)
    seen = by_count(lambda count: KMeansSegmenter(Params(count, starts=3)), points)
    assert steadiest(seen) == PLANTED
    assert list(seen) == [4, 5, 6, 7, 8]


def told(ari: float, silhouette: float, count: int = 5) -> Stability:
    return Stability(count, np.array([ari, ari]), np.array([silhouette]))


def test_the_steadier_wins_where_silhouettes_are_near() -> None:
    assert steadiest({5: told(0.95, 0.28), 6: told(0.9, 0.3)}) == 5
    assert steadiest({5: told(0.95, 0.26), 6: told(0.9, 0.3)}) == 6
    assert steadiest({5: told(0.91, 0.3), 6: told(0.915, 0.3)}) == 5  # as steady: the fewer
    # one that has faults is not taken, however far apart its groups are
    assert steadiest({5: told(0.7, 0.9), 6: told(0.9, 0.3)}) == 6
    assert steadiest({5: told(0.7, 0.3), 6: told(0.6, 0.3)}) == 5


def test_faults_say_what_is_needed() -> None:
    assert told(0.95, 0.3).faults == []
    assert told(0.95, 0.3, count=2).faults == ["2 segments: 4 to 8 are wanted"]
    one_bad = Stability(5, np.array([0.99] * 9 + [ARI_MIN - 0.1]), np.array([0.3]))
    assert one_bad.faults == ["least adjusted Rand index 0.50: 0.6 is needed"]


def test_bootstraps_compare_with_the_groups_of_all() -> None:
    class Same(Segmenter):
        """The same two groups whatever is asked: every bootstrap agrees."""

        def groups(self, points: np.ndarray) -> Groups:
            return Groups(np.array([[-1.0] * 6, [1.0] * 6]), np.arange(2))

    same = Same(None)
    assert (stability(same, noise(50)).ari == 1).all()
    assert len(stability(same, noise(50)).ari) == FEW


def test_a_silhouette_worked_by_hand() -> None:
    points = np.array([[0.0], [1.0], [4.0], [6.0]])
    groups = Groups(np.array([[0.5], [5.0]]), np.arange(2))
    # the first: 1 to its own, 4 and 6 to the others: (5 - 1) / 5
    found = silhouettes(groups, points)
    assert found[0] == pytest.approx(0.8)
    assert found[2] == pytest.approx((3.5 - 2) / 3.5)


def test_groups_with_a_reach_leave_others_out() -> None:
    groups = Groups(np.array([[0.0], [10.0]]), np.array([0, 1]), reach=2.0)
    assert list(groups.assign(np.array([[1.0], [5.0], [9.0]]))) == [0, NONE, 1]


def test_the_best_start_is_kept() -> None:
    """A start alone may end anywhere: that of ten is at least as good."""
    points = noise()

    def cost(starts: int) -> float:
        groups = KMeansSegmenter(Params(8, starts)).groups(points)
        near: Any = groups.distances(points).min(axis=1)
        return float((near**2).sum())

    assert cost(10) <= cost(1)
