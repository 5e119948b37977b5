import datetime as dt

import pytest

from jobs.landing import NotLanded, manifests
from jobs.settings import settings
from jobs.sources import erp
from jobs.table import columns, table

DAY = dt.date(2017, 3, 3)


def dropped(entity: str, date: dt.date, name: str) -> None:
    folder = settings().drops / "erp" / entity / date.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(erp.DROPS[entity].columns)
    (folder / name).write_text(f"{header}\n{','.join('1' * len(header.split(',')))}\n")


def test_what_the_erp_dropped_on_a_date_is_known_that_morning():
    dropped("campaigns", DAY, "campaigns.csv")
    (landed,) = erp.land(DAY, DAY)
    assert (landed.entity, landed.mode) == ("campaigns", "changes")
    assert landed.known_at == "2017-03-03T11:00:00+00:00"  # 06:00 in New York


def test_the_product_list_is_a_snapshot():
    dropped("products", DAY, "products.csv")
    (landed,) = erp.land(DAY, DAY)
    assert landed.mode == "snapshot"


def test_several_files_of_a_drop_are_one_batch():
    dropped("coupons", DAY, "coupons-1.csv")
    dropped("coupons", DAY, "coupons-2.csv")
    (landed,) = erp.land(DAY, DAY)
    assert [file.name for file in landed.files] == ["coupons-1.csv", "coupons-2.csv"]


def test_a_date_without_a_drop_is_nothing_unusual(caplog):
    dropped("campaigns", DAY, "campaigns.csv")
    assert erp.land(DAY + dt.timedelta(days=1), DAY + dt.timedelta(days=9)) == []
    assert caplog.messages == []


def test_an_export_that_is_not_there_at_all_is_said(caplog):
    assert erp.land(DAY, DAY) == []
    assert "no drops at all" in caplog.text


def test_one_entitys_fault_does_not_keep_the_others_waiting():
    dropped("campaigns", DAY, "campaigns.csv")
    dropped("products", DAY, "products.csv")
    (settings().drops / "erp/products" / DAY.isoformat() / "x.csv").mkdir()
    with pytest.raises(NotLanded, match=r"x\.csv is no file"):
        erp.land(DAY, DAY)
    assert [*manifests("campaigns")] == ["erp/2017-03-03"]


@pytest.mark.parametrize("entity", list(erp.DROPS))
def test_every_column_of_bronze_has_a_column_of_the_erp(entity):
    ours = [column.name for column in columns(table(f"bronze.{entity}").schema)]
    assert sorted(erp.DROPS[entity].columns.values()) == sorted(ours)
