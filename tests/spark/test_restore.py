"""An older version holds again, builds know what it was made from, and readers below follow."""

import datetime as dt
from pathlib import Path

import pytest

from jobs import lake as tables
from jobs.spark import session
from jobs.spark.build import build
from jobs.spark.restore import CannotRestore, restore, version_before
from tests.spark import toys

pytestmark = pytest.mark.services

DAY = dt.date(2017, 3, 1)
NAME = "silver.toy_lines"


def test_a_damaged_table_is_restored_and_what_is_made_from_it_follows(
    lake: Path, tmp_path: Path
) -> None:
    toys.land_products(tmp_path, DAY, {"apple": "fruit"})
    sold = [("a", "apple", toys.at("2017-03-01 15:00"), "1.00")]
    toys.land_lines(tmp_path, DAY, sold)
    toys.build_all(until=toys.DAYS)
    good, day = toys.rows(NAME), toys.rows("gold.toy_days")
    with pytest.raises(CannotRestore, match="give a version from 0"):
        restore(toys.SOLD, 99)
    with pytest.raises(CannotRestore, match="no build was finished by version 0"):
        restore(toys.SOLD, 0)

    # someone deletes rows by hand, and the tables below take it over
    version, moment = tables.version(NAME), dt.datetime.now(dt.UTC)
    with session.opened("by hand") as spark:
        spark.sql(f"delete from delta.`{tables.location(NAME)}`").collect()
    build(toys.DAYS)
    assert (toys.rows(NAME), toys.rows("gold.toy_days")) == ([], [])
    assert version_before(NAME, moment) == version
    assert restore(toys.SOLD, version) == "the next build has nothing to do here"
    assert toys.rows(NAME) == good
    assert build(toys.SOLD).outcome == "unchanged"
    build(toys.DAYS)
    assert toys.rows("gold.toy_days") == day
    told = tables.read("ops.builds", sql="select why from t where kind = 'restored'").to_pylist()
    assert told == [{"why": f"restored to version {version} by hand"}]

    # back to before a later batch: the next build brings that again
    toys.land_lines(tmp_path, DAY + dt.timedelta(1), [("b", *sold[0][1:])])
    toys.build_all(until=toys.SOLD)
    newer = toys.rows(NAME)
    assert "brings it forward again" in restore(toys.SOLD, version)
    assert toys.rows(NAME) == good
    toys.build_all(until=toys.SOLD)
    assert toys.rows(NAME) == newer
