"""Rows of ops.builds stay in the order in which builds ended, whatever the clock says."""

import datetime as dt
from pathlib import Path

from jobs import lake
from jobs.ops.builds import TABLE, Record


def test_a_build_after_the_clock_was_set_back_is_the_newest(state: Path) -> None:
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    lake.append(TABLE, [vars(Record("silver.products", run_id="ahead", finished_at=ahead))])
    Record("silver.products", run_id="later").note()
    Record("silver.products", run_id="latest").note()
    Record("silver.accounts", run_id="another").note()
    asked = "select run_id from t order by finished_at desc, run_id"
    assert lake.read(TABLE.name, sql=asked)["run_id"].to_pylist() == [
        *("latest", "later", "ahead"),
        "another",
    ]
