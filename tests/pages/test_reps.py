"""Reports of salespeople: what they tell of whom, what they must not, and where links lead."""

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import lake
from jobs.ops import crm_tasks
from jobs.pages import charts, reps
from jobs.pages.rep_facts import NoSuchWeek
from jobs.pages.rep_words import WORDS
from jobs.table import columns, table

MONDAY = dt.date(2026, 3, 2)
SUNDAY = MONDAY + dt.timedelta(days=6)
ODD = "5/<b>"  # a number as no CRM should have it


AMOUNTS = pa.list_(
    pa.struct(
        [("currency_code", pa.string())]
        + [(state, pa.decimal128(18, 4)) for state in ("open", "won", "lost")]
    )
)


def held(name: str, *rows: dict[str, object]) -> None:
    """Put rows into a table, null where they say nothing."""
    kinds = {
        c.name: lake.arrow_type(c.type)
        for c in columns(table(name).full_schema)
        if "struct" not in c.type
    }
    if name == "scores.rep_weeks":
        kinds["opportunity_amounts"] = AMOUNTS
    told = pa.Table.from_pylist([*rows], pa.schema(kinds))
    write_deltalake(lake.location(name), told, mode="append")


def week(rep_id: str, ago: int = 0, **told: object) -> dict[str, object]:
    start = MONDAY - dt.timedelta(weeks=ago)
    counts = dict.fromkeys(
        ("activities_done", "opportunities_open", "opportunities_won", "opportunities_lost"), 0
    )
    return {
        "rep_id": rep_id,
        "week_start_date": start,
        "week_end_date": start + dt.timedelta(days=6),
        "customers": 2,
        "active_customers": 1,
        "orders": 3,
        "sales_usd": Decimal(120),
        "opportunity_amounts": [],
        **counts,
        **told,
    }


def day(account_id: str, usd: int, ago: int = 0) -> dict[str, object]:
    on = MONDAY - dt.timedelta(weeks=ago)
    return {"account_id": account_id, "business_date": on, "sales_usd": Decimal(usd)}


def waits(account_id: str, subject: str, **told: object) -> dict[str, object]:
    return {
        "account_id": account_id,
        "kind": "activity",
        "subject": subject,
        "due_date": SUNDAY,
        "days_overdue": 1,
        "reason": f"{subject} <script>",
        "reason_zh": f"{subject} 等待",
        "as_of_date": SUNDAY + dt.timedelta(days=1),
        **told,
    }


@pytest.fixture
def company(state: Path) -> None:
    """Customer 7 is Ann's (2), 8 is another account of it, 9 is of the odd one, 10 of nobody."""
    held(
        "silver.accounts",
        *({"account_id": a, "rep_id": r} for a, r in (("7", "2"), ("9", ODD), ("10", None))),
    )
    held("silver.account_identities", {"account_id": "8", "customer_id": "7"})
    deals = [{"currency_code": "EUR", "open": Decimal(5000), "won": Decimal(0), "lost": Decimal(0)}]
    risk = {
        "opportunities_open": 1,
        "customers_at_risk": 1,
        "sales_week_before_usd": 100,
        "sales_12_weeks_mean_usd": 60,
    }
    risk = {name: Decimal(n) if "usd" in name else n for name, n in risk.items()}
    risk |= {"opportunity_amounts": deals}
    held("scores.rep_weeks", week("2", 2), week("2", 1), week("2", **risk))
    held("scores.rep_weeks", *(week(rep, ago) for rep in (ODD, "none") for ago in (2, 1, 0)))
    held("gold.account_days", day("7", 90), day("7", 10, 1), day("7", 30, 2), day("9", 5, 1))
    action = waits("7", "win_back", kind="next_action", expected_amount=Decimal(12))
    tea = waits("7", "TEA", kind="renewal_overdue", days_overdue=9)
    held("scores.follow_ups", tea, waits("8", "Call Ann"), waits("10", "Letter"), action)
    coffee = {"account_id": "9", "kind": "reorder", "subject": "COFFEE", "gap_days": 21}
    in_time = coffee | {"due_date": SUNDAY + dt.timedelta(days=14)}
    held("gold.renewals", in_time, coffee | {"due_date": SUNDAY + dt.timedelta(days=15)})
    states = ("done", "done", "dismissed", "open")
    made = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    about = {"connection": "c", "crm_instance": "i", "account_id": "8", "playbook": "win_back"}
    about |= {"period_start_date": MONDAY, "plan_id": "p", "made_at": made, "record_id": "1"}
    about |= {"outcome": None, "closed_date": None}
    tasks = [about | {"task_key": str(n), "state": each} for n, each in enumerate(states)]
    lake.append(crm_tasks.TABLE, tasks)


def written(state: Path, of: dt.date = MONDAY) -> dict[str, str]:
    folder = state / "reports" / of.isoformat()
    return {path.name: path.read_text() for path in folder.iterdir()}


def part(page: str, title: str) -> str:
    """What stands under a heading."""
    return page.split(f"<h2>{WORDS['en'][title]}")[1].split("<h2>")[0]


def test_each_salesperson_has_a_page_in_both_languages_and_links_lead_there(
    company: None, state: Path
) -> None:
    index = reps.refresh()
    assert index == state / "reports/index.html"
    pages = written(state)
    assert len(pages) == 2 * (1 + 3)
    for name, text in {**pages, "../index.html": index.read_text()}.items():
        here = state / "reports" / MONDAY.isoformat() / name
        for link in re.findall(r'href="([^"]+)"', text):
            assert (here.resolve().parent / unquote(link)).is_file(), f"{name}: {link}"
    assert '<html lang="zh">' in pages["rep-2.zh.html"]


def test_a_page_tells_of_its_customers_and_of_no_others(company: None, state: Path) -> None:
    reps.refresh()
    pages = written(state)
    ann, nobody = pages["rep-2.html"], pages["rep-none.html"]
    assert "+20%" in ann, "120 after 100"
    assert "+100%" in ann, "120, and 60 on average"
    # 90 this week, 10 and 30 in the two before
    [moved] = re.findall(r"<tr><td>7</td>(.*?)</tr>", part(ann, "moved"), re.DOTALL)
    assert re.findall(r'class="n">([^<]+)', moved) == ["90", "20", "+70"]
    waiting = part(ann, "follow_ups")
    assert waiting.index("Call Ann") < waiting.index("TEA"), "what was begun comes first"
    assert "win_back" not in part(ann, "follow_ups")
    assert "win_back" in part(ann, "actions")
    assert "5,000 / 0 / 0 EUR" in ann
    assert "67%" in part(ann, "tasks"), "two done of three decided on"
    assert "Letter" in part(nobody, "follow_ups")
    assert "Call Ann" not in nobody
    assert WORDS["en"]["nobody"] in nobody
    odd = pages["rep-5%2F%3Cb%3E.html"]
    assert part(odd, "renewals").count("COFFEE") == 1, "the other is due a day too late"
    assert part(odd, "moved").count("<tr><td>9</td>") == 1


def test_nothing_runs_nothing_is_fetched_and_everything_is_escaped(
    company: None, state: Path
) -> None:
    reps.refresh()
    everything = "".join(written(state).values())
    assert "<script" not in everything
    assert "Call Ann &lt;script&gt;" in everything
    assert "<b>" not in everything
    assert not re.findall(r"https?://", everything)


def test_an_earlier_week_tells_nothing_of_now_and_stays(company: None, state: Path) -> None:
    reps.refresh()
    before = MONDAY - dt.timedelta(weeks=1)
    reps.refresh(before + dt.timedelta(days=3))
    page = written(state, before)["rep-2.html"]
    assert "Call Ann" not in page
    assert WORDS["en"]["earlier"] in page
    assert "Call Ann" in written(state)["rep-2.html"]
    index = (state / "reports/index.html").read_text()
    assert index.index(MONDAY.isoformat()) < index.index(before.isoformat())


def test_a_week_that_is_not_over_is_named(company: None) -> None:
    with pytest.raises(NoSuchWeek, match=r"the week of 2026-03-09 is none .* that of 2026-03-02"):
        reps.refresh(MONDAY + dt.timedelta(days=8))


def test_before_a_week_is_over_nothing_is_written(state: Path) -> None:
    held("scores.rep_weeks")
    assert reps.refresh() is None
    assert not (state / "reports").exists()


def test_both_languages_say_the_same() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    kinds = [words["kinds"] for words in WORDS.values()]
    assert {*kinds[0]} == {*kinds[1]}  # type: ignore[misc]


def test_the_highest_bar_is_the_largest_value_and_the_mean_lies_between() -> None:
    found = charts.bars(["a", "b", "c"], [10, 30, 20], mean=20)
    low, high, last = found.bars
    assert (high.height, last.is_last) == (pytest.approx(3 * low.height, abs=0.3), True)
    assert found.mean == last.y
    assert [text for _, text in found.lines] == ["0", "10", "20", "30"]
    assert charts.bars([], [], None).bars == []
    assert charts.bars(["a"], [-5], None).bars[0].height == 0


@pytest.mark.parametrize(("change", "length"), [(10, 60), (-5, 30), (0, 0), (99, 60)])
def test_the_largest_move_has_the_longest_bar(change: float, length: float) -> None:
    assert charts.move(change, 10) == length


@pytest.mark.parametrize("most", [1, 3, 9, 10, 41, 99, 100, 12_345, 7_999_999])
def test_a_few_lines_reach_the_largest_value(most: float) -> None:
    step = charts.step(most)
    assert most <= step * charts.LINES
    assert step <= most or most < 4
