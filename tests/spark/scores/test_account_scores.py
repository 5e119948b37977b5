import datetime as dt
import json

import pytest

DAY = dt.date(2017, 3, 5)
WHY = [
    {"code": "recency_high", "en": "Days since the last order: 40", "zh": "已有 40 天没有下单"},
    {"code": "spend_low", "en": "Spent only 12 USD", "zh": "只消费 12 USD"},
]


def days(count):
    return dt.timedelta(days=count)


def answer(account_id="900", as_of=DAY, **told):
    return {
        "account_id": account_id,
        "score_name": "churn",
        "campaign_id": None,
        "grade": "B",
        "reasons": "[]",
        "as_of_date": as_of,
        "_known_at": dt.datetime(2017, 3, 6, 5),
        **told,
    }


@pytest.fixture
def scores(rows, made):
    def build(*answers):
        found = made("scores.account_scores", rows("bronze.account_scores", *answers))
        return {(row.account_id, row.score_name, row.as_of_date): row for row in found}

    return build


def test_reasons_have_codes_and_sentences_in_two_languages(scores):
    row = scores(answer(score=0.4, reasons=json.dumps(WHY)))["900", "churn", DAY]
    assert [(r.code, r.text) for r in row.reasons] == [(r["code"], r["en"]) for r in WHY]
    assert row.reasons_zh == [r["zh"] for r in WHY]
    assert (row.score, row.grade) == (0.4, "B")


def test_a_customer_who_is_likelier_to_leave_than_weeks_ago_declines(scores):
    month_ago, week_ago, yesterday = DAY - days(35), DAY - days(7), DAY - days(1)
    found = scores(
        answer("leaves", as_of=month_ago, score=0.10),
        answer("leaves", as_of=yesterday, score=0.29),  # slowly: not against yesterday's
        answer("leaves", score=0.30),
        answer("comes back", as_of=week_ago, score=0.30),
        answer("comes back", score=0.20),
        answer("as before", as_of=week_ago, score=0.30),
        answer("as before", score=0.33),
        answer("long ago", as_of=DAY - days(36), score=0.9),
        answer("long ago", score=0.1),
    )
    told = {account: row.trend for (account, _, day), row in found.items() if day == DAY}
    assert told == {
        "leaves": "declining",
        "comes back": "improving",
        "as before": "steady",
        "long ago": "new",
    }


def test_a_customer_who_is_likelier_to_spend_much_less_declines(scores):
    soft = {"score_name": "soft_churn"}
    found = scores(
        answer(as_of=DAY - days(7), score=0.2, **soft),
        answer(as_of=DAY - days(7), score=0.9),  # another score of the same customer
        answer(score=0.3, **soft),
    )
    assert found["900", "soft_churn", DAY].trend == "declining"


def test_a_value_moves_by_a_tenth_of_itself(scores):
    before = {"as_of": DAY - days(7), "score_name": "value"}
    found = scores(
        *[answer(who, score=200.0, **before) for who in ("more", "as before", "less")],
        answer("more", score_name="value", score=222.0, low=100.0, high=300.0),
        answer("as before", score_name="value", score=215.0),
        answer("less", score_name="value", score=180.0),
    )
    told = {account: row.trend for (account, _, day), row in found.items() if day == DAY}
    assert told == {"more": "improving", "as before": "steady", "less": "declining"}
    row = found["more", "value", DAY]
    assert (row.low, row.high) == (100.0, 300.0)


def test_an_answer_to_one_campaign_is_not_compared_with_another(scores):
    offer = {"score_name": "offer_response"}
    found = scores(
        answer(as_of=DAY - days(7), campaign_id="8", score=0.1, **offer),
        answer(as_of=DAY - days(7), score=0.9),
        answer(campaign_id="13", score=0.5, **offer),
        answer("901", as_of=DAY - days(7), campaign_id="13", score=0.1, **offer),
        answer("901", campaign_id="13", score=0.5, **offer),
    )
    assert found["900", "offer_response", DAY].trend == "new"
    assert found["901", "offer_response", DAY].trend == "improving"


def test_the_newest_drop_of_a_date_counts_as_a_whole_for_each_score(scores):
    first = dt.datetime(2017, 3, 6, 5)
    found = scores(
        answer(_known_at=first, score=0.1),
        answer("901", _known_at=first, score=0.2),
        answer(_known_at=first + dt.timedelta(hours=3), score=0.3),
        answer(_known_at=first, score_name="offer_response", score=0.4),
    )
    assert {key[:2]: row.score for key, row in found.items()} == {
        ("900", "churn"): 0.3,
        ("900", "offer_response"): 0.4,
    }


def test_no_answers_make_no_scores(scores):
    assert scores() == {}


GOOD = {"grade": "A", "trend": "new", "score": 0.5}


def test_rules_hold_for_a_good_score_and_for_none(broken):
    assert broken("scores.account_scores", GOOD) == set()
    assert broken("scores.account_scores") == set()


def test_what_is_no_score_is_not_written(broken):
    assert broken("scores.account_scores", {**GOOD, "score": -0.1, "grade": "F"}) == {
        "no_such_score",
        "no_such_grade",
    }
