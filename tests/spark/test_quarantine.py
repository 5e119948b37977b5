"""Refused rows: listed, exported, mended by hand, landed as corrections, counted to the last."""

import csv
import datetime as dt
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs import lake as tables
from jobs import landing
from jobs.dialect import Dialect
from jobs.ops import quarantine
from jobs.quarantine import corrections, counts, refused, sheet
from jobs.quarantine.__main__ import app
from jobs.quarantine.mends import ADDRESS, Row
from jobs.quarantine.sheet import NotACorrection
from jobs.settings import settings
from jobs.spark.build import Refused, build
from tests.spark import toys

GERMAN = Dialect(
    encoding="cp1252", delimiter=";", decimal=",", timestamp="dd.MM.yyyy HH:mm", nulls=("-",)
)
KNOWN = dt.datetime(2017, 3, 7, 11, tzinfo=dt.UTC)
COLUMNS = {
    "order": "order_id",
    "product": "product_id",
    "time": "sold_at",
    "amount": "amount_usd",
    "work": "work",
}
# a batch whose name has a sign that SQL quotes by
SHOP = "kiosk/Anna's 2017-03-06"


def land_kiosk(folder: Path, *rows: str) -> landing.Manifest:
    path = folder / "kiosk.csv"
    text = "\n".join(["order;product;time;amount;work", *rows])
    path.write_bytes(text.encode("cp1252"))
    system, _, batch = SHOP.partition("/")
    return landing.land(
        "toy_lines",
        system,
        batch,
        [path],
        mode="events",
        known_at=KNOWN,
        watermark="",
        columns=COLUMNS,
        format="csv",
        dialect=GERMAN,
    )


def run(*words: str) -> Any:
    return CliRunner().invoke(app, [*words])


def listed(rule: str | None = None) -> list[tuple[str, int | None]]:
    found = refused.entries("bronze.toy_lines", rule)
    return sorted((row["batch_id"].partition("/")[0], row["row_number"]) for row in found)


def kept() -> dict[str, str]:
    found = tables.read("bronze.toy_lines", sql="select order_id, amount_usd from t").to_pylist()
    return {row["order_id"]: str(row["amount_usd"]) for row in found}


def mend(file: Path, change: Callable[[dict[str, str]], None]) -> None:
    """What a person does in a German spreadsheet: other signs between the fields, other bytes."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = [*csv.DictReader(opened)]
    for row in rows:
        change(row)
    with file.open("w", encoding="cp1252", newline="") as opened:
        writer = csv.DictWriter(opened, [*rows[0]], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def data_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANY_CLOCK", "data")


def test_a_refused_row_is_mended_by_a_batch_of_its_own_and_every_count_adds_up(
    data_clock: None, lake: Path, tmp_path: Path
) -> None:
    original = land_kiosk(
        tmp_path,
        "o1;p;06.03.2017 17:00;1,50;-",
        "ö2;p;06.03.2017 17:00;one and a half;-",
        "o3;p;06.03.2017;2,00;-",
        "o4;p;06.03.2017 17:00",
        ";p;06.03.2017 17:00;4;-",
    )
    assert build(toys.LINES).rows_refused == 4
    assert kept() == {"o1": "1.50"}
    assert listed() == [("kiosk", 2), ("kiosk", 3), ("kiosk", 4), ("kiosk", 5)]
    first = {row["row_number"]: row["refused_at"] for row in refused.entries()}

    # --- the list ---
    assert [(g.rule, g.rows, g.batches) for g in refused.groups(refused.entries())] == [
        ("not_null(order_id)", 1, 1),
        ("row(columns)", 1, 1),
        ("type(amount_usd)", 1, 1),
        ("type(sold_at)", 1, 1),
    ]
    told = json.loads(run("list", "--rule", "type(amount_usd)", "--rows", "3", "--json").output)
    assert told["refused"][0]["samples"] == [
        {
            "batch": SHOP,
            "row": 2,
            "received": {
                "order_id": "ö2",
                "product_id": "p",
                "sold_at": "06.03.2017 17:00",
                "amount_usd": "one and a half",
                "work": "-",
            },
        }
    ]
    assert "4 rows refused" in run("list", "--table", "bronze.toy_lines").output
    assert "0 rows refused" in run("list", "--batch", "till/2017-03-06").output

    # --- mended in a spreadsheet: one well, one badly, one left as it was, one cut anew ---
    file = tmp_path / "refused.csv"
    assert run("export", str(file), "--table", "bronze.toy_lines").exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def by_hand(row: dict[str, str]) -> None:
        if row["_row_number"] == "2":
            row["amount_usd"] = "2,50"
        if row["_row_number"] == "3":
            row["sold_at"] = "6 March"
        if row["_row_number"] == "4":
            assert row["_received"] == "o4;p;06.03.2017 17:00"
            row |= {"order_id": "o4", "sold_at": "06.03.2017 17:00", "amount_usd": "4,00"}

    mend(file, by_hand)
    said = run("correct", str(file), "--encoding", "cp1252").output
    assert "3 mended rows landed as corrections/2017-03-07T110001-" in said
    correction = said.split()[-1]
    assert build(toys.LINES).rows_written == 2
    assert kept() == {"o1": "1.50", "ö2": "2.50", "o4": "4.00"}
    # the bad correction stands in the list for the row that it should have mended
    assert listed() == [("corrections", 2), ("kiosk", 5)]
    assert {row["row_number"]: row["refused_at"] for row in refused.entries()}[5] == first[5]
    mended = {row["row_number"]: row["mended_by"] for row in refused.mended_rows()}
    assert mended == dict.fromkeys((2, 3, 4), correction)
    extra = tables.read("bronze.toy_lines", sql="select _extra from t where order_id = 'o4'")
    assert json.loads(extra["_extra"][0].as_py())["_row_number"] == "4"
    assert not tables.exists("ops.extra_columns")  # an address is no new column
    found = {c.batch_id: c for c in counts.counts(toys.LINES)}
    assert all(count.adds_up for count in found.values())
    of_kiosk = found[SHOP]
    assert (of_kiosk.landed, of_kiosk.written, of_kiosk.refused, of_kiosk.mended) == (5, 1, 1, 3)

    # --- the same again lands nothing, another mend of a mended row is refused ---
    said = run("correct", str(file), "--encoding", "cp1252").output
    assert "3 were corrected already, with the same values" in said
    assert "nothing to land" not in said
    with pytest.raises(NotACorrection, match="say its --encoding"):
        sheet.read(file)
    mend_again = sheet.read(file, "cp1252")
    mend_again[0]["amount_usd"] = "9,99"
    with pytest.raises(NotACorrection, match=r"row 2 .* has a correction, corrections/2017"):
        corrections.correct(mend_again)
    strange = [{**mend_again[0], "_row_number": "1"}]  # was never refused
    with pytest.raises(NotACorrection, match=r"row 1 .* is not refused"):
        corrections.correct(strange)

    with pytest.raises(NotACorrection, match="no column work"):
        corrections.correct([{k: v for k, v in mend_again[0].items() if k != "work"}])

    # --- the correction is corrected; a row whose batch has come anew cannot be ---
    (again,) = sheet.export(refused.entries(batch=correction), toys.LINES)
    corrections.correct([{**again, "sold_at": "06.03.2017 09:00"}])
    build(toys.LINES)
    assert kept()["o3"] == "2.00"
    assert listed() == [("kiosk", 5)]
    (last,) = sheet.export(refused.entries(), toys.LINES)
    land_kiosk(tmp_path, ";p;06.03.2017 17:00;4;-")
    with pytest.raises(NotACorrection, match="landed anew since: build its table first"):
        corrections.correct([{**last, "order_id": "o5"}])
    assert refused.outdated_corrections() == {f"toy_lines: {correction}": 3}

    # --- a correction that is taken away leaves the row refused again ---
    shutil.rmtree(original.folder.parent)
    restored = land_kiosk(
        tmp_path,
        "o1;p;06.03.2017 17:00;1,50;-",
        "ö2;p;06.03.2017 17:00;one and a half;-",
        "o3;p;06.03.2017;2,00;-",
        "o4;p;06.03.2017 17:00",
        ";p;06.03.2017 17:00;4;-",
    )
    assert restored == original
    build(toys.LINES)
    assert listed() == [("kiosk", 5)]
    shutil.rmtree(settings().landing / "toy_lines" / correction)
    build(toys.LINES)
    assert listed() == [("kiosk", 2), ("kiosk", 3), ("kiosk", 4), ("kiosk", 5)]
    assert all(count.adds_up for count in counts.counts(toys.LINES))

    # --- a rule that is changed is a rebuild, and what it refused has left the list ---
    schema = toys.LINES.schema.replace("order_id string not null", "order_id string")
    build(toys.Landed(**{**vars(toys.LINES), "schema": schema}))
    assert listed() == [("kiosk", 2), ("kiosk", 3), ("kiosk", 4)]


def test_a_held_back_batch_comes_once_enough_of_it_is_mended(lake: Path, tmp_path: Path) -> None:
    strict = toys.Landed(**{**vars(toys.LINES), "max_refused_rows": 0, "max_refused_share": 0.0})
    land_kiosk(tmp_path, "o1;p;06.03.2017 17:00;1,50;-", "o2;p;06.03.2017 17:00;free;-")
    with pytest.raises(Refused, match="1 batches held back"):
        build(strict)
    (count,) = counts.counts(strict)
    assert (count.written, count.refused, count.waiting, count.adds_up) == (0, 1, 1, True)
    (row,) = sheet.export(refused.entries(), strict)
    corrections.correct([{**row, "amount_usd": "0"}])
    assert build(strict).rows_written == 2
    assert kept() == {"o1": "1.50", "o2": "0.00"}
    assert all(count.adds_up for count in counts.counts(strict))
    said = run("check", "--table", strict.name)
    assert said.exit_code == 0
    assert "2 batches" in said.output
    assert "all of it adds up" in said.output


def test_a_row_of_a_snapshot_is_not_mended_by_itself(lake: Path, tmp_path: Path) -> None:
    toys.land_products(tmp_path, KNOWN.date(), {"p1": "DELI"})
    path = tmp_path / f"products_{KNOWN.date()}.csv"
    path.write_text(path.read_text() + "p2\n")
    landing.land(
        "toy_products",
        "erp",
        KNOWN.date().isoformat(),
        [path],
        mode="snapshot",
        known_at=KNOWN,
        watermark="",
        columns={},
        format="csv",
    )
    build(toys.PRODUCTS)
    (row,) = sheet.export(refused.entries(), toys.PRODUCTS)
    with pytest.raises(NotACorrection, match="of a snapshot, which counts as a whole"):
        corrections.correct([{**row, "product_id": "p2", "department": "DELI"}])


def test_personal_data_is_masked_also_in_a_row_that_could_not_be_cut() -> None:
    received = {"account_id": "7", "email": "ann@example.org"}
    entry = {"table_name": "bronze.accounts", "received": json.dumps(received)}
    assert refused.masked(entry) == {"account_id": "7", "email": refused.MASK}
    uncut = {"table_name": "bronze.accounts", "received": '{"row": "7,Ann,ann@example.org,"}'}
    assert refused.masked(uncut) == {"row": refused.MASK}
    of_nobody = {"table_name": "bronze.coupons", "received": '{"row": "1,2,3,4"}'}
    assert refused.masked(of_nobody) == {"row": "1,2,3,4"}


def test_what_a_spreadsheet_runs_is_made_inert_and_comes_back_as_it_was(tmp_path: Path) -> None:
    received = ["=1+1", "'=x", "-12,50", "-x", "@a", "+49 30", "plain", None]
    place = dict(zip(ADDRESS, ("till/1", "toy_lines/till/1/x/f.csv", "1"), strict=True))
    rows: list[Row] = [{"order_id": value, **place} for value in received]
    path = tmp_path / "refused.csv"
    sheet.write(rows, path, toys.LINES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [row["order_id"] for row in csv.DictReader(file)]
    assert cells == ["'=1+1", "''=x", "-12,50", "'-x", "'@a", "'+49 30", "plain", ""]
    assert [row["order_id"] for row in sheet.read(path)] == received


def test_a_row_without_the_address_of_what_it_mends_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mended.csv"
    path.write_text("order_id,_batch_id,_source_file,_row_number\no1,till/1,f,1,more\n")
    with pytest.raises(NotACorrection, match="row 1 has more fields than the header"):
        sheet.read(path)
    path.write_text("order_id,_batch_id,_source_file,_row_number\no1,till/1,,1\n")
    with pytest.raises(NotACorrection, match=r"row 1: no address"):
        sheet.read(path)


def test_what_cannot_be_exported_or_corrected_is_said_in_a_sentence(
    state: Path, tmp_path: Path
) -> None:
    file, of = tmp_path / "refused.csv", ("--table", "bronze.toy_lines")
    done = run("export", str(file), *of)
    assert (done.exit_code, file.exists()) == (0, False)
    assert "no row of bronze.toy_lines is refused so: no file is written" in done.output
    for words in (("export", str(tmp_path / "none/refused.csv"), *of), ("correct", str(tmp_path))):
        done = run(*words)
        assert done.exit_code == 2
        assert isinstance(done.exception, SystemExit)


def test_zeros_that_a_spreadsheet_took_are_missed(state: Path, tmp_path: Path) -> None:
    landed = land_kiosk(tmp_path, "0815;p;06.03.2017 17:00;free;-")
    place = {"batch_id": SHOP, "source_file": landed.source_file(landed.files[0]), "row_number": 1}
    about = {"table_name": "bronze.toy_lines", "rules": ["type(amount_usd)"], "rows": 1}
    received = {"order_id": "0815", "product_id": "p", "amount_usd": "free"}
    told = {"received": json.dumps(received), "known_at": KNOWN, "run_id": "x", "refused_at": None}
    tables.append(quarantine.TABLE, [{**place, **about, **told}])
    (row,) = sheet.export(refused.entries(), toys.LINES)
    with pytest.raises(NotACorrection, match=r"lost the zeros of order_id \(815\)"):
        corrections.correct([{**row, "order_id": "815", "amount_usd": "0"}])
    (correction,) = corrections.correct([{**row, "amount_usd": "0"}]).landed
    assert (correction.mode, correction.dialect) == ("events", GERMAN.of_values())
