"""Anyone's sales lines: what a file gets wrong is told, and changes no more than it must."""

import datetime as dt
import logging
from pathlib import Path

import pandas as pd
import pytest

from jobs.training import transactions
from jobs.training.given import BadFile

HEADER = "account_id,bought_at,order_id,amount_usd,product_id"


def csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "lines.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return path


def line(account: str, day: int, order: str, amount: str = "10.0", product: str = "7") -> str:
    at = dt.datetime(2017, 1, 2, 10) + dt.timedelta(days=day)
    return f"{account},{at},{order},{amount},{product}"


MANY = [line("a", n % 300, str(n)) for n in range(25_000)]


def test_texts_that_come_late_in_a_file_are_texts(tmp_path: Path) -> None:
    late = [line("b", 1, "R17", "N/A", "SKU-7"), line("b", 1, "9" * 24), line("b", 1, "9" * 23)]
    found = transactions.days(csv(tmp_path, *MANY, *late))
    assert found["orders"].sum() == len(MANY) + 2  # of R17 the shop received nothing
    assert set(transactions.purchases(csv(tmp_path, *MANY, *late))["product_id"]) == {"7", "SKU-7"}


def test_a_line_of_another_form_is_told_with_its_file_and_the_cure(tmp_path: Path) -> None:
    path = csv(tmp_path, *MANY, "a,2017-01-03,1,10.0,7,8,9")
    with pytest.raises(BadFile, match=r"lines\.csv .*as many values in each line as its header"):
        transactions.days(path)


def test_a_late_letter_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = csv(tmp_path, *MANY)
    with path.open("ab") as file:
        file.write(b"a,2017-01-03,1,10.0,Fr\xfcchte\n")
    with pytest.raises(BadFile, match="UTF-8"):
        transactions.purchases(path)


@pytest.mark.parametrize("amount", ["nan", "inf", "N/A", "12 USD"])
def test_an_amount_that_is_no_number_counts_as_none_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, amount: str
) -> None:
    lines = [line("a", 1, "1"), line("a", 1, "2", amount), line("a", 2, "3"), line("a", 2, "4", "")]
    found = transactions.days(csv(tmp_path, *lines))
    assert (found["orders"].to_list(), found["sales_usd"].to_list()) == ([1, 1], [10, 10])
    assert f"1 of 3 values of amount_usd are no numbers, such as '{amount}'" in caplog.text


def test_where_most_amounts_are_no_numbers_the_file_is_refused(tmp_path: Path) -> None:
    lines = [line("a", n, str(n), "12.30 USD") for n in range(5)]
    with pytest.raises(BadFile, match=r"5 of 6 values of amount_usd .*numbers with a point"):
        transactions.days(csv(tmp_path, *lines, line("a", 9, "9")))


def test_lines_without_an_order_are_ordered_by_account_and_moment(tmp_path: Path) -> None:
    lines = [line("a", 1, ""), line("a", 1, ""), line("a", 2, " "), line("a", 2, "x")]
    assert transactions.days(csv(tmp_path, *lines))["orders"].to_list() == [1, 2]


@pytest.mark.parametrize("day", ["1900-01-01", "1970-01-01", "2099-12-31"])
def test_a_day_of_another_time_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, day: str
) -> None:
    lines = [line("a", n, str(n)) for n in range(3)]
    wrong = f"b,{day} 10:00:00,9,10.0,7"
    found = transactions.days(csv(tmp_path, *lines, wrong))
    assert set(found["account_id"]) == {"a"}
    assert len(transactions.purchases(csv(tmp_path, *lines, wrong))) == 3
    assert f"1 lines of bought_at are left out, such as of {day}" in caplog.text


@pytest.mark.parametrize("moment", ["9999-12-31", "290000-01-01", "0044-03-15 (BC)"])
def test_a_day_that_nothing_else_can_hold_is_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    wrong = f"b,{moment},9,10.0,7"
    found = transactions.days(csv(tmp_path, line("a", 0, "1"), wrong))
    assert found["account_id"].to_list() == ["a"]
    assert "1 of 2 rows left out" in caplog.text


def test_a_shop_that_opened_again_keeps_both_its_times(tmp_path: Path) -> None:
    before = [line("a", n, str(n)) for n in range(7)]
    after = [line("b", 1_200 + n, str(n)) for n in range(9) for _ in range(3)]
    alone, both = (transactions.days(csv(tmp_path, *rows)) for rows in (before, before + after))
    assert both[both["account_id"] == "a"]["sales_usd"].to_list() == alone["sales_usd"].to_list()
    assert set(both["account_id"]) == {"a", "b"}


def test_who_has_no_name_is_nobody_and_spaces_make_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = [line(name, 1, "9") for name in ("", " ", '""')]
    found = transactions.days(csv(tmp_path, line("a", 0, "1"), line(" a ", 1, "2"), *wrong))
    assert found["account_id"].to_list() == ["a", "a"]
    assert "3 of 5 rows left out" in caplog.text


def test_other_columns_may_be_called_as_we_call_what_we_work_out(tmp_path: Path) -> None:
    header = "account_id,bought_at,DAY,lines,amount_usd"
    path = csv(tmp_path, "a,2017-01-03,3,7,5.0", header=header)
    assert transactions.days(path)["sales_usd"].to_list() == [5]


def test_a_line_with_too_many_values_is_told(tmp_path: Path) -> None:
    path = csv(tmp_path, *(line("a", n, str(n)) for n in range(9)), "a,b,c,d,e,f,g,h,i,j")
    with pytest.raises(BadFile, match="some line has more or fewer values than the header has"):
        transactions.days(path)


def test_a_year_without_a_line_parts_nothing(tmp_path: Path) -> None:
    found = transactions.days(csv(tmp_path, line("a", 0, "1"), line("a", 366, "2")))
    assert len(found) == 2


def test_names_are_found_whatever_their_case(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    header = "Account_ID,Bought_At,Order_ID,Amount_USD,SKU"
    found = transactions.days(csv(tmp_path, line("a", 1, "1", "12.5"), header=header))
    assert found["sales_usd"].to_list() == [12.5]
    assert "Amount_USD is read as amount_usd" in caplog.text


def test_without_an_amount_it_is_said_that_each_line_counts_as_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = csv(tmp_path, "a,2017-01-03", header="account_id,bought_at")
    assert transactions.days(path)["sales_usd"].to_list() == [1]
    assert "no column amount_usd: every line counts as 1" in caplog.text


def test_an_instant_is_of_the_shop_s_day_and_a_number_with_a_point_is_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANY_TIMEZONE", "America/New_York")
    at = pd.to_datetime(["2017-01-03T03:00:00Z", "2017-01-03T12:00:00Z"])
    path = tmp_path / "lines.parquet"
    pd.DataFrame({"account_id": [7.0, 10.0], "bought_at": at}).to_parquet(path)
    texts = tmp_path / "lines.csv"
    moments = ("2017-01-03T03:00:00Z", "2017-01-03 14:00:00+02:00")
    pd.DataFrame({"account_id": [7, 10], "bought_at": moments}).to_csv(texts, index=False)
    for file in (path, texts):
        found = transactions.days(file)
        told = dict(zip(found["account_id"], found["business_date"].dt.date, strict=True))
        assert told == {"7": dt.date(2017, 1, 2), "10": dt.date(2017, 1, 3)}
