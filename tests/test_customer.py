"""One customer in words: what is said, what is left out, and what the page escapes."""

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import typer
from deltalake import write_deltalake
from rich.console import Console
from typer.testing import CliRunner

from jobs import customer, lake
from jobs.table import columns, table

pytestmark = pytest.mark.usefixtures("state")
DAY = dt.date(2017, 11, 26)
AT = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
COLUMNS = columns(table(customer.TABLE).full_schema)
PLAIN = {"int": 0, "boolean": True, "decimal(12,2)": Decimal(0)}


def arrow(kind: str) -> pa.DataType:
    if kind.startswith("array<struct<"):
        fields = [one.split(":") for one in kind[13:-2].split(",")]
        return pa.list_(pa.struct([(name, lake.arrow_type(of)) for name, of in fields]))
    return lake.arrow_type(kind)


def known(*rows: dict[str, Any]) -> None:
    """The table with these customers; what is not given is unknown, zero or empty."""

    def value(row: dict[str, Any], column: Any) -> Any:
        plain = [] if column.type.startswith("array") else PLAIN.get(column.type)
        return row.get(column.name, None if column.nullable else plain)

    schema = pa.schema([(c.name, arrow(c.type)) for c in COLUMNS])
    told = [{c.name: value(row, c) for c in COLUMNS} for row in rows]
    write_deltalake(lake.location(customer.TABLE), pa.Table.from_pylist(told, schema))


FULL = {
    "account_id": "900",
    "accounts": 2,
    "as_of_date": DAY,
    "age_band": "45-54",
    "orders": 4,
    "first_order_date": dt.date(2017, 1, 2),
    "last_order_date": DAY - dt.timedelta(days=1),
    "recency_days": 1,
    "days_between_orders": 9.5,
    "spend_usd": Decimal("1234.50"),
    "basket_usd": Decimal("30.25"),
    "basket_lines": 7.5,
    "week_end_date": DAY,
    "spend_trend": "declining",
    "discount_share": 0.25,
    "favourite_departments": ["GROCERY", "DELI"],
    "campaigns_received": 2,
    "campaigns_by_type": [
        {"campaign_type": "Type A", "received": 2, "answered": 1, "coupons_offered": 9}
        | {"coupons_used": 3}
    ],
    "churn_chance": 0.42,
    "churn_grade": "D",
    "churn_trend": "declining",
    "churn_valid_until": DAY + dt.timedelta(days=7),
    "churn_reasons": [{"code": "orders_low", "text": "Orders in the last 4 weeks: only 1"}],
    "soft_churn_chance": 0.2,
    "soft_churn_grade": "C",
    "soft_churn_trend": "steady",
    "soft_churn_valid_until": DAY + dt.timedelta(days=7),
    "rests_on": ["churn gbm 7", "soft_churn logistic 2"],
    "segment_name": "Loyal",
    "segment_valid_until": DAY + dt.timedelta(days=6),
    "next_products": ["Milk (1)"],
    "next_products_grade": "B",
    "next_products_trend": "new",
    "action": "call",
    "action_text": "Call [red] and ask <b>what</b>",
    "action_channel": "phone",
    "action_due_date": DAY + dt.timedelta(days=3),
    "action_expected_usd": Decimal("8.00"),
    "action_reasons": [{"code": "call_leaving", "text": "May leave (42%)"}],
    "last_deliveries": [
        {"connection": "odoo", "event": "data", "reason": "too long", "event_at": AT}
        | {"plan_id": "p"},
        {"connection": "tryton", "event": "written", "event_at": AT, "written_at": AT}
        | {"plan_id": "p", "cleared_for": "expired"},
    ],
}


def told(account_id: str = "900") -> dict[str, list[tuple[str, str]]]:
    return {part.title: list(part.lines) for part in customer.page(account_id)[1]}


def test_everything_that_is_known_is_said_in_words() -> None:
    known(FULL)
    title, _ = customer.page("900")
    assert title == "Customer 900, as known on 2017-11-26"
    found = told()
    assert found["Who"] == [
        ("Consent", "may be addressed"),
        ("Told", "age 45-54"),
        ("Kind", "Loyal; holds until 2017-12-02"),
        ("Identity", "2 accounts found to be this customer"),
    ]
    buys = dict(found["Buys"])
    assert buys["Orders"].startswith("4 orders from 2017-01-02 to 2017-11-25, 9.5 days")
    assert buys["Last order"] == "1 day before 2017-11-26"
    assert buys["Spent"] == "1,234.50 USD, of it 0.00 USD fuel"
    assert buys["Trend"] == "spend declining"
    assert found["Price"] == [("", "25% of the shelf price was not paid")]
    assert found["Likes"] == [("Departments", "GROCERY; DELI")]
    by_type = dict(found["Campaigns"])["By type"]
    assert by_type == "Type A: 2 received, 1 answered, 3 of 9 coupons"
    assert found["Expected, and why"] == [
        (
            "Leaving",
            "42% chance of no order in the next four weeks: grade D, declining;"
            " holds until 2017-12-03",
        ),
        ("  because", "Orders in the last 4 weeks: only 1"),
        (
            "Spending less",
            "20% chance of an order and less than half of the usual spend in the next four weeks:"
            " grade C, steady; holds until 2017-12-03",
        ),
        ("Told by", "churn gbm 7; soft_churn logistic 2"),
    ]
    what_next = dict(found["What next"])
    assert what_next["Offer"] == "Milk (1)"
    assert what_next["To do"] == "Call [red] and ask <b>what</b> (phone)"
    assert what_next["  worth"] == "8.00 USD, by a share that is assumed"
    assert what_next["  because"] == "May leave (42%)"
    assert found["In the CRMs"] == [
        ("odoo", "data 2026-03-02 07:00 UTC, too long"),
        ("tryton", "written 2026-03-02 07:00 UTC; ours was taken back: expired"),
    ]


def test_of_somebody_of_whom_nothing_is_known_little_is_said() -> None:
    known({"account_id": "1", "is_contactable": False, "objected_date": DAY})
    title, _ = customer.page("1")
    assert title == "Customer 1, before the first sale"
    assert told("1") == {
        "Who": [
            ("Consent", "objects to marketing since 2017-11-26: no score is shown"),
            ("Told", "nothing of them"),
        ],
        "Buys": [("", "never bought")],
        "Expected, and why": [("", "no score holds")],
        "What next": [("To do", "no action was decided that holds")],
        "In the CRMs": [("", "nothing was delivered of this customer")],
    }


def test_who_is_held_out_is_named_as_such() -> None:
    known(FULL)
    held = {"experiment": "autumn", "account_id": "900", "arm": "held", "seen_at": AT}
    others = [{**held, "account_id": "1"}, {**held, "experiment": "spring", "arm": "treated"}]
    lake.append(table(customer.HELD), [held, *others])
    assert told()["In the CRMs"][0] == ("Held out", "autumn: is shown no score while it runs")


def test_an_account_that_is_another_one_s_leads_there_and_a_stranger_to_the_cure() -> None:
    with pytest.raises(customer.NoSuchCustomer, match=r"not there yet: .*\+scores\.account_360"):
        customer.page("900")
    known(FULL)
    pairs = pa.table({"account_id": ["8", "900"], "customer_id": ["900", "900"]})
    write_deltalake(lake.location(customer.IDENTITIES), pairs)
    with pytest.raises(customer.NoSuchCustomer, match="account 8 is customer 900's"):
        customer.page("8")
    with pytest.raises(customer.NoSuchCustomer, match="no customer \"9' or '1\""):
        customer.page("9' or '1")


def test_it_fits_one_screen_and_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    known(FULL)
    title, parts = customer.page("900")
    customer.show(title, parts, Console(width=120, highlight=False))
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 40
    assert "Call [red] and ask <b>what</b>" in out


def test_the_page_is_static_and_escaped(tmp_path: Path) -> None:
    known(FULL)
    app = typer.Typer()
    app.command()(customer.main)
    file = tmp_path / "900.html"
    assert CliRunner().invoke(app, ["900", "--html", str(file)]).exit_code == 0
    text = file.read_text()
    assert "Call [red] and ask &lt;b&gt;what&lt;/b&gt;" in text
    assert not re.search(r"<script|<link|src=", text)
