import datetime as dt
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.spark import playbooks

DAY = dt.date(2017, 3, 5)
BY = playbooks.read()


def days(count):
    return dt.timedelta(days=count)


def profile(account_id, **told):
    """Buys for 100 USD in eight weeks, last a day ago."""
    return {
        "account_id": account_id,
        "is_in_crm": True,
        "is_contactable": True,
        "spend_usd": 200,
        "first_order_date": DAY - days(112),
        "last_order_date": DAY - days(1),
        **told,
    }


def score(account_id, score=0.8, grade="E", name="churn", **told):
    return {
        "account_id": account_id,
        "score_name": name,
        "score": score,
        "grade": grade,
        "trend": "declining",
        "reasons": [("recency_high", "Days since the last order: 1")],
        "reasons_zh": ["已有 1 天没有下单"],
        "model_name": "gbm",
        "model_version": "7",
        "as_of_date": DAY,
        "valid_until": DAY + days(7),
        **told,
    }


def offer_score(account_id, chance=0.5, campaign_id="13", **told):
    return score(account_id, chance, "A", "offer_response", campaign_id=campaign_id, **told)


def campaign(campaign_id, start=-3, end=10):
    return {
        "campaign_id": campaign_id,
        "start_date": DAY + days(start),
        "end_date": DAY + days(end),
    }


def to(account_id, campaign_id="13"):
    return {"account_id": account_id, "campaign_id": campaign_id}


def activity(account_id, ago=1, kind="Call", **told):
    return {
        "account_id": account_id,
        "activity_id": f"{account_id} {ago}",
        "activity_type": kind,
        "is_done": True,
        "done_date": DAY - days(ago),
        "changed_at": dt.datetime(2017, 1, 1),
        **told,
    }


def list_of(account_id, code="bought_often", **told):
    return {
        "account_id": account_id,
        "next_products": ["Fluid Milk (milk)", "Eggs (eggs)"],
        "reasons": [(code, "text")],
        "as_of_date": DAY,
        "valid_until": DAY + days(7),
        **told,
    }


def segment(account_id, code="high_value", **told):
    return {
        "account_id": account_id,
        "segment_id": 3,
        "segment_code": code,
        "segment_name": "High value",
        "segment_name_zh": "高价值客户",
        "model_name": "kmeans",
        "model_version": "2",
        "as_of_date": DAY,
        "valid_until": DAY + days(7),
        **told,
    }


TABLES = {
    "scores": "scores.account_scores",
    "segments": "scores.account_segments",
    "outbox": "scores.crm_outbox",
    "profiles": "gold.account_profile",
    "campaigns": "silver.campaigns",
    "addressed": "silver.campaign_accounts",
    "redeemed": "silver.redemptions",
    "activities": "silver.activities",
    "opportunities": "silver.opportunities",
}


@pytest.fixture
def actions(rows, made):
    """By account; who is in `profiles` by name only is a plain customer."""

    def build(profiles, **told):
        told["profiles"] = [profile(p) if isinstance(p, str) else p for p in profiles]
        frames = [rows(table, *told.get(name, ())) for name, table in TABLES.items()]
        found = made("scores.next_actions", *frames)
        assert len({row.account_id for row in found}) == len(found) == len(profiles)
        return {row.account_id: row for row in found}

    return build


def told_of(found, what):
    return {account: getattr(row, what) for account, row in found.items()}


def test_who_is_likely_to_leave_is_called_and_told_why(actions):
    row = actions(["900"], scores=[score("900")])["900"]
    told = (row.action, row.playbook, row.channel, row.priority)
    assert told == ("call", "call_leaving", "phone", 1)
    # 0.8 of 200 USD x 56 of 112 days x 0.10
    assert float(row.expected_value_usd) == 8.0
    assert (row.as_of_date, row.due_date) == (DAY, DAY + days(3))
    assert row.valid_until == DAY + days(7)  # no longer than the score
    assert row.text == "Call and ask what is missing: eight weeks usually bring 100 USD"
    assert row.text_zh == "打电话询问客户需要什么：八周通常带来 100 USD"
    assert [reason.code for reason in row.reasons] == ["call_leaving", "recency_high"]
    assert "(80%)" in row.reasons[0].text
    assert "10% of the spend is assumed, not measured" in row.reasons[0].text
    assert row.reasons_zh[1] == "已有 1 天没有下单"
    assert row.rests_on == ["churn gbm 7"]


def test_an_action_has_one_key_in_its_period(actions):
    def period(day):
        of_day = score("900", as_of_date=day, valid_until=day)
        return actions(["900"], scores=[of_day])["900"].period_start_date

    first = period(DAY)
    assert first.weekday() == 0
    assert DAY - days(28) < first <= DAY
    assert period(first + days(27)) == first
    assert period(first + days(28)) == first + days(28)


def test_only_scores_that_a_playbook_asks_for_and_that_hold_are_acted_on(actions):
    found = actions(
        ["C", "improving", "held", "newer", "no score"],
        scores=[
            score("C", grade="C"),
            score("improving", trend="improving"),
            score("held", as_of_date=DAY - days(8), valid_until=DAY - days(1)),
            score("newer", as_of_date=DAY - days(1)),
            score("newer", grade="A"),
        ],
    )
    for row in found.values():
        assert (row.action, row.playbook, row.reason_code) == ("nothing", "nothing", "no_playbook")
        assert (row.text, row.due_date, row.channel, row.priority) == (None,) * 4
        assert (row.expected_value_usd, row.period_start_date) == (0, DAY)
        assert [(r.code, r.text) for r in row.reasons] == [("no_playbook", "No playbook fits")]


def test_the_higher_expected_value_wins_and_of_equal_ones_the_first(actions):
    ids = ["offer", "leaves", "value", "tie"]
    found = actions(
        ids,
        scores=[
            *[offer_score(each) for each in ids],
            score("offer", 0.2),  # 0.2 x 100 x 0.10 = 2.00 against 0.5 x 100 x 0.05 = 2.50
            score("leaves", 0.3),
            score("value", 0.3),
            score("value", 400.0, "A", "value", model_version="9", valid_until=DAY + days(3)),
            score("tie", 0.25),
        ],
        campaigns=[campaign("13")],
        addressed=[to(each) for each in ids],
    )
    assert {each: (row.action, float(row.expected_value_usd)) for each, row in found.items()} == {
        "offer": ("coupon", 2.5),
        "leaves": ("call", 3.0),
        "value": ("coupon", 10.0),  # what is expected of the customer, not what was usual
        "tie": ("call", 2.5),
    }
    assert found["value"].rests_on == ["offer_response gbm 7", "value gbm 9"]
    assert found["value"].valid_until == DAY + days(3)
    assert found["offer"].rests_on == ["offer_response gbm 7"]
    assert found["value"].priority == 1
    assert found["leaves"].priority == 2


def test_an_offer_is_told_of_while_it_is_open_and_unused(actions):
    found = actions(
        ["open", "soon", "late", "last day", "over", "far", "used", "other"],
        scores=[
            offer_score("open"),
            offer_score("soon", campaign_id="14"),
            offer_score("late", campaign_id="18"),  # holds for a week
            offer_score("last day", campaign_id="15"),
            offer_score("over", campaign_id="16"),
            offer_score("far", campaign_id="17"),
            offer_score("used"),
            offer_score("other"),  # is asked of a campaign that does not address it
        ],
        campaigns=[
            campaign("13"),
            campaign("14", start=5),
            campaign("15", end=1),
            campaign("16", end=-1),
            campaign("17", start=29, end=40),
            campaign("18", start=20, end=40),
        ],
        addressed=[
            to("open"),
            to("open", "15"),  # ends sooner, but nobody asked about it
            to("soon", "14"),
            to("late", "18"),
            to("last day", "15"),
            to("over", "16"),
            to("far", "17"),
            to("used"),
            to("other", "15"),
        ],
        redeemed=[to("used")],
    )
    assert told_of(found, "action") == {
        **dict.fromkeys(("open", "soon", "last day"), "coupon"),
        **dict.fromkeys(("late", "over", "far", "used", "other"), "nothing"),
    }
    said = "Remind of the coupons of campaign 13, which count until 2017-03-15"
    assert found["open"].text == said
    assert found["open"].due_date == DAY + days(2)
    assert found["soon"].due_date == DAY + days(5)  # not before it begins
    assert found["last day"].due_date == found["last day"].valid_until == DAY + days(1)


def test_a_product_that_is_bought_again_is_reminded_of(actions):
    ids = ["again", "other", "held", "lately"]
    waits = {"last_order_date": DAY - days(20), "first_order_date": DAY - days(131)}
    found = actions(
        [profile(each, **({} if each == "lately" else waits)) for each in ids],
        outbox=[
            list_of("again"),
            list_of("other", "popular_now"),
            list_of("held", valid_until=DAY - days(1)),
            list_of("lately"),
        ],
    )
    assert told_of(found, "action") == {
        **dict.fromkeys(ids, "nothing"),
        "again": "reorder_reminder",
    }
    assert found["again"].text == "Remind of Fluid Milk (milk)"
    assert "20 days ago" in found["again"].reasons[0].text


def test_who_has_not_bought_for_long_is_invited_back(actions):
    gone = {"last_order_date": DAY - days(100), "first_order_date": DAY - days(211)}
    never = {"last_order_date": None, "first_order_date": None, "spend_usd": 0}
    found = actions(
        [profile("gone", **gone), profile("never", **never)],
        scores=[score("gone", grade="A"), score("never", grade="A")],
    )
    assert (found["gone"].action, float(found["gone"].expected_value_usd)) == ("win_back", 3.0)
    assert found["never"].reason_code == "no_playbook"


def test_each_customer_without_an_action_is_told_why(actions):
    ids = ["objects", "gone", "planned", "thrice", "yesterday", "poor", "fits not"]
    told = {
        "objects": {"is_contactable": False},
        "gone": {"is_in_crm": False, "is_contactable": False},
        "poor": {"spend_usd": 10},
    }
    found = actions(
        [profile(each, **told.get(each, {})) for each in ids],
        scores=[score(each, grade="A" if each == "fits not" else "E") for each in ids],
        activities=[
            activity("planned", 0, "To-Do", is_done=False, done_date=None),
            *[activity("thrice", n) for n in (20, 25, 27)],
            activity("yesterday"),
        ],
    )
    assert told_of(found, "reason_code") == {
        "objects": "objected",
        "gone": "not_in_crm",
        "planned": "open_activity",
        "thrice": "contact_limit",
        "yesterday": "cool_down",
        "poor": "too_little",
        "fits not": "no_playbook",
    }
    # and no word of the score where profiling may be what is objected to
    assert [reason.code for reason in found["objects"].reasons] == ["objected"]
    assert found["objects"].rests_on == []


def test_contacts_count_for_so_many_days_whoever_made_them(actions):
    ids = ["13", "14", "to-do", "today", "no day", "coupon", "28"]
    found = actions(
        ids,
        scores=[*[score(each) for each in ids], offer_score("coupon")],
        campaigns=[campaign("13")],
        addressed=[to("coupon")],
        activities=[
            activity("13", 13),
            activity("14", 14),
            activity("to-do", 13, "To-Do"),  # nobody spoke with the customer
            activity("today", -1),  # the CRM's clock is ahead of the scores: it counts
            activity("no day", done_date=None, changed_at=dt.datetime(2017, 3, 2)),
            activity("coupon", 7),  # too early for a call, not for a coupon
            *[activity("28", n) for n in (20, 25, 28)],  # two of them count
            activity(None, is_done=False),
        ],
    )
    assert told_of(found, "action") == {
        **dict.fromkeys(("14", "to-do", "28"), "call"),
        **dict.fromkeys(("13", "today", "no day"), "nothing"),
        "coupon": "coupon",
    }


def test_a_playbook_of_segments_is_for_customers_who_are_in_one_of_them(actions):
    ids = ["best", "other", "none", "near none", "held", "was", "left", "came back"]
    week_ago = {"as_of_date": DAY - days(7), "valid_until": DAY}
    found = actions(
        ids,
        scores=[score(each, grade="C") for each in ids],
        segments=[
            segment("best", valid_until=DAY + days(3)),
            segment("other", "bargain"),
            segment("near none", None, segment_id=None),
            segment("held", as_of_date=DAY - days(9), valid_until=DAY - days(2)),
            segment("was", **week_ago),
            segment("was", "at_risk"),
            segment("left", **week_ago),
            segment("left", None, segment_id=None),
            segment("came back", "at_risk", **week_ago),
            segment("came back", "loyal"),
        ],
    )
    assert told_of(found, "playbook") == {
        **dict.fromkeys(ids, "nothing"),
        **dict.fromkeys(("best", "came back"), "call_best_early"),
    }
    row = found["best"]
    assert row.reasons[0].text.startswith("Segment High value, and likelier than weeks ago")
    assert row.reasons_zh[0].startswith("属于“高价值客户”")
    assert row.rests_on == ["churn gbm 7", "segment kmeans 2"]
    assert row.valid_until == DAY + days(3)  # no longer than the segment


def test_a_good_customer_who_stays_and_will_spend_much_less_is_called(actions):
    ids = ["less", "leaves", "improving", "C", "other", "no churn"]
    why = [(f"spend_{n}", "a sentence") for n in range(4)]
    soft = {each: score(each, 0.4, "D", "soft_churn", reasons=why) for each in ids}
    soft["improving"]["trend"], soft["C"]["grade"] = "improving", "C"
    churns = [score(each, 0.1, "A") for each in ids if each not in ("leaves", "no churn")]
    found = actions(
        ids,
        scores=[*soft.values(), *churns, score("leaves", 0.5)],
        segments=[segment(each, "bargain" if each == "other" else "loyal") for each in ids],
    )
    assert told_of(found, "playbook") == {
        **dict.fromkeys(ids, "nothing"),
        "less": "call_spending_less",
        "leaves": "call_leaving",
    }
    row = found["less"]
    assert float(row.expected_value_usd) == 2.0  # 0.4 x 100 x 0.05
    # of five reasons those of what it is worth by come first
    assert [r.code for r in row.reasons] == ["call_spending_less", *[code for code, _ in why]]
    assert "(40%); that a call keeps 5% of the spend is assumed" in row.reasons[0].text
    assert row.rests_on == ["churn gbm 7", "soft_churn gbm 7", "segment kmeans 2"]


def test_a_customer_in_talks_is_not_called_to_be_kept(actions):
    found = actions(
        ["open", "won", "lost"],
        scores=[score(each) for each in ("open", "won", "lost")],
        opportunities=[
            {"account_id": each, "opportunity_id": each, "status": each}
            for each in ("open", "won", "lost")
        ],
    )
    assert told_of(found, "action") == {"open": "nothing", "won": "call", "lost": "call"}


def test_people_do_the_day_s_best(actions):
    ids = [f"{n:03}" for n in range(BY.a_day + 3)]
    best, over = ids[-1], ids[BY.a_day - 1 : -1]
    worth = [profile(each, spend_usd=400 if each == best else 200) for each in ids]
    found = actions(worth, scores=[score(each) for each in ids])
    assert found[best].priority == 1
    assert [found[each].priority for each in ids[: BY.a_day - 1]] == [*range(2, BY.a_day + 1)]
    assert {found[each].reason_code for each in over} == {"capacity"}
    assert {found[each].action for each in over} == {"nothing"}


def test_no_scores_make_no_actions(rows, made):
    frames = [rows(table) for table in TABLES.values()]
    assert made("scores.next_actions", *frames) == []
    place = [*TABLES].index("profiles")
    frames[place] = rows("gold.account_profile", profile("900"))
    assert made("scores.next_actions", *frames) == []


CUSTOMERS = st.lists(
    st.fixed_dictionaries(
        {
            "churn": st.tuples(st.floats(0, 1), st.sampled_from("ABCDE")),
            "offer": st.none() | st.floats(0, 1),
            "spend": st.integers(0, 5000),
            "recency": st.integers(0, 400),
            "is_contactable": st.booleans(),
            "contacts": st.lists(st.integers(-2, 40), max_size=4, unique=True),
            "is_planned": st.booleans(),
        }
    ),
    min_size=BY.a_day,
    max_size=3 * BY.a_day,
)


@given(told=CUSTOMERS, seed=st.randoms())
@settings(max_examples=4, deadline=None, suppress_health_check=[*HealthCheck])
def test_whatever_the_customers_are(actions, told, seed):
    of = {f"{n:03}": customer for n, customer in enumerate(told)}
    inputs = {
        "profiles": [
            profile(
                each,
                is_contactable=c["is_contactable"],
                spend_usd=c["spend"],
                first_order_date=DAY - days(c["recency"] + 111),
                last_order_date=DAY - days(c["recency"]),
            )
            for each, c in of.items()
        ],
        "scores": [score(each, *c["churn"]) for each, c in of.items()]
        + [offer_score(each, c["offer"]) for each, c in of.items() if c["offer"] is not None],
        "campaigns": [campaign("13")],
        "addressed": [to(each) for each in of],
        "outbox": [list_of(each) for each in of],
        "activities": [activity(each, n) for each, c in of.items() for n in c["contacts"]]
        + [
            activity(each, 99, is_done=False, done_date=None)
            for each, c in of.items()
            if c["is_planned"]
        ],
    }
    found = actions(**inputs)
    assert {*found} == {*of}, "one row a customer"
    acted = {each: row for each, row in found.items() if row.action != "nothing"}
    assert sorted(row.priority for row in acted.values()) == [*range(1, len(acted) + 1)]
    assert len(acted) <= BY.a_day
    cool_down = {one.playbook: one.cool_down_days for one in BY.playbooks}
    for each, row in acted.items():
        customer = of[each]
        assert customer["is_contactable"]
        assert not customer["is_planned"]
        assert sum(n < BY.contact.days for n in customer["contacts"]) < BY.contact.at_most
        assert all(n >= cool_down[row.playbook] for n in customer["contacts"])
        assert row.expected_value_usd >= BY.least_usd
        assert DAY <= row.due_date <= row.valid_until
    by_place = sorted(acted.values(), key=lambda row: row.priority)
    values = [row.expected_value_usd for row in by_place]
    assert values == sorted(values, reverse=True)
    assert (
        "capacity" not in Counter(r.reason_code for r in found.values()) or len(acted) == BY.a_day
    )
    for rows in inputs.values():
        seed.shuffle(rows)
    assert actions(**inputs) == found, "the order of rows counts"


GOOD = {"as_of_date": DAY, "due_date": DAY, "valid_until": DAY}


def test_rules_hold_for_good_rows_and_for_none(broken):
    nothing = {**GOOD, "account_id": "901", "due_date": None}
    assert broken("scores.next_actions", GOOD, nothing) == set()
    assert broken("scores.next_actions") == set()


def test_what_nobody_should_do_is_not_written(broken):
    late = {**GOOD, "due_date": DAY + days(1), "expected_value_usd": -1}
    twice = {**GOOD, "playbook": "other"}
    assert broken("scores.next_actions", late, twice) == {
        "two_actions_at_once",
        "worth_less_than_nothing",
        "due_when_over",
    }
    assert broken("scores.next_actions", {**GOOD, "as_of_date": DAY + days(1)}) == {
        "expired_when_made"
    }
