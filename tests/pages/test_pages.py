"""Pages about the tables: what they tell, what they must not, and where their links lead."""

import datetime as dt
import re
from pathlib import Path

import pytest

from jobs import lake
from jobs.delivery import mapping as mappings
from jobs.ops import quality
from jobs.pages import lineage, write
from jobs.pages.html import short, shown
from jobs.settings import settings
from jobs.spark.rules import UNJUDGED
from jobs.table import LAYERS, names
from tests.ops.test_freshness import built, held
from tests.test_due import at

MONDAY = dt.date(2026, 3, 2)


def judged(
    name: str, rule: str, rows_broken: int | None, of: int = 4, run: str = "b", info: bool = False
) -> None:
    """A verdict; none: one that could not be given."""
    observed = f"{UNJUDGED}: no such <script>" if rows_broken is None else ""
    severity = "info" if info else "row"
    words = {"table_name": name, "run_id": run, "rule": rule, "severity": severity}
    words["observed"] = observed
    share = rows_broken / of if rows_broken is not None and of else None
    numbers = {"rows_judged": of, "rows_broken": rows_broken, "broken_share": share}
    told = {"is_kept": rows_broken == 0 or info, "judged_at": at(f"2026-03-02T0{of == 0:d}:00")}
    lake.append(quality.TABLE, [words | numbers | told])


@pytest.fixture
def pages(state: Path) -> dict[str, str]:
    """The pages of a small lake, by name."""
    customer = {"account_id": "7", "display_name": "Ann Smith", "email": "ann@example.org"}
    held("bronze.accounts", customer | {"age_band": "<script>alert(1)</script>"})
    held("bronze.order_lines", {"order_id": "1", "sales_usd": None})
    held("silver.order_lines", {"business_date": MONDAY, "department": "x" * 100})
    held("gold.daily_sales", {"business_date": MONDAY})
    built("bronze.order_lines", "2026-03-01T03:00")
    built("bronze.order_lines", "2026-03-02T03:00", "refused")
    judged("bronze.order_lines", "negative(sales_usd)", 1)
    judged("bronze.order_lines", "type(sold_at)", 0)
    judged("silver.order_lines", "key(order_id, product_id)", 0)
    judged("silver.order_lines", "many_unknown_products", None)
    home = write.refresh().parent
    return {
        str(path.relative_to(home).with_suffix("")): path.read_text()
        for path in home.rglob("*.html")
    }


def test_every_table_has_a_page_and_every_link_leads_to_one(pages: dict[str, str]) -> None:
    there = {name for name in names((*LAYERS, "ops")) if lake.exists(name)}
    judged_ones = {"bronze.order_lines.data_docs", "silver.order_lines.data_docs"}
    of_scores = [name for name in mappings.names() if mappings.load(name).customers is None]
    for_crms = {f"crm/{connection}" for connection in of_scores}
    assert set(pages) == there | {"index"} | judged_ones | for_crms
    assert "ops.freshness" in there
    for name, text in pages.items():
        links = re.findall(r'href="([^"]+)"', text)
        # what is put on another server stands alone
        assert links if name not in for_crms else not links
        assert {link.removesuffix(".html") for link in links} <= set(pages)


def test_a_page_tells_columns_rules_builds_and_where_rows_come_from(pages: dict[str, str]) -> None:
    lines = pages["bronze.order_lines"]
    assert "One row per line of an order as the till sent it" in lines
    assert "decimal(" in lines
    assert "sales_usd values must be greater than or equal to 0" in lines
    assert lines.index("negative(sales_usd)") < lines.index("type(sold_at)"), "broken ones first"
    assert lines.index('class="badge bad">refused') < lines.index('class="badge good">written')
    drawn = re.findall(r'href="([\w.]+).html"', pages["silver.order_lines"].split("<svg")[1])
    near = {"bronze.order_lines", "silver.order_lines", "gold.daily_sales"}
    assert near | {"silver.order_lines.data_docs"} == set(drawn)


def test_data_docs_tell_the_same_answers_by_column(pages: dict[str, str]) -> None:
    bronze = pages["bronze.order_lines.data_docs"]
    told = bronze[bronze.index("sales_usd") :]
    assert "1 unexpected values found. 25% of 4 total rows." in told
    assert "text-danger" in told[: told.index("sold_at")]
    assert "text-success" in told[told.index("sold_at") :]
    silver = pages["silver.order_lines.data_docs"]
    assert "no two rows with the same order_id, product_id" in silver
    assert "could not be judged: no such &lt;script&gt;" in silver
    assert "1 of 2 kept" in silver


def test_a_page_tells_of_the_newest_build_that_judged_rows_and_of_how_many(state: Path) -> None:
    held("silver.unusual_lines", {"business_date": MONDAY})
    held("silver.former_accounts", {"left_date": MONDAY})
    judged("silver.unusual_lines", "not_null(account_id)", 0)
    judged("silver.unusual_lines", "unusual_price(low)", 3, info=True)
    for name in ("silver.unusual_lines", "silver.former_accounts"):
        judged(name, "not_null(account_id)", 0, of=0, run="later")
    home = write.refresh().parent
    for page in ("silver.unusual_lines", "silver.unusual_lines.data_docs"):
        told = (home / f"{page}.html").read_text()
        assert "of 4 rows" in told
        assert "; counted, never refused" in told
        assert "% of the time" not in told
    assert "100% not null" in told
    told = (home / "silver.former_accounts.data_docs.html").read_text()
    assert "of no rows" in told
    assert "no rows judged" in told
    assert "unknown" not in told


def test_no_page_shows_a_person_or_runs_what_a_row_says(pages: dict[str, str]) -> None:
    everything = "".join(pages.values())
    assert "Ann" not in everything
    assert "ann@example.org" not in everything
    assert "•••" in pages["bronze.accounts"]
    assert "<script" not in everything
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages["bronze.accounts"]
    assert not re.findall(r"https?://", everything), "a page fetches nothing"


def test_pages_of_tables_that_are_gone_go(pages: dict[str, str], state: Path) -> None:
    (settings().state / "pages/gold.of_another_release.html").write_text("old")
    assert not (write.refresh().parent / "gold.of_another_release.html").exists()
    assert [path.name for path in state.glob(".pages-*")] == []


def test_an_empty_lake_has_an_index(state: Path) -> None:
    assert write.refresh().read_text().startswith("<!doctype html>")


def test_a_picture_holds_all_before_and_behind_a_table_and_nothing_else() -> None:
    arrows = {
        "bronze.a": (),
        "bronze.other": (),
        "silver.a": ("bronze.a",),
        "silver.b": ("silver.a",),
        "gold.a": ("silver.b",),
        "gold.other": ("bronze.other",),
    }
    found = lineage.picture(arrows, "silver.a")
    places = {box.name: box.x for box in found.boxes}
    assert list(places) == ["bronze.a", "silver.a", "silver.b", "gold.a"]
    # left to right, within a layer too
    assert sorted(places.values()) == list(places.values())
    assert len(set(places.values())) == 4
    assert [box.name for box in found.boxes if box.is_this] == ["silver.a"]
    # each column says whose it is
    assert [layer for layer, _ in found.heads] == ["bronze", "silver", "silver", "gold"]
    assert len(found.arrows) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.25, "0.25"),
        (1234.5, "1,234"),
        (MONDAY, "2026-03-02"),
        ([{"code": "x", "n": 1}, {"code": "y", "n": 2}], "code: x, n: 1; code: y, n: 2"),
    ],
)
def test_values_are_shown_as_people_read_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert short("x" * 61) == "x" * 60 + " …"
