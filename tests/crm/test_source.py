"""The CRM as a source: what is seeded there comes back as accounts."""

import datetime as dt

import pyarrow.parquet as pq
import pytest

from jobs.landing import manifests
from jobs.settings import settings
from jobs.sources import crm as source
from jobs.spark.bronze.accounts import SCHEMA
from jobs.table import columns
from tests.tryton_server import ACCOUNTS, Crm

pytestmark = pytest.mark.services
DAY = dt.date(2017, 11, 26)


def test_customers_land_as_a_snapshot_in_the_business_time(crm: Crm) -> None:
    (landed,) = source.land(DAY, DAY)
    assert (landed.batch_id, landed.mode, landed.files[0].rows) == (
        "crm/2017-11-26",
        "snapshot",
        12,
    )
    assert landed.known_at == "2017-11-27T11:00:00+00:00"
    rows = pq.read_table(landed.folder / source.FILE).to_pylist()
    assert [row["code"] for row in rows] == ACCOUNTS
    assert rows[1]["age_band"] is None


def test_its_columns_are_those_of_bronze() -> None:
    assert set(source.COLUMNS.values()) == {column.name for column in columns(SCHEMA)}


def test_the_same_customers_are_not_landed_again_even_after_a_delivery(crm: Crm) -> None:
    source.land(DAY, DAY)
    crm.edit("101", score_grade="A")
    assert source.land(DAY, DAY) == []
    assert source.land(DAY, DAY + dt.timedelta(days=1)) == []
    assert list(manifests("accounts")) == ["crm/2017-11-26"]


def test_a_day_before_the_newest_snapshot_gets_none_of_its_own(
    crm: Crm, caplog: pytest.LogCaptureFixture
) -> None:
    source.land(DAY, DAY)
    crm.edit("101", active=False)
    assert source.land(DAY, DAY - dt.timedelta(days=1)) == []
    assert "nothing landed for 2017-11-25: the CRM tells only what is so now" in caplog.text
    assert list(manifests("accounts")) == ["crm/2017-11-26"]


def test_by_the_wall_clock_customers_of_today_were_not_known_last_month(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANY_CLOCK", "wall")
    settings.cache_clear()
    before = dt.datetime.now(dt.UTC)
    (landed,) = source.land(DAY, DAY)
    assert dt.datetime.fromisoformat(landed.known_at) >= before
    tomorrow = before.date() + dt.timedelta(days=1)
    assert source.known_at(tomorrow).hour == source.COMPLETE_AT.hour, "not complete before its time"


def test_a_changed_customer_makes_a_new_snapshot_and_an_inactive_one_leaves_it(crm: Crm) -> None:
    source.land(DAY, DAY)
    crm.edit("101", active=False)
    (landed,) = source.land(DAY, DAY + dt.timedelta(days=1))
    assert landed.batch_id == "crm/2017-11-27"
    assert landed.files[0].rows == 11
