"""The source of docs/sources.md as it stands there, on files with the mess that such files have."""

import datetime as dt
import re
import types
from pathlib import Path

import pytest

from jobs import lake as tables
from jobs.quarantine import counts, refused
from jobs.settings import ROOT
from jobs.spark.build import build
from jobs.table import Landed, table

DAY = dt.date(2017, 3, 6)
HEADER = "Kunde;Bon;Artikel;Menge;Betrag;Rabatt;Zeit"
MORNING = f"""Umsatzbericht vom 06.03.2017;;;;;;
{HEADER}
0815;K1;4011;2;1.234,50 $;0,00;06.03.2017 17:05\r
Müller;K1;"40;11";1;2,50;0,10;06.03.2017 17:05

{HEADER}
0816;K2;4011;1.000;$ 3;0;06.03.2017 23:30
0817;K3;4011;eins;3,00;0,00;06.03.2017 18:00
0818;K4;4011;1;3.00;0,00;06.03.2017 18:00
0819;K5;4011;1;3,00;0,00;03/06/2017
0820;K6;4011
0821;4.5E+12;4011;1;3,00;0,00;06.03.2017 18:00
Summe;;;1.004;1.240,00 $;;
"""
EVENING = f"title\n{HEADER};\n0822;K7;4011;1;3,00;0,00;06.03.2017 19:00;\n"


@pytest.fixture
def kiosk(tmp_path: Path) -> types.ModuleType:
    """jobs/sources/kiosk.py, its exports in a folder of the test's own."""
    [source] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/sources.md").read_text(), re.DOTALL)
    assert len(source.splitlines()) < 60
    module = types.ModuleType("jobs.sources.kiosk")
    exec(source, module.__dict__)  # noqa: S102 - the page's own code
    module.EXPORTS = tmp_path / "exports"  # type: ignore[attr-defined]
    return module


def test_another_company_s_orders_come_in_by_one_short_file(
    kiosk: types.ModuleType, lake: Path
) -> None:
    folder = kiosk.EXPORTS / DAY.isoformat()
    folder.mkdir(parents=True)
    (folder / "am.csv").write_bytes(MORNING.encode("cp1252"))
    (folder / "pm.csv").write_bytes(EVENING.encode("cp1252"))
    (landed,) = kiosk.land(DAY, DAY + dt.timedelta(7))
    assert [file.rows for file in landed.files] == [8, 1]
    which = table("bronze.order_lines")
    assert isinstance(which, Landed)
    built = build(which)
    assert (built.rows_landed, built.rows_made, built.rows_refused) == (9, 4, 5)
    asked = "select account_id, product_id, quantity, sales_usd, sold_at, store_id from t"
    rows = tables.read("bronze.order_lines", sql=f"{asked} order by account_id").to_pylist()
    assert [(r["account_id"], r["quantity"], str(r["sales_usd"])) for r in rows] == [
        ("0815", 2, "1234.50"),
        ("0816", 1000, "3.00"),
        ("0822", 1, "3.00"),
        ("Müller", 1, "2.50"),
    ]
    assert rows[3]["product_id"] == "40;11"
    assert rows[0]["sold_at"] == dt.datetime(2017, 3, 6, 16, 5, tzinfo=dt.UTC)
    assert {row["store_id"] for row in rows} == {"kiosk"}
    assert {group.rule: group.rows for group in refused.groups(refused.entries())} == {
        "row(columns)": 1,
        "spreadsheet(order_id)": 1,
        "type(quantity)": 1,
        "type(sales_usd)": 1,
        "type(sold_at)": 1,
    }
    assert [count.adds_up for count in counts.counts(which)] == [True]
