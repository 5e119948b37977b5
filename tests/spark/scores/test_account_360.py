import datetime as dt
import random
from decimal import Decimal

import pytest

from jobs.spark.holding import SCORES
from jobs.table import columns, table

DAY = dt.date(2017, 3, 5)  # the newest day with an order
AT = dt.datetime(2026, 3, 2, 7)
PROFILE = columns(table("gold.account_profile").full_schema)
RIGHT = [
    column
    for column in columns(table("scores.account_360").full_schema)[len(PROFILE) :]
    if column.name not in ("as_of_date", "recency_days", "last_deliveries")
]


def days(count):
    return dt.timedelta(days=count)


def profile(account_id="900", **told):
    about = {"is_in_crm": True, "is_contactable": True, "last_order_date": DAY}
    return {"account_id": account_id, **about, **told}


def score(name="churn", score=0.8, made=0, until=7, **told):
    """Made so many days after DAY, and holding so many days after it."""
    return {
        "account_id": "900",
        "score_name": name,
        "score": score,
        "grade": "E",
        "trend": "declining",
        "reasons": [(f"{name}_high", "a sentence")],
        "model_name": "gbm",
        "model_version": "7",
        "as_of_date": DAY + days(made),
        "valid_until": DAY + days(until),
        **told,
    }


def segment(account_id="900", made=0, until=7, **told):
    about = {"segment_id": 4, "segment_code": "loyal", "segment_name": "Loyal"}
    dates = {"as_of_date": DAY + days(made), "valid_until": DAY + days(until)}
    return {"account_id": account_id, **about, **dates, **told}


def list_of(account_id="900", made=0, until=7, **told):
    about = {"score": 0.7, "grade": "B", "trend": "steady", "next_products": ["Milk (1)"]}
    dates = {"as_of_date": DAY + days(made), "valid_until": DAY + days(until)}
    return {"account_id": account_id, "next_product_ids": ["1"], **about, **dates, **told}


def to_do(account_id="900", made=0, until=7, **told):
    about = {"action": "call", "channel": "phone", "text": "Call", "reason_code": "call_leaving"}
    dates = {"as_of_date": DAY + days(made), "valid_until": DAY + days(until)}
    return {"account_id": account_id, "expected_value_usd": 8, **about, **dates, **told}


def delivery(connection="tryton", account_id="900", **told):
    about = {"event": "written", "event_at": AT, "written_at": AT, "plan_id": "p"}
    return {"connection": connection, "account_id": account_id, **about, **told}


CUSTOMERS = (profile(),)


@pytest.fixture
def whole(rows, made):
    """By account."""

    def build(profiles=CUSTOMERS, scores=(), segments=(), lists=(), actions=(), deliveries=()):
        found = made(
            "scores.account_360",
            rows("gold.account_profile", *profiles),
            rows("scores.account_scores", *scores),
            rows("scores.account_segments", *segments),
            rows("scores.crm_outbox", *lists),
            rows("scores.next_actions", *actions),
            rows("bronze.deliveries", *deliveries),
        )
        assert len({row.account_id for row in found}) == len(found) == len(profiles)
        return {row.account_id: row for row in found}

    return build


def told(row):
    """What is to the right of the profile, without what there is none of."""
    return {c.name: row[c.name] for c in RIGHT if row[c.name] not in (None, [])}


def test_the_profile_is_there_as_it_is(whole):
    given_ = profile(spend_usd=3, favourite_brands=["Private"], as_of_date=DAY - days(7))
    row = whole([given_])["900"]
    assert (row.spend_usd, row.favourite_brands) == (3, ["Private"])
    assert (row.week_end_date, row.as_of_date) == (DAY - days(7), DAY)
    renamed = [{"as_of_date": "week_end_date"}.get(c.name, c.name) for c in PROFILE]
    assert [*row.asDict()][: len(PROFILE)] == renamed


def test_the_day_is_the_newest_of_anybody(whole):
    found = whole([profile(), profile("7", last_order_date=DAY - days(9)), profile("8")])
    assert {row.as_of_date for row in found.values()} == {DAY}
    assert (found["7"].recency_days, found["900"].recency_days) == (9, 0)


def test_scores_list_action_and_delivery_stand_in_the_row(whole):
    row = whole(
        scores=[
            score(),
            score("soft_churn", 0.3, grade="D"),
            score("offer_response", 0.25, campaign_id="13", grade="A"),
            score("value", 120.5, made=-2, until=5, trend="steady"),
        ],
        segments=[segment(made=-7, segment_code="bargain"), segment()],
        lists=[list_of()],
        actions=[to_do()],
        deliveries=[delivery("tryton"), delivery("odoo", event="data", reason="too long")],
    )["900"]
    assert (row.churn_chance, row.churn_grade, row.churn_trend) == (0.8, "E", "declining")
    assert (row.churn_valid_until, row.value_valid_until) == (DAY + days(7), DAY + days(5))
    assert (row.soft_churn_chance, row.soft_churn_grade) == (0.3, "D")
    assert (row.offer_chance, row.offer_campaign_id, row.offer_grade) == (0.25, "13", "A")
    assert (row.value_usd, row.value_trend) == (120.5, "steady")
    assert [reason.code for reason in row.offer_reasons] == ["offer_response_high"]
    every = ("churn", "soft_churn", "offer_response", "value")
    assert row.rests_on == [f"{name} gbm 7" for name in every]
    assert (row.segment_id, row.segment_code, row.segment_name) == (4, "loyal", "Loyal")
    assert row.segment_valid_until == DAY + days(7)
    assert (row.next_products, row.next_products_standing) == (["Milk (1)"], 0.7)
    assert (row.next_products_grade, row.next_products_valid_until) == ("B", DAY + days(7))
    assert (row.action, row.action_channel, row.action_text) == ("call", "phone", "Call")
    assert row.action_expected_usd == Decimal(8)
    assert [(one.connection, one.event, one.reason) for one in row.last_deliveries] == [
        ("odoo", "data", "too long"),
        ("tryton", "written", None),
    ]
    assert row.last_deliveries[1].written_at == AT


def test_of_a_kind_the_newest_score_counts_wherever_it_stands(whole):
    old, new = score(score=0.1, made=-7, until=1), score(score=0.2, made=-1, until=6)
    for scores in ([old, new], [new, old]):
        assert whole(scores=scores)["900"].churn_chance == 0.2


def test_what_holds_no_more_is_not_there(whole):
    for until, is_there in ((0, True), (-1, False)):
        row = whole(
            scores=[score(made=-7, until=until)],
            segments=[segment(made=-7, until=until)],
            lists=[list_of(made=-7, until=until)],
            actions=[to_do(made=-7, until=until)],
        )["900"]
        found = (row.churn_chance, row.segment_id, row.next_products_standing, row.action)
        assert [each is not None for each in found] == [is_there] * 4
        assert bool(row.rests_on) is is_there


@pytest.mark.parametrize(
    "objection",
    [
        {"profiles": [profile(is_contactable=False)]},
        {"profiles": [profile(is_contactable=False, is_in_crm=False)]},
        # the CRM keeps it apart from marketing: only what it told a delivery is known
        {"deliveries": [delivery("tryton"), delivery("odoo", cleared_for="objected")]},
    ],
)
def test_who_objects_has_a_profile_and_deliveries_and_no_score(whole, objection):
    every = {"scores": [score(kind) for kind in SCORES], "lists": [list_of()]}
    every |= {"segments": [segment()], "actions": [to_do()], "deliveries": [delivery()]}
    assert len(told(whole(**every)["900"])) > len(SCORES) * 4
    row = whole(**every | objection)["900"]
    assert told(row) == {}
    assert row.last_deliveries


def test_who_was_taken_back_for_another_reason_keeps_the_scores(whole):
    for why in ("expired", "vanished", None):
        row = whole(scores=[score()], deliveries=[delivery(cleared_for=why)])["900"]
        assert row.churn_chance == 0.8


def test_who_is_in_no_segment_by_now_has_none(whole):
    row = whole(segments=[segment(made=-7), segment(segment_id=None, segment_code=None)])["900"]
    assert (row.segment_id, row.segment_code, row.segment_valid_until) == (None, None, None)


def test_who_is_no_customer_has_no_row(whole):
    others = {"scores": [score(account_id="1")], "lists": [list_of("1")]}
    found = whole(**others, actions=[to_do("1")], deliveries=[delivery(account_id="1")])
    assert told(found["900"]) == {}
    assert found["900"].last_deliveries == []


def test_before_anything_was_sold_nothing_holds(whole):
    row = whole([profile(last_order_date=None)], scores=[score()], lists=[list_of()])["900"]
    assert (row.as_of_date, row.recency_days, told(row)) == (None, None, {})
    assert whole([]) == {}


def company(seed):
    """Customers, scores by (account, kind, day made) with the last day, lists, actions; offsets."""
    of = random.Random(seed)
    ids = [str(n) for n in range(30)]
    customers = {a: (of.random() < 0.7, of.choice([None, *range(-9, -seed)])) for a in ids}
    made = {
        (a, kind, of.randint(-9, 5)): of.randint(-9, 9)
        for a in ids
        for kind in SCORES
        for _ in range(of.randint(0, 3))
    }
    dated = [{a: (of.randint(-9, 5), of.randint(-9, 9)) for a in ids} for _ in range(2)]
    return customers, made, *dated


@pytest.mark.parametrize("seed", [0, 3])
def test_a_customer_has_one_row_and_nothing_of_after_the_day(whole, seed):
    customers, made, listed, decided = company(seed)
    profiles = [
        profile(a, is_contactable=may, last_order_date=None if last is None else DAY + days(last))
        for a, (may, last) in customers.items()
    ]
    newest = max(p["last_order_date"] for p in profiles if p["last_order_date"])
    found = whole(
        profiles,
        [
            score(kind, 0.5, on, until, account_id=a, reasons=[(str(on), "day")])
            for (a, kind, on), until in made.items()
        ],
        [],
        [list_of(a, *when, next_products=[str(when[0])]) for a, when in listed.items()],
        [to_do(a, *when, text=str(when[0])) for a, when in decided.items()],
    )

    def holds(a, on, until):
        return customers[a][0] and DAY + days(on) <= newest <= DAY + days(until)

    expected = {
        (a, kind): max(
            on for (b, k, on), u in made.items() if (b, k) == (a, kind) and holds(b, on, u)
        )
        for (a, kind, on), until in made.items()
        if holds(a, on, until)
    }
    shown = {
        (a, kind): int(row[f"{begin}_reasons"][0].code)
        for a, row in found.items()
        for kind, (begin, _) in SCORES.items()
        if row[f"{begin}_reasons"]
    }
    assert shown == expected
    assert len(expected) > 10, "too little would be shown"
    of_lists = {a: int(row.next_products[0]) for a, row in found.items() if row.next_products}
    assert of_lists == {a: on for a, (on, until) in listed.items() if holds(a, on, until)}
    of_actions = {a: int(row.action_text) for a, row in found.items() if row.action_text}
    assert of_actions == {a: on for a, (on, until) in decided.items() if holds(a, on, until)}
    assert {row.as_of_date for row in found.values()} == {newest}
    assert all(told(found[a]) == {} for a, (may, _) in customers.items() if not may)


GOOD = {"as_of_date": DAY, "is_contactable": True, "last_order_date": DAY}


def test_the_rules_know_a_row_that_cannot_be(broken):
    full = {"churn_chance": 1.0, "churn_valid_until": DAY, "next_products_standing": 0.0}
    assert broken("scores.account_360", {**GOOD, **full}) == set()
    assert broken("scores.account_360") == set()
    early = DAY - days(1)
    bad = [
        ({"churn_valid_until": early}, "over(churn_valid_until)"),
        ({"next_products_valid_until": early}, "over(next_products_valid_until)"),
        ({"segment_valid_until": early}, "over(segment_valid_until)"),
        ({"offer_chance": 1.5}, "no_chance(offer_chance)"),
        ({"soft_churn_chance": -0.1}, "no_chance(soft_churn_chance)"),
        ({"soft_churn_valid_until": early}, "over(soft_churn_valid_until)"),
        ({"is_contactable": False, "value_usd": 1.0}, "scored_though_objecting(value_usd)"),
        ({"as_of_date": early}, "ordered_after_the_day"),
    ]
    rows = [{**GOOD, "account_id": str(n), **given_} for n, (given_, _) in enumerate(bad)]
    assert broken("scores.account_360", *rows) == {reason for _, reason in bad}
