"""What is late: each side of the hour, of the rhythm, of a build that did not help."""

import datetime as dt
from pathlib import Path

import pytest

from jobs import due, lake, landing
from jobs.due import Due
from jobs.ops import builds
from jobs.quarantine.mends import SYSTEM
from jobs.settings import settings

# 09:30 in New York, on a Monday
NOW = dt.datetime(2026, 3, 2, 14, 30, tzinfo=dt.UTC)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}-05:00").astimezone(dt.UTC)


def built(name: str, finished: dt.datetime, outcome: str = "unchanged") -> None:
    words = {"table_name": name, "run_id": "a", "kind": "nothing", "why": "no input changed"}
    times = {"started_at": finished, "finished_at": finished}
    lake.append(builds.TABLE, [words | times | {"outcome": outcome}])


def dropped(
    folder: Path,
    entity: str,
    known_at: dt.datetime,
    system: str = "till",
    mode: landing.Mode = "events",
) -> None:
    file = folder / f"{entity}.csv"
    file.write_text("a\n1\n")
    told = {"mode": mode, "columns": {}, "format": "csv", "watermark": "1"}
    landing.land(entity, system, f"{known_at:%Y-%m-%d}", [file], known_at=known_at, **told)


@pytest.mark.parametrize(
    ("rule", "now", "begins"),
    [
        # at the hour today's counts, a minute earlier yesterday's still does
        (Due(dt.time(9)), "2026-03-02T09:00", "2026-03-02T00:00"),
        (Due(dt.time(9)), "2026-03-02T08:59", "2026-03-01T00:00"),
        (Due(dt.time(9), days=7), "2026-03-06T09:00", "2026-02-28T00:00"),
        (Due(dt.time(9), days=7), "2026-03-06T08:59", "2026-02-27T00:00"),
    ],
)
def test_what_is_older_than_the_last_due_hours_day_is_late(
    state: Path, rule: Due, now: str, begins: str
) -> None:
    assert rule.begins_at(at(now)) == at(begins)


def test_a_table_is_as_fresh_as_its_last_good_build(state: Path) -> None:
    assert due.late_tables(NOW) == []  # never built: not missed
    built("silver.orders_of_another_release", at("2026-01-01T03:00"))
    built("silver.products", at("2026-03-02T03:00"))
    built("silver.accounts", at("2026-03-01T23:59"), "written")
    built("silver.accounts", at("2026-03-02T03:00"), "refused")
    (late,) = due.late_tables(NOW)
    assert late.name == "silver.accounts"
    assert "due every day by 09:00, the last one is of 2026-03-02 04:59 UTC" in str(late)


def test_a_drop_is_late_by_its_own_rhythm(state: Path, tmp_path: Path) -> None:
    dropped(tmp_path, "order_lines", at("2026-03-01T06:00"))  # today's is missing
    dropped(tmp_path, "promotions", at("2026-02-27T06:00"))  # last Friday's
    dropped(tmp_path, "coupons", at("2025-02-27T06:00"))  # these come when there are some
    assert late_drops() == ["order_lines of till"]


def late_drops() -> list[str]:
    return [late.name for late in due.late_drops(NOW)]


def test_a_system_that_stops_is_late_though_another_goes_on(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped(tmp_path, "order_lines", at("2026-03-01T06:00"))
    dropped(tmp_path, "order_lines", at("2026-03-02T06:00"), "market")
    dropped(tmp_path, "order_lines", at("2026-03-02T07:00"), SYSTEM)  # a row mended by hand
    assert late_drops() == ["order_lines of till"]
    monkeypatch.setattr(due, "ENDED", {("order_lines", "till")})
    assert late_drops() == []


def test_systems_read_by_watermark_are_late_together(state: Path, tmp_path: Path) -> None:
    dropped(tmp_path, "order_lines", at("2026-02-20T06:00"), "webshop", "changes")
    dropped(tmp_path, "order_lines", at("2026-03-02T06:00"), "erp_db", "changes")
    assert late_drops() == []  # the web shop sold nothing


def test_what_is_read_by_watermark_alone_is_late_too(state: Path, tmp_path: Path) -> None:
    dropped(tmp_path, "order_lines", at("2026-02-20T06:00"), "webshop", "changes")
    assert late_drops() == ["order_lines"]
    # the till's drops are the rhythm, and its web shop has something or has not
    dropped(tmp_path, "order_lines", at("2026-03-02T06:00"))
    assert late_drops() == []


def test_nothing_is_late_in_a_year_that_is_played(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built("silver.accounts", at("2017-03-01T03:00"))
    assert due.late_tables(NOW)
    monkeypatch.setenv("COMPANY_CLOCK", "data")
    settings.cache_clear()
    assert due.late_tables(NOW) == []
