import datetime as dt

import pytest

DAY = dt.date(2017, 3, 5)
MILK = {
    "product_id": "milk",
    "product_type": "FLUID MILK",
    "brand": "National",
    "package_size": "1 GA",
}

IN_CRM = {"account_id": "900", "is_contactable": True}


def score(rank=1, product_id="milk", as_of=DAY, code="bought_often", **told):
    return {
        "account_id": "900",
        "rank": rank,
        "product_id": product_id,
        "as_of_date": as_of,
        "reasons": [(code, f"text of {code}")],
        "grade": "B",
        **told,
    }


def day(ago, late=0, **told):
    date = DAY - dt.timedelta(days=ago)
    known = date + dt.timedelta(days=late)
    return {"account_id": "900", "business_date": date, "known_date": known, **told}


@pytest.fixture
def outbox(rows, made):
    def build(
        scores, days=(), products=(MILK,), identities=(), accounts=(IN_CRM,), own=(), segments=()
    ):
        found = made(
            "scores.crm_outbox",
            rows("scores.recommendations", *scores),
            rows("scores.account_scores", *own),
            rows("scores.account_segments", *segments),
            rows("features.account_days", *days),
            rows("silver.products", *products),
            rows("silver.accounts", *accounts),
            rows("silver.account_identities", *identities),
        )
        return {row.account_id: row for row in found}

    return build


def test_products_are_readable_and_in_order(outbox):
    ranks = [score(rank=n, product_id=f"p{n}") for n in (7, 6, 5, 4, 3, 2)]
    row = outbox([*ranks, score(rank=1)])["900"]
    assert row.next_product_ids == ["milk", "p2", "p3", "p4", "p5"]
    assert row.next_products[0] == "Fluid Milk, National, 1 GA (milk)"
    assert row.next_products[1] == "p2"  # the ERP does not know it


def test_a_kind_that_the_source_cut_off_ends_with_a_word(outbox):
    row = outbox([score()], products=[{**MILK, "product_type": "SOFT DRINKS CAN CARB ("}])["900"]
    assert row.next_products == ["Soft Drinks Can Carb, National, 1 GA (milk)"]


def test_a_product_without_type_and_size_is_still_named(outbox):
    row = outbox([score()], products=[{**MILK, "product_type": None, "package_size": None}])["900"]
    assert row.next_products == ["National (milk)"]


def test_only_the_newest_list_counts(outbox):
    old = score(as_of=DAY - dt.timedelta(days=1), product_id="old", standing=0.9)
    row = outbox([old, score(standing=0.3)])["900"]
    assert (row.next_product_ids, row.as_of_date, row.score) == (["milk"], DAY, 0.3)


def test_the_score_is_the_accounts_standing_as_its_grade_is(outbox):
    row = outbox([score(standing=0.7, score=0.99), score(rank=2, standing=0.7, score=0.95)])["900"]
    assert (row.score, row.grade) == (0.7, "B")


def test_reasons_are_those_of_the_products_shown_each_once(outbox):
    row = outbox(
        [
            score(rank=1, code="similar_customers"),
            score(rank=2, code="bought_often"),
            score(rank=3, code="similar_customers"),
            score(rank=6, code="popular_now"),
            score(rank=4),
            score(rank=5),
        ]
    )["900"]
    assert [reason.code for reason in row.reasons] == ["similar_customers", "bought_often"]


def test_purchases_are_as_of_the_list(outbox):
    row = outbox(
        [score()],
        [
            day(3, sales_usd=10),
            day(83, sales_usd=5),
            day(84, sales_usd=100),  # older than 12 weeks
            day(-1, sales_usd=1000),  # after the list
            day(1, late=5, sales_usd=2000),  # not known by then
            day(2, sales_usd=4000, superseded_date=DAY),  # believed no more by then
        ],
    )["900"]
    assert (row.last_order_date, row.recency_days) == (DAY - dt.timedelta(days=3), 3)
    assert (row.spend_12_weeks_usd, row.spend_band) == (15, "low")
    assert row.recency_band == "this week"


def test_who_never_bought_has_a_list_all_the_same(outbox):
    row = outbox([score()])["900"]
    assert (row.last_order_date, row.recency_days, row.recency_band) == (None, None, "never")
    assert (row.spend_12_weeks_usd, row.spend_band) == (0, "none")


def test_who_objects_gets_no_offer_and_the_row_says_so(outbox):
    said = {"account_id": "900", "is_contactable": False, "objected_date": DAY}
    for accounts, objected_date in (([said], DAY), ([], None)):
        row = outbox([score()], [day(3, sales_usd=10)], accounts=accounts)["900"]
        assert (row.is_contactable, row.objected_date) == (False, objected_date)
        assert (row.next_products, row.next_product_ids, row.reasons) == ([], [], [])
        assert row.recency_days == 3


def test_an_account_that_is_another_one_s_is_shown_nothing(outbox):
    lists = [score(account_id="7"), score(account_id="8")]
    same = [{"account_id": "8", "customer_id": "7"}]
    assert {*outbox(lists, identities=same)} == {"7"}


def test_no_scores_make_an_empty_outbox(outbox):
    assert outbox([], [day(1, sales_usd=1)]) == {}


def test_rules_hold_for_a_good_row_and_for_none(broken):
    good = {"grade": "A", "trend": "new"}
    assert broken("scores.crm_outbox", {**good, "recency_days": None}) == set()
    assert broken("scores.crm_outbox") == set()


def test_what_no_salesperson_should_see_does_not_leave(broken):
    bad = {"grade": "F", "trend": "up", "recency_days": -1, "spend_12_weeks_usd": -0.01}
    assert broken("scores.crm_outbox", {**bad, "valid_until": DAY - dt.timedelta(days=1)}) == {
        "no_such_grade",
        "no_such_trend",
        "bought_in_the_future",
        "negative_spend",
        "expired_when_made",
    }


def own(name="churn", as_of=DAY, **told):
    return {
        "account_id": "900",
        "score_name": name,
        "as_of_date": as_of,
        "valid_until": as_of + dt.timedelta(days=7),
        **told,
    }


def test_the_accounts_own_scores_are_the_newest_that_hold_on_the_lists_date(outbox):
    def ago(days):
        return DAY - dt.timedelta(days=days)

    why = [("recency_high", "Days since the last order: 40")]
    found = outbox(
        [score(), score(account_id="901")],
        own=[
            own(as_of=ago(3), score=0.1, grade="A", trend="steady"),
            own(as_of=ago(1), score=0.7, grade="E", trend="declining", reasons=why),
            own(as_of=DAY + dt.timedelta(days=1), score=0.9),  # made later than the list
            own("offer_response", ago(8), campaign_id="13", score=0.5),  # holds no more
            own("value", score=120.504, grade="B"),
            own(account_id="901", name="offer_response", campaign_id="14", score=0.2, grade="C"),
        ],
        accounts=[IN_CRM, {**IN_CRM, "account_id": "901"}],
    )
    row, other = found["900"], found["901"]
    assert (row.churn_chance, row.churn_grade, row.churn_trend) == (0.7, "E", "declining")
    assert [reason.code for reason in row.churn_reasons] == ["recency_high"]
    assert (row.offer_campaign_id, row.offer_chance) == (None, None)
    assert (row.value_usd, row.value_grade) == (120.5, "B")  # to the cent
    assert (other.churn_chance, other.churn_reasons) == (None, [])
    assert (other.offer_campaign_id, other.offer_chance, other.offer_grade) == ("14", 0.2, "C")


def test_who_objects_to_marketing_is_told_no_reasons_for_leaving(outbox):
    why = [("recency_high", "Days since the last order: 40")]
    objects = {"account_id": "900", "is_contactable": False}
    row = outbox([score()], own=[own(score=0.7, reasons=why)], accounts=[objects])["900"]
    assert row.churn_reasons == []


def segment(name="Loyal", made=DAY, account_id="900", **told):
    """Null: in none."""
    return {
        "account_id": account_id,
        "segment_id": name and 1,
        "segment_name": name,
        "as_of_date": made,
        "valid_until": made + dt.timedelta(days=7),
        **told,
    }


def test_the_segment_is_the_newest_that_holds_on_the_day_of_the_customers_own_list(outbox):
    a_week_ago, tomorrow = DAY - dt.timedelta(days=7), DAY + dt.timedelta(days=1)
    found = outbox(
        # the other's list is a week older
        [score(), score(account_id="901", as_of=a_week_ago)],
        segments=[
            segment("Bargain hunters", a_week_ago),
            segment("Loyal"),
            segment("At risk", tomorrow),  # made later than the list
            segment("Dormant", a_week_ago, account_id="901"),
            segment("New", account_id="901"),
        ],
        accounts=[IN_CRM, {**IN_CRM, "account_id": "901"}],
    )
    assert found["900"].segment_name == "Loyal"
    assert (found["901"].as_of_date, found["901"].segment_name) == (a_week_ago, "Dormant")


def test_a_segment_that_holds_no_more_is_not_shown(outbox):
    for days_ago, expected in (
        (7, "Loyal"),
        (8, None),
    ):  # the last day on which it holds, and after
        made = DAY - dt.timedelta(days=days_ago)
        assert outbox([score()], segments=[segment(made=made)])["900"].segment_name == expected


def test_who_has_left_a_segment_is_in_none(outbox):
    before = segment(made=DAY - dt.timedelta(days=1))
    assert outbox([score()], segments=[before, segment(None)])["900"].segment_name is None


def test_who_is_in_no_segment_has_a_row_all_the_same(outbox):
    others = segment(account_id="901")
    assert outbox([score()], segments=[others])["900"].segment_name is None
