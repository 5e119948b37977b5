"""ops.quality: what each rule was asked of, and how many rows broke it."""

import datetime as dt
from pathlib import Path

from jobs import lake as tables
from jobs.spark.build import build
from tests.spark import toys

MONDAY = dt.date(2017, 3, 6)


def told(name: str) -> dict[str, tuple[str, bool, int, int, float]]:
    asked = f"""select rule, severity, is_kept, rows_judged, rows_broken, broken_share from t
        where table_name = '{name}'"""
    found = tables.read("ops.quality", sql=asked).to_pylist()
    rows = {row.pop("rule"): tuple(row.values()) for row in found}
    assert len(rows) == len(found)
    return rows  # type: ignore[return-value]


def test_each_rule_tells_what_it_saw_and_what_broke_it(lake: Path, tmp_path: Path) -> None:
    good = ["0", "ham", "2017-03-06 15:00:00", "2.10", 0]
    unpriced = ["9", "ham", "2017-03-06 15:00:00", "much", 0]
    toys.land_rows(
        tmp_path, MONDAY, [["1", *good[1:]], ["2", *good[1:]], ["3", *good[1:]], unpriced]
    )
    toys.land_products(tmp_path, MONDAY, {"ham": "DELI"})
    toys.build_all(until=toys.SOLD)

    landed = told("bronze.toy_lines")
    assert landed["type(amount_usd)"] == ("row", False, 4, 1, 0.25)
    assert landed["type(sold_at)"] == ("row", True, 4, 0, 0.0)
    assert landed["readable"] == ("row", True, 4, 0, 0.0)
    cleaned = told("silver.toy_lines")
    assert cleaned["key(order_id, product_id)"] == ("critical", True, 3, 0, 0.0)
    assert cleaned["not_null(sold_date)"] == ("critical", True, 3, 0, 0.0)

    # nothing new, nothing judged
    before = tables.version("ops.quality")
    assert build(toys.SOLD).outcome == "unchanged"
    assert tables.version("ops.quality") == before
