import datetime as dt
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DAY = dt.date(2017, 6, 18)
INPUTS = {
    "calendar": "silver.calendar",
    "activities": "silver.activities",
    "opportunities": "silver.opportunities",
    "renewals": "gold.renewals",
    "actions": "scores.next_actions",
    "accounts": "silver.accounts",
    "identities": "silver.account_identities",
}
# has_sales false: the weeks ahead are in the calendar too
TO_DAY = [
    {"calendar_date": DAY - dt.timedelta(days=1)},
    {"calendar_date": DAY},
    {"calendar_date": DAY + dt.timedelta(days=1), "has_sales": False},
]
ANN = {"account_id": "7", "rep_id": "2"}


def days(count):
    return DAY + dt.timedelta(days=count)


def at(count):
    return dt.datetime.combine(days(count), dt.time(17))  # UTC; noon at the shop


def activity(number, due, **told):
    told = {"is_done": False, "activity_type": "Call", **told}
    return {"source_object": "a", "activity_id": number, "account_id": "7", "due_date": due, **told}


def deal(number, **told):
    told = {"opened_at": at(-5), "expected_close_date": days(9), **told}
    return {"opportunity_id": number, "account_id": "7", "status": "open", **told}


def reorder(subject, due, **told):
    told = {"valid_until": due + dt.timedelta(days=20), "expected_amount": 9, **told}
    told = {"last_date": due - dt.timedelta(days=20), "gap_days": 20, **told}
    return {"account_id": "7", "kind": "reorder", "subject": subject, "due_date": due, **told}


def action(playbook="win_back", **told):
    told = {"valid_until": days(9), "due_date": days(2), **told}
    told = {"action": "call", "text": "Call them", "text_zh": "致电", **told}
    return {"account_id": "7", "playbook": playbook, "expected_value_usd": 12, **told}


@pytest.fixture
def follow_ups(rows, made):
    def build(**told):
        told = {"calendar": TO_DAY, "accounts": [ANN], **told}
        frames = [rows(name, *told.get(key, ())) for key, name in INPUTS.items()]
        return {(r.account_id, r.kind, r.subject): r for r in made("scores.follow_ups", *frames)}

    return build


def test_activities_past_due_and_due_within_a_week_wait(follow_ups):
    found = follow_ups(
        activities=[
            activity("late", days(-3)),
            activity("soon", days(7)),
            activity("later", days(8)),
            activity("done", days(-3), is_done=True),
            activity("no day", None),
            activity("of nobody", days(-3), account_id=None),
        ]
    )
    told = {key: (row.days_overdue, row.rep_id, row.as_of_date) for key, row in found.items()}
    assert told == {
        ("7", "activity", "a/late"): (3, "2", DAY),
        ("7", "activity", "a/soon"): (-7, "2", DAY),
    }
    row = found["7", "activity", "a/late"]
    assert row.reason == "Call planned for 2017-06-15"
    assert row.reason_zh == "计划于 2017-06-15 进行: Call"


def test_opportunities_past_their_day_or_without_a_word_for_30_days_wait(follow_ups):
    found = follow_ups(
        opportunities=[
            deal("in time"),
            deal("closes today", expected_close_date=DAY),
            deal("late", expected_close_date=days(-1), expected_amount=50, currency_code="EUR"),
            deal("won", status="won", expected_close_date=days(-1)),
            deal("silent", opened_at=at(-30)),
            deal("nearly", opened_at=at(-29)),
            deal("called", opened_at=at(-90)),
            deal("called long ago", opened_at=at(-90)),
            deal("planned", opened_at=at(-90)),
        ],
        activities=[
            activity("1", None, opportunity_id="called", is_done=True, done_date=days(-29)),
            activity(
                "2", None, opportunity_id="called long ago", is_done=True, done_date=days(-40)
            ),
            activity("3", days(20), opportunity_id="planned"),
        ],
    )
    told = {key[1:]: row.days_overdue for key, row in found.items()}
    assert told == {
        ("opportunity_overdue", "late"): 1,
        ("opportunity_silent", "silent"): 0,
        ("opportunity_silent", "called long ago"): 10,
    }
    late = found["7", "opportunity_overdue", "late"]
    assert (late.expected_amount, late.currency_code) == (50, "EUR")


def test_a_next_action_that_holds_waits_and_nothing_does_not(follow_ups):
    nothing = action("nothing", action="nothing", due_date=None)
    over = action("coupon", due_date=days(-2), valid_until=days(-1))
    found = follow_ups(actions=[action(), over, nothing])
    [row] = found.values()
    assert (row.kind, row.subject, row.days_overdue) == ("next_action", "win_back", -2)
    assert (row.expected_amount, row.currency_code) == (12, "USD")
    assert (row.reason, row.reason_zh) == ("Call them", "致电")


def test_what_is_overdue_to_be_bought_again_waits_if_it_is_worth_it(follow_ups):
    renewals = [
        reorder("COFFEE", days(-4)),
        reorder("due today", DAY),
        reorder("cheap", days(-4), expected_amount=4.99),
        reorder("over", days(-30), valid_until=days(-1)),
        reorder("31", days(-4), kind="opportunity", valid_until=None),
    ]
    [row] = follow_ups(renewals=renewals).values()
    assert (row.kind, row.subject, row.days_overdue) == ("renewal_overdue", "COFFEE", 4)
    assert row.reason == "COFFEE is bought every 20 days, last on 2017-05-25"
    objects = [{**ANN, "is_contactable": False}]
    assert follow_ups(renewals=renewals, accounts=objects) == {}
    assert follow_ups(renewals=renewals, accounts=[]) == {}, "nor who is not in the CRM"


def test_nothing_sold_is_no_day_and_an_empty_company_has_none(follow_ups):
    assert follow_ups(calendar=[], activities=[activity("late", days(-3))]) == {}
    assert follow_ups() == {}


def test_a_follow_up_is_of_a_known_kind_and_worth_something(broken):
    good = {"kind": "activity", "expected_amount": 1}
    assert broken("scores.follow_ups", good) == set()
    assert broken("scores.follow_ups") == set()
    bad = {"kind": "other", "expected_amount": -1}
    assert broken("scores.follow_ups", bad) == {"unknown_kind", "worth_less_than_nothing"}


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(due=st.lists(st.integers(-60, 60), max_size=12))
def test_what_comes_later_is_not_told_and_each_thing_once(follow_ups, due):
    found = follow_ups(
        activities=[activity(str(n), days(day)) for n, day in enumerate(due)],
        renewals=[reorder(str(n), days(day)) for n, day in enumerate(due)],
    )
    told = Counter(kind for _, kind, _ in found)
    assert told["activity"] == sum(day <= 7 for day in due)
    assert told["renewal_overdue"] == sum(-20 <= day < 0 for day in due)
    assert all(row.days_overdue == (DAY - row.due_date).days for row in found.values())
