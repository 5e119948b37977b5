import datetime as dt
import gzip
import logging
from pathlib import Path

import pytest

from jobs import landing
from jobs.landing import NotLanded
from jobs.settings import settings
from jobs.sources import till
from jobs.table import columns, table

DAY = dt.date(2017, 3, 5)
HEADER = ",".join(till.COLUMNS["order_lines"])
LINE = "900,330,1,milk,1,0.50,0.00,0.00,0.00,10,2017-03-05 15:00:00"


def dropped(entity: str, date: dt.date, text: str) -> Path:
    folder = settings().drops / "till" / entity / date.isoformat()
    folder.mkdir(parents=True)
    path = folder / f"{entity}.csv.gz"
    path.write_bytes(gzip.compress(f"{text}\n".encode()))
    return path


def test_a_days_drop_becomes_a_batch_known_the_next_morning():
    dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    (landed,) = till.land(DAY, DAY)
    assert (landed.entity, landed.batch_id) == ("order_lines", "till/2017-03-05")
    # 06:00 in New York on the 6th
    assert landed.known_at == "2017-03-06T11:00:00+00:00"
    assert landed.files[0].rows == 1


def test_in_summer_the_morning_comes_an_hour_earlier_in_utc():
    assert till.known_at(dt.date(2017, 7, 3)).astimezone(dt.UTC).hour == 10


def test_the_file_is_landed_byte_by_byte():
    path = dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    (landed,) = till.land(DAY, DAY)
    assert (landed.folder / path.name).read_bytes() == path.read_bytes()


def test_a_missing_day_is_named_and_the_other_days_go_on(caplog):
    dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    dropped("order_lines", DAY + dt.timedelta(days=2), f"{HEADER}\n{LINE}")
    with caplog.at_level(logging.WARNING):
        landed = till.land(DAY, DAY + dt.timedelta(days=2))
    assert [m.batch for m in landed] == ["2017-03-05", "2017-03-07"]
    assert any("no order_lines of 2017-03-06" in message for message in caplog.messages)


def test_a_day_without_redemptions_is_an_empty_batch():
    dropped("redemptions", DAY, ",".join(till.COLUMNS["redemptions"]))
    (landed,) = till.land(DAY, DAY)
    assert (landed.entity, landed.files[0].rows) == ("redemptions", 0)


def test_the_same_drop_landed_again_is_the_same_batch():
    dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    assert till.land(DAY, DAY) == till.land(DAY, DAY)
    assert len(landing.manifests("order_lines")) == 1


def test_a_half_written_drop_is_not_taken():
    path = dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    path.rename(path.with_name(f".{path.name}.arriving"))
    assert till.land(DAY, DAY) == []


def test_every_column_of_bronze_has_a_column_of_the_till():
    for entity, names in till.COLUMNS.items():
        ours = [column.name for column in columns(table(f"bronze.{entity}").schema)]
        assert sorted(names.values()) == sorted(ours)


def test_half_an_upload_beside_a_drop_is_told_of_and_left_alone(caplog):
    path = dropped("order_lines", DAY, f"{HEADER}\n{LINE}")
    (path.parent / "order_lines.csv.tmp").write_text(LINE[:9])
    with caplog.at_level(logging.WARNING):
        (landed,) = till.land(DAY, DAY)
    assert [file.name for file in landed.files] == [path.name]
    assert any("order_lines.csv.tmp left alone" in message for message in caplog.messages)


def test_one_days_fault_does_not_keep_the_other_days_waiting():
    for n in range(3):
        path = dropped("order_lines", DAY + dt.timedelta(n), f"{HEADER}\n{LINE}")
        if n == 1:
            (path.parent / "x.csv").symlink_to("/etc/hostname")
    with pytest.raises(NotLanded, match=r"2017-03-06/x\.csv is no file"):
        till.land(DAY, DAY + dt.timedelta(2))
    assert [*landing.manifests("order_lines")] == ["till/2017-03-05", "till/2017-03-07"]
