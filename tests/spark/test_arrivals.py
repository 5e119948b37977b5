"""Builds of what arrives in any order, with kills between, equal one build of everything."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.settings import settings
from tests.spark import toys
from tests.spark.toys import Line, day, noon

# A round: what arrives, and after how many seconds its builds are killed (null: they are not).
Round = tuple[list[tuple[str, int, object]], float | None]

EXAMPLES = int(os.environ.get("BUILD_EXAMPLES", "0"))  # random ones beside the written-out ones

ORDERS, PRODUCTS, AMOUNTS = ("o1", "o2", "o3"), ("p1", "p2", "p3"), ("1", "2.5", "-3")
# an order has its own time, so that it comes again with another amount: a correction
HOME = {"o1": noon(0), "o2": noon(6), "o3": toys.late_evening(3)}

corrected = st.tuples(st.sampled_from(ORDERS), st.sampled_from(PRODUCTS), st.sampled_from(AMOUNTS))
LINE = st.one_of(
    corrected.map(lambda c: (c[0], c[1], HOME[c[0]], c[2])),
    # or with another time: it moves to another day
    st.tuples(corrected, st.integers(0, 9)).map(
        lambda m: (m[0][0], m[0][1], toys.late_evening(m[1]), m[0][2])
    ),
)
DAY = st.integers(0, 9)
ARRIVAL = st.one_of(
    st.tuples(st.just("lines"), DAY, st.lists(LINE, max_size=4)),
    # an order of this day comes three weeks late
    st.tuples(st.just("late"), DAY, corrected),
    # a batch is landed again, without its last line
    st.tuples(st.just("taken back"), DAY, st.none()),
    # a snapshot: products leave, come, and change their department
    st.tuples(
        st.just("products"),
        DAY,
        st.dictionaries(st.sampled_from(PRODUCTS), st.sampled_from(["A", "B"]), min_size=1),
    ),
)
ROUND = st.tuples(
    st.lists(ARRIVAL, min_size=1, max_size=3), st.one_of(st.none(), st.floats(0.5, 12))
)

# a price is corrected and an order moves to another day, a product changes its department; then a
# batch comes again without its lines; killed early (inputs), late (what is made of them), and never
CORRECTED: list[Round] = [
    (
        [("lines", 0, [("o1", "p1", noon(0), "1"), ("o1", "p2", noon(1), "2.5")])],
        None,
    ),
    (
        [
            ("lines", 1, [("o1", "p2", noon(1), "9"), ("o1", "p1", noon(5), "-3")]),
            ("products", 1, {"p1": "B", "p2": "A"}),
        ],
        6.0,
    ),
    ([("taken back", 0, None), ("lines", 2, [("o2", "p3", noon(2), "1")])], 12.0),
]
# a Sunday comes and goes again, an order comes three weeks late, a product leaves
LATE: list[Round] = [
    ([("lines", 9, [("o3", "p1", noon(9), "1"), ("o3", "p2", noon(2), "1")])], 9.0),
    (
        [
            ("late", 1, ("o2", "p1", "2.5")),
            ("products", 9, {"p2": "DELI"}),
            ("taken back", 9, None),
        ],
        None,
    ),
]


def arrive(
    folder: Path, kind: str, number: int, content: object, landed: dict[int, list[Line]]
) -> None:
    """Land one thing; `landed` keeps the lines of each day's batch."""
    if kind == "products":
        toys.land_products(folder, day(number), content)  # type: ignore[arg-type]
        return
    if kind == "late":
        order, product, amount = content  # type: ignore[misc]
        number, content = number + 21, [(order, product, noon(number), amount)]
    lines = landed.get(number, [])[:-1] if kind == "taken back" else content
    landed[number] = lines  # type: ignore[assignment]
    toys.land_lines(folder, day(number), lines)  # type: ignore[arg-type]


def killed(after_seconds: float) -> None:
    """Builds of all toys, in a process that does not live longer than this."""
    child = toys.start()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(after_seconds)
    child.kill()
    child.communicate()


@pytest.mark.proof
@pytest.mark.timeout(900 + 300 * EXAMPLES)
@given(rounds=st.lists(ROUND, min_size=2, max_size=3))
@example(rounds=CORRECTED)
@example(rounds=LATE)
@hypothesis_settings(
    max_examples=max(EXAMPLES, 1),
    deadline=None,
    phases=[Phase.explicit, *([Phase.generate] if EXAMPLES else [])],
    suppress_health_check=list(HealthCheck),
)
def test_builds_of_arrivals_in_any_order_with_kills_equal_one_build(
    rounds: list[Round],
    one_order: Path,
    spark_server: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("arrivals")
    shutil.copytree(one_order, home, dirs_exist_ok=True)
    landed: dict[int, list[Line]] = {0: [("o1", "p1", noon(0), "1")]}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**spark_server, "SALES_STATE": str(home)}.items():
            patch.setenv(name, value)
        settings.cache_clear()
        for arrivals, killed_after in rounds:
            for kind, number, content in arrivals:
                arrive(home, kind, number, content, landed)
            if killed_after is not None:
                killed(killed_after)
            toys.build_all()
        step_by_step = {toy.name: toys.rows(toy.name) for toy in toys.ALL}
        patch.setenv("LAKE_URI", str(home / "at-once"))
        settings.cache_clear()
        toys.build_all()
        at_once = {toy.name: toys.rows(toy.name) for toy in toys.ALL}
    settings.cache_clear()
    assert step_by_step == at_once
