"""What `make status` tells of the lake: each trouble with its beginning; nothing is made."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

from infra import overview
from jobs import alerts, lake, landing
from jobs.ops import builds, quarantine, upkeep
from jobs.settings import ROOT, settings
from jobs.table import Log

AT = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)


def build(name: str, outcome: str, hours: int, error: str | None = None, **told: object) -> None:
    """A row of ops.builds."""
    words = {"table_name": name, "run_id": "a", "kind": "changed", "why": "a batch came"}
    at = AT + dt.timedelta(hours=hours)
    row = words | {"outcome": outcome, "error": error, "started_at": at, "finished_at": at}
    lake.append(builds.TABLE, [row | told])


def lines() -> dict[tuple[str, str], tuple[str, str]]:
    return {(x.section, x.what): (x.told, x.since) for x in overview.overview(settings())}


def test_a_refused_table_stands_there_since_the_first_refusal_in_a_row(state: Path) -> None:
    build("silver.products", "refused", 0, "an old story")
    build("silver.products", "written", 1)
    build("silver.products", "refused", 2, "breaks key")
    build("silver.products", "failed", 3, "no Spark\nand its stack")
    build("silver.accounts", "refused", 2, "breaks key")
    build("silver.accounts", "unchanged", 3)
    found = {key: told for key, told in lines().items() if key[0] == "refused"}
    assert found == {("refused", "silver.products"): ("failed: no Spark", "2026-03-02 10:00")}


def test_what_is_put_aside_broken_or_told_of_has_a_line(state: Path) -> None:
    entry = dict.fromkeys(("source_file", "received", "run_id"), "a")
    row = entry | {"table_name": "bronze.coupons", "rules": ["key"], "known_at": AT, "rows": 2}
    row |= {"refused_at": AT + dt.timedelta(hours=1)}  # since then, not since the data was known
    lake.append(quarantine.TABLE, [row | {"batch_id": b, "row_number": 1} for b in ("a", "b")])
    check = {"table_name": "gold.departments", "verb": "check", "seconds": 0.1}
    for hours, faults in enumerate((None, "1 files are missing")):
        at = AT + dt.timedelta(hours=hours)
        lake.append(upkeep.TABLE, [check | {"outcome": "done", "faults": faults, "started_at": at}])
    alerts.report(alerts.Fault("land.till", "failed", "no [drop]", "wait", "the log", AT))
    found = lines()
    told = "4 rows of 2 batches: `make quarantine`"
    assert found["quarantined", "bronze.coupons"] == (told, "2026-03-02 09:00")
    assert found["broken", "gold.departments"] == ("1 files are missing", "2026-03-02 09:00")
    assert found["alerts", "land.till"] == ("failed: no [drop]", "2026-03-02 08:00")


def test_a_batch_that_was_held_back_and_what_moves_next(state: Path) -> None:
    lake.create(Log("bronze.coupons", "coupon_upc string"))
    taken = landing.take("coupons", {"erp/2017-03-01": "", "erp/2017-03-02": "ab"})
    mark = json.dumps({"code": "old", "inputs": {}, "batches": taken})
    made_as = {"table_id": str(lake.opened("bronze.coupons").metadata().id), "table_version": 0}
    build("bronze.coupons", "written", 0, watermark=mark, **made_as)
    found = lines()
    assert found["held back", "bronze.coupons"][0] == "1 batch: erp/2017-03-01"
    assert found["next", "bronze.coupons"][0] == "code changed; see `make plan`"
    assert "first build; see `make plan`" in {told for told, _ in found.values()}


def test_a_batch_that_a_build_refused_is_held_back_and_no_build_helps(
    state: Path, tmp_path: Path
) -> None:
    lake.create(Log("bronze.coupons", "coupon_upc string"))
    lake.create(Log("silver.coupons", "coupon_upc string"))
    file = tmp_path / "coupons.csv"

    def land(text: str) -> landing.Manifest:
        file.write_text(text)
        words = ("coupons", "erp", "2017-03-01", [file])
        told = {"watermark": "", "columns": {}, "format": "csv"}
        return landing.land(*words, mode="events", known_at=AT, **told)  # type: ignore[arg-type]

    bad = land("nothing of it\n")
    # the build took no other batch: it has committed nothing
    build("bronze.coupons", "refused", 0, "bronze.coupons: 1 batches held back, the others are …")
    entry = {"table_name": "bronze.coupons", "run_id": "a", "batch_id": "erp/2017-03-01"}
    entry |= {"source_file": bad.source_file(bad.files[0]), "row_number": 0, "rows": 1}
    entry |= {"rules": ["file(missing column)"], "received": "{}", "known_at": AT}
    lake.append(quarantine.TABLE, [entry])
    build("silver.accounts", "written", 0)
    lake.create(Log("silver.accounts", "account_id string"))
    found = lines()
    assert found["held back", "bronze.coupons"][0] == "1 batch: erp/2017-03-01"
    assert found["refused", "bronze.coupons"][0].startswith("refused: 1 batches held back")
    assert found["next", "bronze.coupons"][0] == "refused; see above"
    land("mended\n")
    found = lines()
    assert ("held back", "bronze.coupons") not in found
    assert "refused; see above" not in {told for told, _ in found.values()}


def test_a_log_that_cannot_be_read_hides_nothing_else(state: Path) -> None:
    build("silver.products", "refused", 0, "breaks key")
    alerts.report(alerts.Fault("land.till", "failed", "no drop", "wait", "the log", AT))
    for commit in (state / "lake/ops/builds/_delta_log").iterdir():
        commit.write_text("{")
    found = lines()
    assert found["broken", "refused"][0].startswith("cannot be read")
    assert found["alerts", "land.till"]


def test_a_file_of_a_log_that_is_gone_hides_nothing_else(state: Path) -> None:
    build("silver.products", "refused", 0, "breaks key")
    alerts.report(alerts.Fault("land.till", "failed", "no drop", "wait", "the log", AT))
    for data in (state / "lake/ops/builds").rglob("*.parquet"):
        data.unlink()
    found = lines()
    assert found["broken", "refused"][0].startswith("cannot be read")
    assert found["alerts", "land.till"]


def test_status_of_a_state_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    told = {**os.environ, "SALES_STATE": str(tmp_path / "none")}
    command = [sys.executable, "-m", "infra.stack", "status"]
    for more in ([], ["--json"]):
        done = subprocess.run([*command, *more], cwd=ROOT, env=told, capture_output=True, text=True)
        assert done.returncode == 1
        assert not (tmp_path / "none").exists()
    found = json.loads(done.stdout)
    assert found["services"]["spark"] == "stopped"
    assert found["lines"] == []
