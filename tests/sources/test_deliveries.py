"""What became of deliveries, landed from the ledger: the newest of each customer."""

import datetime as dt
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import lake
from jobs.delivery.ledger import log_of
from jobs.sources import deliveries

pytestmark = pytest.mark.usefixtures("state")
DAY = dt.date(2017, 11, 27)
MORNING = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)


def at(hour: float) -> dt.datetime:
    return MORNING + dt.timedelta(hours=hour)


def event(sequence: int, event: str = "written", account_id: str = "7", **told: Any) -> None:
    """The ledger's next word; an hour after the one before."""
    common = {"connection": "tryton", "crm_instance": "now", "record_id": "1", "revision": ""}
    of = {"account_id": account_id, "event": event, "sequence": sequence, "at": at(sequence)}
    lake.append(log_of("ops.crm_deliveries"), [common | {"plan_id": "p"} | of | told])


def item(action: str, account_id: str = "7", **told: Any) -> None:
    of = {"connection": "tryton", "plan_id": "p", "account_id": account_id, "record_id": "1"}
    lake.append(log_of("ops.crm_plan_items"), [of | {"field": "f", "action": action} | told])


def landed() -> dict[tuple[str, str], dict[str, Any]]:
    """By connection and customer."""
    [manifest] = deliveries.land(DAY, DAY)
    assert (manifest.batch_id, manifest.mode) == ("delivery/newest", "snapshot")
    rows = pq.read_table(manifest.folder / manifest.files[0].name).to_pylist()
    return {(row["connection"], row["account_id"]): row for row in rows}


def test_where_nothing_was_delivered_nothing_is_landed() -> None:
    assert deliveries.land(DAY, DAY) == []
    lake.append(log_of("ops.crm_deliveries"), [])
    assert deliveries.land(DAY, DAY) == []


def test_the_newest_word_on_a_customer_counts_and_the_last_one_that_was_written() -> None:
    item("update")
    event(1, "intent")
    event(2, "written")
    event(4, "conflict", reason="moved", plan_id="q")
    event(3, "intent", plan_id="q")
    event(5, account_id="8")
    found = landed()
    assert {key: row["event"] for key, row in found.items()} == {
        ("tryton", "7"): "conflict",
        ("tryton", "8"): "written",
    }
    row = found["tryton", "7"]
    assert (row["reason"], row["plan_id"], row["cleared_for"]) == ("moved", "q", None)
    assert (row["event_at"], row["written_at"]) == (at(4), at(2))


def test_a_crm_that_was_set_up_anew_has_nothing_of_what_was_sent_before() -> None:
    item("update")
    event(1, account_id="gone", crm_instance="before")
    event(2)
    event(1, account_id="gone", connection="odoo", crm_instance="another")
    assert {*landed()} == {("tryton", "7"), ("odoo", "gone")}


def test_what_was_taken_back_says_why() -> None:
    for account_id in ("objects", "half"):
        item("clear", account_id, reason="objected")
        item("blocked", account_id, field="g", reason="filled_by_a_person")
        event(len(account_id), account_id=account_id)
    item("update", "half", field="h")  # one value is given: not all was taken back
    item("clear", "emptied", reason=None)
    event(9, account_id="emptied")
    assert {account: row["cleared_for"] for (_, account), row in landed().items()} == {
        "objects": "objected",
        "half": None,
        "emptied": "no_value",
    }


def test_the_same_landed_again_is_no_news() -> None:
    item("update")
    event(1)
    [first] = deliveries.land(DAY, DAY)
    [again] = deliveries.land(DAY + dt.timedelta(1), DAY + dt.timedelta(1))
    assert again == first
    event(2, account_id="8")
    [other] = deliveries.land(DAY, DAY)
    assert other.batch_id == first.batch_id
    assert other.sha256 != first.sha256
