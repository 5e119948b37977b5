"""When a person must look at a plan, and what they see."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.crm.adapter import Description, Quota
from jobs.delivery import limits, mapping, page
from jobs.delivery.compare import Totals
from jobs.delivery.plan import plan
from tests.delivery import outbox
from tests.delivery.test_ledger import PLAN
from tests.tryton_server import ACCOUNTS, Crm

TOTALS = Totals(
    customers=1000,
    graded=1000,
    ours=1000,
    records=100,
    creates=0,
    updates=100,
    clears=0,
    unchanged=900,
    blocked=0,
    cleared=0,
    flips=0,
    leaps=0,
)
CRM = Description("x", "1", "here", {}, (), False, 200, 100, 1.0)


def judged(is_allowed: bool = False, **told: int) -> tuple[str, str | None]:
    made = limits.judged(PLAN, replace(TOTALS, **told), shipped(), is_allowed)
    return made.state, made.needs_person


def shipped() -> mapping.ConnectionMap:
    text = (Path(mapping.__file__).parent / "connections/tryton.yaml").read_text()
    return mapping.parse("tryton", text)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"records": 501}, ["customers changed: 501 of 1,000 (50.1%), up to 50.0% go by"]),
        ({"flips": 251}, ["grades changed: 251 of 1,000 (25.1%)"]),
        ({"cleared": 21}, ["customers cleared: 21 of 1,000 (2.1%)"]),
        ({"creates": 1}, ["customers created: 1, up to 0 go"]),
        ({"records": 600, "creates": 2}, ["customers changed", "customers created"]),
    ],
)
def test_a_plan_out_of_its_limits_waits_and_says_for_what(
    told: dict[str, int], words: Sequence[str]
) -> None:
    state, why = judged(**told)
    assert state == "waiting"
    assert all(word in str(why) for word in words)


def test_a_plan_within_its_limits_needs_nobody() -> None:
    assert judged() == ("planned", None)
    assert judged(records=500, flips=250, cleared=20) == ("planned", None)


def test_a_mass_clear_is_refused_unless_it_was_asked_for() -> None:
    state, why = judged(cleared=201)
    assert state == "refused"
    assert "201 of 1,000 customers would lose their values" in str(why)
    assert judged(is_allowed=True, cleared=201)[0] == "waiting"


def test_what_a_plan_costs_is_counted_in_requests_and_in_the_days_share() -> None:
    made = limits.measured(PLAN, TOTALS, CRM, Quota(0, 1000), shipped())
    # 100 records: one write request of 200, and one page of 100 read twice
    assert (made.calls, made.reads, made.quota_share) == (1, 2, 0.003)
    assert limits.measured(PLAN, TOTALS, CRM, None, shipped()).quota_share is None


def test_a_plan_is_no_larger_than_what_is_left_of_the_day() -> None:
    # 80% of 1,000 requests; each 100 records are read twice, each 200 written by one
    for used, most in ((0, 1000), (780, 800), (799, 0), (900, 0)):
        assert limits.affordable(1000, CRM, Quota(used, 1000), shipped()) == most
    assert limits.affordable(1000, CRM, None, shipped()) == 1000


def test_bulk_jobs_take_fewer_requests_for_more_records() -> None:
    bulk = replace(CRM, bulk_records=10_000, bulk_from=2_000, page_records=2_000)
    # 2,500 records: one job of 7 requests, and 4 to read; 2,000: 7 and 2; 1,200 without a job: 6, 2
    for left, most in ((11, 2_500), (10, 2_000), (9, 2_000), (8, 1_200)):
        assert limits.affordable(2_500, bulk, Quota(800 - left, 1000), shipped()) == most


@pytest.mark.services
def test_the_page_shows_what_changes_escaped_and_names_nobody(crm: Crm) -> None:
    crm.edit("103", score_grade="E", score_reasons="<script>alert(1)</script>")
    rows = [outbox.row(account) for account in ACCOUNTS]
    outbox.write([*rows, outbox.row("no such")])
    made = plan("tryton", crm=crm.adapter)
    place = page.write(made)
    text = place.read_text()
    assert place.stat().st_mode & 0o77 == 0
    for part in (
        "plan 1 for tryton",
        "filled_by_a_person",
        "not_in_crm",
        "legitimate interest",
        "within its limits",
        made.plan_id,
    ):
        assert part in text
    row = text.partition("<code>score_grade</code></td>")[2].partition("</tr>")[0]
    counts = re.findall(r'<td class="n">(\d+)</td>', row)
    assert counts == ["0", "11", "0", "1"], "create, update, clear, blocked"
    assert "<script" not in text
    assert "Household" not in text
    assert not any(f">{account}<" in text for account in ACCOUNTS)
