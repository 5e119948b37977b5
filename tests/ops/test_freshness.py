"""What is told of a table's age: what it holds, where that came from, and when it is late."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import due, lake
from jobs.ops import builds, freshness
from jobs.settings import settings
from jobs.table import columns, table
from tests.test_due import at, dropped

MONDAY = dt.date(2026, 3, 2)
NIGHT = "2026-03-02T03:00"  # when the builds of that day ended, in New York


def held(name: str, *rows: dict[str, Any]) -> int:
    """Put rows into a table, null where they say nothing; gives its version."""
    schema = pa.schema(
        [(c.name, lake.arrow_type(c.type)) for c in columns(table(name).full_schema)]
    )
    write_deltalake(lake.location(name), pa.Table.from_pylist([*rows], schema), mode="append")
    return lake.version(name)


def drop(known_at: str, system: str = "till") -> dict[str, Any]:
    """A line of bronze."""
    return {"_known_at": at(known_at), "_batch_id": f"{system}/1", "order_id": known_at}


def built(name: str, finished: str, outcome: str = "written", **inputs: int) -> None:
    pins = {n.replace("__", "."): ["id", version] for n, version in inputs.items()}
    words = {"table_name": name, "run_id": f"{name} {finished}", "kind": "changed", "why": "new"}
    times = {"started_at": at(finished), "finished_at": at(finished)}
    watermark = json.dumps({"inputs": pins}) if pins else None
    lake.append(builds.TABLE, [words | times | {"outcome": outcome, "watermark": watermark}])


def told(now: str) -> dict[str, dict[str, Any]]:
    return {row["table_name"]: row for row in freshness.refresh(at(now))}


@pytest.fixture
def company(state: Path, tmp_path: Path) -> None:
    """A Monday's drop of lines, landed, cleaned and summed."""
    dropped(tmp_path, "order_lines", at("2026-03-02T06:00"))
    held("bronze.order_lines", drop("2026-03-02T06:00"))
    held("silver.order_lines", {"business_date": MONDAY})
    held("gold.daily_sales", {"business_date": MONDAY - dt.timedelta(1)}, {"business_date": MONDAY})
    held("gold.departments", {"department": "DELI"})
    built("bronze.order_lines", NIGHT)
    built("silver.order_lines", NIGHT, bronze__order_lines=0)
    built("gold.daily_sales", NIGHT, silver__order_lines=0)
    built("gold.departments", "2026-03-01T03:00", gold__daily_sales=0)
    built("gold.departments", NIGHT, "unchanged")


def test_a_table_tells_what_it_holds_and_where_that_came_from(company: None) -> None:
    rows = told("2026-03-02T10:00")
    assert list(rows) == [
        "bronze.order_lines", "silver.order_lines", "gold.daily_sales", "gold.departments",
    ]  # fmt: skip
    assert [row["newest_date"] for row in rows.values()] == [None, MONDAY, MONDAY, None]
    assert [row["rows"] for row in rows.values()] == [1, 1, 2, 1]
    # the drop that they all are of
    assert {row["known_at"] for row in rows.values()} == {at("2026-03-02T06:00")}
    # a build that found nothing to write has not written
    assert rows["gold.departments"]["written_at"] == at("2026-03-01T03:00")
    assert rows["gold.departments"]["run_id"] == "gold.departments 2026-03-01T03:00"


def test_a_table_is_of_the_new_drop_once_it_has_seen_it(company: None) -> None:
    told("2026-03-02T10:00")
    version = held("bronze.order_lines", drop("2026-03-03T06:00"))
    before = told("2026-03-03T07:00")
    assert before["bronze.order_lines"]["known_at"] == at("2026-03-03T06:00")
    assert before["silver.order_lines"]["known_at"] == at("2026-03-02T06:00")
    built("silver.order_lines", "2026-03-03T07:10", "unchanged", bronze__order_lines=version)
    after = told("2026-03-03T07:20")
    assert after["silver.order_lines"]["known_at"] == at("2026-03-03T06:00")


def test_a_row_that_is_mended_by_hand_makes_no_table_newer(company: None) -> None:
    held("bronze.order_lines", drop("2026-03-03T09:00", "corrections"))
    assert told("2026-03-03T10:00")["bronze.order_lines"]["known_at"] == at("2026-03-02T06:00")


def test_lateness_begins_at_its_hour_and_is_told_downstream(company: None) -> None:
    for name in ("silver.order_lines", "gold.daily_sales", "gold.departments"):
        built(name, "2026-03-03T03:00", "unchanged", silver__order_lines=0)
    early = told("2026-03-03T07:59")
    assert not any(row["is_late"] for row in early.values())
    due_at = early["bronze.order_lines"]["due_at"]
    assert due_at == at("2026-03-03T08:00")
    late = told("2026-03-03T08:00")
    assert all(row["is_late"] for row in late.values())
    assert late["bronze.order_lines"]["why"].startswith(
        "order_lines of till: due every day by 08:00"
    )
    assert late["silver.order_lines"]["why"] == "made from bronze.order_lines: late"
    assert late["gold.daily_sales"]["due_at"] == at("2026-03-04T09:00")


def test_nothing_is_written_where_nothing_is_new(company: None) -> None:
    first = told("2026-03-02T10:00")
    version = lake.version("ops.freshness")
    assert told("2026-03-02T10:01") == first
    assert lake.version("ops.freshness") == version
    assert {r["table_name"]: r for r in lake.read("ops.freshness").to_pylist()} == first
    # the clock alone may make news
    assert told("2026-03-05T10:00")["silver.order_lines"]["is_late"]
    assert lake.version("ops.freshness") == version + 1


def test_an_empty_lake_and_a_table_that_was_never_built_are_no_error(state: Path) -> None:
    assert freshness.refresh() == []
    held("silver.order_lines", {"business_date": MONDAY})
    [row] = freshness.refresh(at("2026-03-02T10:00"))
    assert (row["rows"], row["due_at"], row["is_late"]) == (1, None, False)


def test_in_a_year_that_is_played_nothing_is_due(
    company: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANY_CLOCK", "data")
    settings.cache_clear()
    rows = told("2026-06-01T10:00")
    assert {(row["due_at"], row["is_late"]) for row in rows.values()} == {(None, False)}


@pytest.mark.parametrize("days", [1, 7])
def test_late_is_late_from_the_hour_that_was_told(state: Path, days: int) -> None:
    rule = due.Due(dt.time(9), days)
    newest = at("2026-03-02T03:00")
    from_then_on = rule.late_from(newest)
    assert newest < rule.begins_at(from_then_on)
    assert newest >= rule.begins_at(from_then_on - dt.timedelta(seconds=1))
