import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import lake as tables
from jobs import landing
from jobs.spark.build import Refused, build
from jobs.table import columns, table

GOOD = {"account_id": "900", "email": None}
PLAIN = {
    "record_id": "1",
    "is_active": "true",
    "changed_at": "2017-01-01T11:00:00.000001+00:00",
    "as_of_date": "2017-01-01",
}


def test_a_row_that_cannot_be_is_refused_with_its_reason(broken):
    cases = [
        ({}, []),
        ({"account_id": ""}, ["blank(account_id)"]),
    ]
    found = broken("bronze.accounts", *({**GOOD, **told} for told, _ in cases))
    assert found == [reasons for _, reasons in cases]


def land(folder: Path, batch: str, mode: landing.Mode, *accounts: str) -> None:
    names = [column.name for column in columns(table("bronze.accounts").schema)]
    rows = [{name: (PLAIN | {"account_id": a}).get(name) for name in names} for a in accounts]
    schema = pa.schema([(name, pa.string()) for name in names])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "parties.parquet")
    landing.land(
        "accounts",
        "crm",
        batch,
        [folder / "parties.parquet"],
        mode=mode,
        known_at=dt.datetime(2017, 1, 2, 11, tzinfo=dt.UTC),
        watermark="",
        columns={},
        format="parquet",
    )


@pytest.mark.services
def test_a_bad_row_holds_a_snapshot_back_and_of_changes_only_itself(lake, tmp_path):
    land(tmp_path, "2017-01-01.001", "snapshot", "7", "8")
    land(tmp_path, "2017-01-02.001", "snapshot", "7", " ")
    land(tmp_path, "2017-01-02.002", "changes", "9", " ")
    with pytest.raises(Refused, match=r"1 batches held back.*crm/2017-01-02\.001"):
        build(table("bronze.accounts"))
    stored = tables.read("bronze.accounts", sql="select _batch_id, account_id from t")
    assert sorted((r["_batch_id"], r["account_id"]) for r in stored.to_pylist()) == [
        ("crm/2017-01-01.001", "7"),
        ("crm/2017-01-01.001", "8"),
        ("crm/2017-01-02.002", "9"),
    ]
