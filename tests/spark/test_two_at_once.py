"""Two that write at the same time, as real processes: each is right, or one is told to wait."""

import threading
from pathlib import Path

from jobs import lake as tables
from jobs.spark import session
from jobs.spark.build import build
from tests.spark import toys
from tests.spark.toys import day, noon


def ended(*children: toys.Builder) -> list[tuple[int, str]]:
    told = [child.communicate(timeout=300)[0] for child in children]
    return [(child.returncode, text) for child, text in zip(children, told, strict=True)]


def writes(name: str) -> int:
    return sum(c["operation"] in ("WRITE", "MERGE") for c in tables.opened(name).history())


def test_of_two_builds_of_one_table_one_writes_and_the_other_is_told(
    shop: Path, tmp_path: Path
) -> None:
    toys.land_lines(tmp_path, day(1), [("o2", "p1", noon(1), "2")], work=6_000_000)
    build(toys.LINES)
    found = ended(toys.start("silver.toy_lines"), toys.start("silver.toy_lines"))
    for code, told in found:
        assert code == 0 or "silver.toy_lines is being built by another process" in told
    assert 0 in [code for code, _ in found]
    assert writes("silver.toy_lines") == 2  # the shop's, and one
    assert [r[:3] for r in toys.rows("silver.toy_lines")] == [
        ("o1", "p1", day(0)),
        ("o2", "p1", day(1)),
    ]


def test_two_tables_are_built_at_once_from_one_that_is_written_meanwhile(
    shop: Path, tmp_path: Path
) -> None:
    for n in (1, 2):
        toys.land_lines(tmp_path, day(n), [(f"o{n}", "p2", noon(n), "2")])
    build(toys.LINES)
    build(toys.SOLD)
    toys.land_lines(tmp_path, day(3), [("o3", "p2", noon(3), "5")])
    build(toys.LINES)
    children = [toys.start(n) for n in ("gold.toy_days", "gold.toy_products", "silver.toy_lines")]
    assert [(code, "") for code, _ in ended(*children)] == [(0, "")] * 3
    toys.build_all()
    assert toys.rows("gold.toy_products") == [("p1", 1), ("p2", 9)]
    assert [r[0] for r in toys.rows("gold.toy_days")] == [day(n) for n in range(4)]


def test_a_build_is_right_while_someone_compacts_the_table(shop: Path, tmp_path: Path) -> None:
    ends = threading.Event()
    compacted = []

    def compact() -> None:
        # as somebody who knows of no lock of ours: over SQL
        with session.passing() as spark:
            while not ends.is_set():
                spark.sql(f"optimize delta.`{shop}/silver/toy_lines` full").collect()
                compacted.append(1)

    beside = threading.Thread(target=compact)
    beside.start()
    try:
        for n in range(3):
            toys.land_lines(tmp_path, day(n), [(f"o{n}", "p1", noon(n), str(n))])
            build(toys.LINES)
            build(toys.Events(**{**vars(toys.SOLD), "chunk": 1}))
    finally:
        ends.set()
        beside.join()
    assert len(compacted) > 1
    build(toys.DAYS)
    assert [(r[0], r[3]) for r in toys.rows("silver.toy_lines")] == [
        ("o0", 0),
        ("o1", 1),
        ("o2", 2),
    ]
    assert [r[2] for r in toys.rows("gold.toy_days")] == [0, 1, 2]
